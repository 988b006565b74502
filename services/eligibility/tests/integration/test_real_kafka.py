"""The four processes on a real broker: registers by gRPC, an application in, a decision out."""

import os
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import grpc
import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2, registry_pb2
from kyufu.staff.v1 import staff_pb2, staff_pb2_grpc

from chassis.clock import SystemClock
from chassis.fingerprints import Fingerprinter
from chassis.grpc.client import call_metadata, open_sync_channel
from chassis.grpc.tokens import TokenSigner
from chassis.ids import claim_unit_id
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import OutgoingRecord
from chassis.kafka.topics import TopicCatalogue
from chassis.secrets import SecretsDir
from services.eligibility.tests.running import Processes, write_secrets

DECISION_DEADLINE_S: Final = 90.0
# The instant at which the processes start their clocks, and a little.
PLAY_START: Final = datetime(2020, 5, 11, 0, 0, 5, tzinfo=UTC)
PROGRAMME: Final = "tokubetsu-teigaku-2020"
SNAPSHOT: Final = "2020-04-27"
HOUSEHOLD, HEAD, CHILD = (uuid.UUID(int=number) for number in (1, 11, 12))
FILES: Final = {
    registry_pb2.REGISTER_HOUSEHOLDS: (
        "household_id,municipality_code,resident_id,name_kana,born_on,died_on,is_head\n"
        f"{HOUSEHOLD},131016,{HEAD},テスト　イチ,1980-01-31,,1\n"
        f"{HOUSEHOLD},131016,{CHILD},テスト　ニ,2010-01-31,,0\n"
        f"{uuid.UUID(int=2)},131017,{uuid.UUID(int=13)},テスト　サン,1980-01-31,,1\n"
    ),
    registry_pb2.REGISTER_CREDENTIALS: (
        "kind,issuer,serial,resident_id,household_id,municipality_code,valid_from,valid_until\n"
        f"card,Test CA,0a1b,{HEAD},{HOUSEHOLD},131016,2016-01-01,\n"
    ),
    registry_pb2.REGISTER_ACCOUNTS: (
        "resident_id,household_id,bank_code,branch_code,account_type,account_number,"
        "holder_kana,suspended\n"
        f"{HEAD},{HOUSEHOLD},0001,001,1,1234567,テスト　イチ,0\n"
        f"{CHILD},{HOUSEHOLD},0001,001,1,7654321,テスト　ニ,0\n"
    ),
    registry_pb2.REGISTER_SEPARATIONS: "household_id,resident_ids,evidence\n",
}


@pytest.fixture
def installed(own_kafka: str, tmp_path: Path) -> Iterator[Processes]:
    """Topics and keys; a test starts the processes it needs."""
    admin = AdminClient({"bootstrap.servers": own_kafka})
    TopicCatalogue.load().create_all(admin)
    write_secrets(tmp_path / "secrets")
    processes = Processes(own_kafka, tmp_path / "secrets", tmp_path)
    try:
        yield processes
    finally:
        processes.stop()


@pytest.fixture
def processes(installed: Processes) -> Processes:
    """All four. A stage's topics belong to one installation, so the broker is this test's own."""
    for name in ("registers", "identify", "dedup", "link"):
        installed.start(name)
    installed.wait_ready()
    return installed


@pytest.fixture
def importer(installed: Processes) -> Processes:
    """The importer alone."""
    installed.start("registers")
    installed.wait_ready()
    return installed


def load(processes: Processes, secrets: SecretsDir, register: int) -> (
    staff_pb2.ImportRegisterResponse
):  # fmt: skip
    """Import a file, in small chunks that cut lines and characters apart."""
    content = FILES[registry_pb2.Register.ValueType(register)].encode()
    token = TokenSigner(secrets.signing_key("staff"), SystemClock(PLAY_START, time.time())).sign(
        "registrar", {"registrar"}
    )
    requests = [
        staff_pb2.ImportRegisterRequest(
            header=staff_pb2.ImportRegisterHeader(
                register=registry_pb2.Register.ValueType(register),
                snapshot_id=SNAPSHOT,
                version=1,
                complete=True,
            )
        ),
        *(
            staff_pb2.ImportRegisterRequest(chunk=content[start : start + 50])
            for start in range(0, len(content), 50)
        ),
    ]
    with open_sync_channel(f"127.0.0.1:{processes.grpc_port}") as channel:
        stub = staff_pb2_grpc.RegistersServiceStub(channel)
        return stub.ImportRegister(iter(requests), timeout=60, metadata=call_metadata(token))


