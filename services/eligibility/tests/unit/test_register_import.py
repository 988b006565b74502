"""Register files: good lines load, bad lines are named by line and column."""

import uuid
from collections.abc import Sequence

import pytest
from google.protobuf.message import Message
from kyufu.events.v1 import registry_pb2

from chassis.fingerprints import Fingerprinter
from chassis.ids import claim_unit_id
from chassis.kafka.partitioner import partition_for
from chassis.kafka.records import OutgoingRecord
from services.eligibility.adapters.register_records import RegisterRecords
from services.eligibility.adapters.register_topics import RegisterTopic
from services.eligibility.domain.municipalities import problem_of
from services.eligibility.handlers import ImportRefused, RegisterImport
from services.eligibility.tests.town import OPENER, SEALER

COLUMNS = "household_id,municipality_code,resident_id,name_kana,born_on,died_on,is_head"
HOME_A, HOME_B = uuid.UUID(int=1), uuid.UUID(int=2)
A, B, C, D = (uuid.UUID(int=number) for number in range(11, 15))


class ListSink:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, Message]] = []
        self.completed: list[str] = []

    def write(self, records: Sequence[tuple[bytes, Message]]) -> None:
        self.records.extend(records)

    def complete(self, register: str) -> None:
        self.completed.append(register)


class ListProducer:
    """Keeps what would be produced."""

    def __init__(self) -> None:
        self.records: list[OutgoingRecord] = []

    def produce_batch(self, records: Sequence[OutgoingRecord]) -> None:
        self.records.extend(records)


def household_of(sink: ListSink) -> registry_pb2.HouseholdRecord:
    record = sink.records[0][1]
    assert isinstance(record, registry_pb2.RegistryRecord)
    return record.household


def importer(register: str, sink: ListSink, municipality: str | None = None) -> RegisterImport:
    records = RegisterRecords(
        "2020-04-27",
        1,
        sealer=SEALER,
        persons=Fingerprinter(b"p" * 32),
        credentials=Fingerprinter(b"c" * 32),
        accounts=Fingerprinter(b"a" * 32),
    )
    return RegisterImport(register, records, sink, municipality=municipality)


def person(
    household: uuid.UUID = HOME_A,
    resident: uuid.UUID = A,
    *,
    code: str = "131016",
    name: str = "テスト　イチ",
    born_on: str = "1980-01-31",
    died_on: str = "",
    head: str = "1",
) -> str:
    return f"{household},{code},{resident},{name},{born_on},{died_on},{head}"


def errors_of(*lines: str) -> tuple[list[tuple[int, str, str]], int]:
    importing = importer("households", ListSink())
    importing.feed([COLUMNS, *lines])
    report = importing.close(complete=False)
    assert report.lines == report.loaded + report.refused
    return [(each.line, each.field, each.reason) for each in report.errors], report.loaded