def submitted(secrets: SecretsDir) -> apps.ApplicationSubmitted:
    """An application as intake writes it, to the account that the register knows."""
    person = Fingerprinter(secrets.pepper("person"))
    return apps.ApplicationSubmitted(
        event_id=os.urandom(16),
        application_id=os.urandom(20),
        programme=PROGRAMME,
        client_id="portal",
        channel=common_pb2.CHANNEL_ONLINE,
        intent=apps.INTENT_APPLY,
        credential_fingerprint=Fingerprinter(secrets.pepper("credential")).of(
            "card", "Test CA", "0a1b"
        ),
        capacity=apps.CAPACITY_HEAD,
        persons=[
            apps.ClaimedPerson(
                person_fingerprint=person.fingerprint(name.encode("cp932") + b"|" + born)
            )
            for name, born in (("ﾃｽﾄｲﾁ", b"1980-01-31"), ("ﾃｽﾄﾆ", b"2010-01-31"))
        ],
        persons_complete=True,
        registered_account=apps.RegisteredAccountPayout(),
        body_digest=os.urandom(32),
        submitted_at_ms=1_589_155_200_000,
    )


def decisions(bootstrap: str, application_id: bytes) -> list[apps.ApplicationDecided]:
    """Committed outcomes of an application, once there is one."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"t{uuid.uuid4().hex}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe(["applications.decided"])
    found: list[apps.ApplicationDecided] = []
    until = time.monotonic() + DECISION_DEADLINE_S
    try:
        while not found and time.monotonic() < until:
            message = consumer.poll(0.5)
            if message is None or message.error():
                continue
            decided = apps.ApplicationDecided.FromString(message.value() or b"")
            if decided.application_id == application_id:
                found.append(decided)
    finally:
        consumer.close()
    return found


@pytest.mark.integration
def test_an_application_is_decided_by_the_four_processes(
    processes: Processes, own_kafka: str, tmp_path: Path
) -> None:
    secrets = SecretsDir(tmp_path / "secrets")
    producer = DurableProducer(own_kafka, "test")
    application = submitted(secrets)
    producer.produce_batch(
        [OutgoingRecord("applications.submitted", application.credential_fingerprint, application)]
    )
    producer.close()
    reports = {register: load(processes, secrets, register) for register in FILES}
    households = reports[registry_pb2.REGISTER_HOUSEHOLDS]
    assert (households.lines, households.loaded, households.error_lines) == (3, 2, 1)
    assert [(e.line, e.reason) for e in households.errors] == [(4, "check_digit")]
    found = decisions(own_kafka, application.application_id)
    assert found, processes.logs()[-4000:]
    assert common_pb2.Outcome.Name(found[0].outcome) == "OUTCOME_APPROVED", found[0].reasons
    assert found[0].amount_yen == 200_000
    accounts = Fingerprinter(secrets.pepper("account"))
    assert found[0].account.account_fingerprint == accounts.fingerprint(b"000100111234567")
    assert found[0].claim_unit_id == claim_unit_id(SNAPSHOT, HOUSEHOLD.bytes)
    assert 'outcome="approved",stage="decide"' in processes.metrics("link")
    assert "ﾃｽﾄ" not in processes.logs()
    assert processes.stop() == dict.fromkeys(("registers", "identify", "dedup", "link"), 0)


@pytest.mark.integration
def test_an_import_without_the_role_is_denied(importer: Processes, tmp_path: Path) -> None:
    secrets = SecretsDir(tmp_path / "secrets")
    clock = SystemClock(PLAY_START, time.time())
    token = TokenSigner(secrets.signing_key("staff"), clock).sign("somebody", {"operator"})
    with open_sync_channel(f"127.0.0.1:{importer.grpc_port}") as channel:
        stub = staff_pb2_grpc.RegistersServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ImportRegister(iter([]), timeout=30, metadata=call_metadata(token))
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