GOOD = person(HOME_B, D)
BAD_HOUSEHOLDS = [
    ("check digit", [person(code="131017")], [(2, "municipality_code", "check_digit")]),
    ("prefecture 48", [person(code="481010")], [(2, "municipality_code", "unknown_municipality")]),
    ("a prefecture itself", [person(code="130001")], [(2, "municipality_code",
                                                       "unknown_municipality")]),
    ("five digits", [person(code="13101")], [(2, "municipality_code", "not_six_digits")]),
    ("no head", [person(head="0")], [(2, "is_head", "no_head")]),
    ("two heads", [person(), person(resident=B)], [(2, "is_head", "two_heads"),
                                                   (3, "is_head", "two_heads")]),
    ("no such day", [person(born_on="1980-02-30")], [(2, "born_on", "bad_date")]),
    ("dead before born", [person(died_on="1979-01-01")], [(2, "died_on", "died_before_birth")]),
    ("one household in two municipalities", [person(), person(resident=B, code="271004", head="0")],
     [(2, "municipality_code", "household_in_two_municipalities"),
      (3, "municipality_code", "household_in_two_municipalities")]),
    ("kanji", [person(name="試験太郎")], [(2, "name_kana", "bad_kana")]),
    ("head neither 0 nor 1", [person(head="yes")], [(2, "is_head", "not_0_or_1")]),
    ("a line cut short", ["x,y"], [(2, "", "wrong_number_of_columns")]),
    ("the same person twice", [person(), person(head="0")],
     [(2, "household_id", "household_refused"), (3, "resident_id", "person_twice")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "errors"), [r[1:] for r in BAD_HOUSEHOLDS], ids=[r[0] for r in BAD_HOUSEHOLDS]
)
def test_a_bad_household_is_named_by_line_and_the_next_one_loads(
    lines: list[str], errors: list[tuple[int, str, str]]
) -> None:
    assert errors_of(*lines, GOOD) == (errors, 1)


def test_a_person_in_two_households_refuses_the_second_household_whole() -> None:
    found, loaded = errors_of(
        person(), person(resident=B, head="0"), person(HOME_B, C), person(HOME_B, B, head="0")
    )
    assert found == [
        (4, "household_id", "household_refused"),
        (5, "resident_id", "person_in_two_households"),
    ]
    assert loaded == 2


def test_a_household_whose_lines_are_not_together_is_refused_the_second_time() -> None:
    found, loaded = errors_of(person(), GOOD, person(resident=B, head="0"))
    assert found == [(4, "household_id", "household_not_contiguous")]
    assert loaded == 2


def test_another_header_refuses_the_file() -> None:
    with pytest.raises(ImportRefused, match="wrong_header"):
        importer("households", ListSink()).feed(["a,b"])


def test_an_empty_file_cannot_close_a_register() -> None:
    with pytest.raises(ImportRefused, match="no_header"):
        importer("households", ListSink()).close(complete=True)


def test_a_registrar_of_one_municipality_loads_no_other() -> None:
    importing = importer("households", ListSink(), municipality="131016")
    importing.feed([COLUMNS, person(), person(HOME_B, B, code="271004")])
    report = importing.close(complete=False)
    assert [each.reason for each in report.errors] == ["not_your_municipality"]


def test_names_are_sealed_and_the_same_file_gives_the_same_fingerprints() -> None:
    first, second = ListSink(), ListSink()
    for sink in (first, second):
        importing = importer("households", sink)
        importing.feed([COLUMNS, person()])
        importing.close(complete=True)
        assert sink.completed == ["households"]
    one, two = (household_of(sink).persons[0] for sink in (first, second))
    assert "ﾃｽﾄ".encode("cp932") not in one.SerializeToString()
    assert OPENER.open(one.name_kana, owner_id=A.bytes).decode("cp932") == "ﾃｽﾄ ｲﾁ"
    assert one.person_fingerprint == two.person_fingerprint
    assert first.records[0][0] == second.records[0][0]


CREDENTIALS = "kind,issuer,serial,resident_id,household_id,municipality_code,valid_from,valid_until"
ACCOUNTS = (
    "resident_id,household_id,bank_code,branch_code,account_type,account_number,holder_kana,"
    "suspended"
)
SEPARATIONS = "household_id,resident_ids,evidence"
CARD = f"card,テストCA,0a1B,{A},{HOME_A},131016,2016-01-01,"
OTHERS = [
    ("credentials", CREDENTIALS, CARD, None),
    ("credentials", CREDENTIALS, CARD.replace("0a1B", "xyz"), ("serial", "not_hexadecimal")),
    ("credentials", CREDENTIALS, CARD.replace("card,", "sticker,"), ("kind", "unknown_kind")),
    ("credentials", CREDENTIALS, CARD + "2015-01-01", ("valid_until", "ends_before_it_begins")),
    ("credentials", CREDENTIALS, CARD.replace("テストCA", ""), ("issuer", "bad_issuer")),
    ("credentials", CREDENTIALS, CARD.replace("0a1B", " "), ("serial", "bad_serial")),
    ("credentials", CREDENTIALS, CARD.replace("card,", "paper,"), None),
    ("credentials", CREDENTIALS, CARD + "2025-01-01", None),
    ("credentials", CREDENTIALS, CARD.replace(str(A), "A"), ("resident_id", "bad_id")),
    ("accounts", ACCOUNTS, f"{A},{HOME_A},0001,001,1,1234567,テスト　イチ,0", None),
    ("accounts", ACCOUNTS, f"{A},{HOME_A},0001,001,1,12345678,テスト,0",
     ("account_number", "bad_account")),
    ("accounts", ACCOUNTS, f"{A},{HOME_A},0001,999,1,1234567,テスト,0",
     ("branch_code", "unknown_branch")),
    ("accounts", ACCOUNTS, f"{A},{HOME_A},0001,001,3,1234567,テスト,0",
     ("account_type", "bad_account")),
    ("separations", SEPARATIONS, f"{HOME_A},{A} {B},certificate", None),
    ("separations", SEPARATIONS, f"{HOME_A},,certificate",
     ("resident_ids", "nobody_or_somebody_twice")),
    ("separations", SEPARATIONS, f"{HOME_A},{A},hearsay", ("evidence", "unknown_evidence")),
]  # fmt: skip


@pytest.mark.parametrize(("register", "header", "line", "error"), OTHERS)
def test_lines_of_the_other_registers(
    register: str, header: str, line: str, error: tuple[str, str] | None
) -> None:
    sink = ListSink()
    importing = importer(register, sink)
    importing.feed([header, line])
    report = importing.close(complete=False)
    assert [(each.field, each.reason) for each in report.errors] == ([error] if error else [])
    assert len(sink.records) == (0 if error else 1)


def test_a_credential_of_two_residents_is_refused_the_second_time() -> None:
    importing = importer("credentials", ListSink())
    importing.feed([CREDENTIALS, CARD, CARD, CARD.replace(str(A), str(B))])
    report = importing.close(complete=False)
    assert [(each.line, each.reason) for each in report.errors] == [
        (4, "credential_of_two_residents")
    ]


def test_a_household_is_separated_once_so_that_nobody_falls_back_to_the_head() -> None:
    importing = importer("separations", ListSink())
    importing.feed([SEPARATIONS, f"{HOME_A},{A},certificate", f"{HOME_A},{B},certificate"])
    errors = importing.close(complete=False).errors
    assert [(each.line, each.reason) for each in errors] == [(3, "household_separated_twice")]


def test_accounts_of_two_members_have_two_keys_on_the_partition_of_their_claim_unit() -> None:
    sink = ListSink()
    importing = importer("accounts", sink)
    line = f"{HOME_A},0001,001,1,1234567,テスト,0"
    importing.feed([ACCOUNTS, f"{A},{line}", f"{B},{line}"])
    importing.close(complete=False)
    producer = ListProducer()
    RegisterTopic(producer, "accounts", 4, snapshot_id="2020-04-27", version=1).write(sink.records)
    unit = claim_unit_id("2020-04-27", HOME_A.bytes)
    assert [record.key for record in producer.records] == [unit + A.bytes, unit + B.bytes]
    assert {record.partition for record in producer.records} == {partition_for(unit, 4)}


def test_a_credential_of_two_snapshots_has_two_keys_on_the_partition_of_its_fingerprint() -> None:
    producer = ListProducer()
    keys = []
    for snapshot_id in ("2020-04-27", "2021-12-10"):
        records = RegisterRecords(
            snapshot_id,
            1,
            sealer=SEALER,
            persons=Fingerprinter(b"p" * 32),
            credentials=Fingerprinter(b"c" * 32),
            accounts=Fingerprinter(b"a" * 32),
        )
        sink = ListSink()
        importing = RegisterImport("credentials", records, sink, municipality=None)
        importing.feed([CREDENTIALS, CARD])
        importing.close(complete=False)
        topic = RegisterTopic(producer, "credentials", 4, snapshot_id=snapshot_id, version=1)
        topic.write(sink.records)
        keys.append(sink.records[0][0])
    assert keys[0][:16] == keys[1][:16]
    assert [key[16:] for key in keys] == [b"2020-04-27", b"2021-12-10"]
    assert {record.partition for record in producer.records} == {partition_for(keys[0][:16], 4)}


@pytest.mark.parametrize("code", ["010006", "130001", "470007"])
def test_prefectures_are_no_municipalities(code: str) -> None:
    assert problem_of(code) == "unknown_municipality"


@pytest.mark.parametrize("code", ["011002", "131016", "271004", "401307", "472018"])
def test_real_codes_of_municipalities_pass(code: str) -> None:
    assert problem_of(code) is None
