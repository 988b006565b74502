"""Bad records in the middle of good ones: each gets a reason or a person, and nothing is lost.

Everything goes through the decoder that the workers use, into the real stages.
"""

import hashlib
from collections import Counter
from dataclasses import replace

import pytest
from google.protobuf.message import Message
from kyufu.events.v1 import common_pb2

from services.eligibility.adapters.identify_stage import APPLICATION_BYTES_MAX
from services.eligibility.adapters.stage_base import REGISTRY_BYTES_MAX
from services.eligibility.tests.delivering import Delivery, Raw
from services.eligibility.tests.pipeline import Pipeline
from services.eligibility.tests.town import SEALER, Form, Home, Member, form, home

SUBMITTED = "applications.submitted"
HOUSEHOLDS, CREDENTIALS = "registry.households", "registry.credentials"
MEGABYTE = 1_000_000
# What a record, its key and the headers around it may weigh on the way to a broker.
BROKER_BYTES_MAX = 1_000_000
LETTER_BYTES_MAX = 256
SECRET = b"shiken-himitsu-"
INPUTS = [(stage.name, topic) for stage in Pipeline().stages for topic in stage.inputs]


def neighbours(count: int) -> list[Home]:
    """Households whose heads' credentials lie on the partition under test."""
    delivery = Delivery()
    fitting = (home(number) for number in range(100, 1000))
    return [each for each in fitting if delivery.belongs(each.head.credential)][:count]


def elsewhere() -> Form:
    """An application that belongs on the other partition."""
    delivery = Delivery()
    homes = (home(number) for number in range(100, 1000))
    return form(next(each for each in homes if not delivery.belongs(each.head.credential)))


HOMES = neighbours(3)
BEFORE, BETWEEN, AFTER = (form(each) for each in HOMES)


def good(delivery: Delivery, application: Form) -> Raw:
    return delivery.record(SUBMITTED, application.applicant.credential, application.submitted())


def message_with(**changes: object) -> bytes:
    message = BETWEEN.submitted()
    for name, value in changes.items():
        setattr(message, name, value)
    return bytes(message.SerializeToString())


def heavy_application(size_bytes: int) -> bytes:
    """One that decodes and weighs at least this much."""
    message = BETWEEN.submitted()
    message.contact.ciphertext = SECRET * (size_bytes // len(SECRET) + 1)
    return bytes(message.SerializeToString())


KEY = BETWEEN.applicant.credential
BAD = [
    ("bytes of nothing", Raw(SUBMITTED, KEY, b"\xff\xff\xff"), "undecodable"),
    ("cut off", Raw(SUBMITTED, KEY, BETWEEN.submitted().SerializeToString()[:-3]), "undecodable"),
    ("empty", Raw(SUBMITTED, KEY, b""), "unknown_programme"),
    ("a null value", Raw(SUBMITTED, KEY, None), "null_value"),
    ("no key", Raw(SUBMITTED, None, message_with()), "no_key"),
    ("another's key", Raw(SUBMITTED, BEFORE.applicant.credential, message_with()), "wrong_key"),
    (
        "a later version of the contract",
        Raw(SUBMITTED, KEY, message_with(), headers=(("type", b"kyufu.events.v2.Submitted"),)),
        "wrong_type",
    ),
    (
        "of the other partition",
        Raw(
            SUBMITTED,
            elsewhere().applicant.credential,
            elsewhere().submitted().SerializeToString(),
        ),
        "wrong_partition",
    ),
    ("an unknown word", Raw(SUBMITTED, KEY, message_with(intent=77)), "unknown_enum"),
    ("an unknown programme", Raw(SUBMITTED, KEY, message_with(programme="x")), "unknown_programme"),
    ("a megabyte of nothing", Raw(SUBMITTED, KEY, b"\xff" * MEGABYTE), "undecodable"),
    ("a megabyte that decodes", Raw(SUBMITTED, KEY, heavy_application(MEGABYTE)), "too_large"),
]


@pytest.mark.parametrize(("bad", "reason"), [r[1:] for r in BAD], ids=[r[0] for r in BAD])
def test_a_bad_application_is_set_aside_and_its_neighbours_are_decided(
    bad: Raw, reason: str
) -> None:
    delivery = Delivery()
    delivery.pipeline.register(*HOMES)
    delivery.pipeline.run()
    records = [good(delivery, BEFORE), bad, good(delivery, AFTER)]
    delivery.batch("identify", [replace(each, offset=at) for at, each in enumerate(records)])
    delivery.pipeline.run()
    assert delivery.reasons() == {1: reason}
    assert delivery.pipeline.outcome(BEFORE) == "APPROVED 200000"
    assert delivery.pipeline.outcome(AFTER) == "APPROVED 200000"
    assert delivery.pipeline.outcome(BETWEEN) == "NONE"
    assert not delivery.pipeline.dead


@pytest.mark.parametrize("bad", [r[1] for r in BAD], ids=[r[0] for r in BAD])
def test_a_dead_letter_points_and_holds_nothing_of_the_record(bad: Raw) -> None:
    delivery = Delivery()
    delivery.batch("identify", [bad])
    (letter,) = delivery.letters
    written = letter.SerializeToString()
    assert len(written) <= LETTER_BYTES_MAX
    assert letter.value_digest == hashlib.sha256(bad.value or b"").digest()
    assert letter.value_size_bytes == len(bad.value or b"")
    assert SECRET not in written
    for content in (bad.key, bad.value and bad.value[:8]):
        assert not content or content not in written


@pytest.mark.parametrize(("stage", "topic"), INPUTS)
@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (b"\xff\xff", (), "undecodable"),
        (b"\xff" * MEGABYTE, (), "undecodable"),
        (None, (), "null_value"),
        (b"", (("type", b"kyufu.events.v9.Other"),), "wrong_type"),
    ],
    ids=["undecodable", "a megabyte", "null", "type"],
)
def test_no_topic_of_any_stage_takes_it(
    stage: str, topic: str, value: bytes | None, headers: tuple[tuple[str, bytes], ...], reason: str
) -> None:
    delivery = Delivery()
    delivery.batch(stage, [Raw(topic, KEY, value, headers=headers)])
    assert delivery.reasons() == {0: reason}
    assert delivery.pipeline.topics == {}


@pytest.mark.parametrize(("stage", "topic"), INPUTS)
def test_an_empty_message_of_any_topic_is_set_aside(stage: str, topic: str) -> None:
    delivery = Delivery()
    delivery.batch(stage, [Raw(topic, KEY, b"")])
    assert len(delivery.letters) == 1
    assert delivery.pipeline.topics == {}


def test_a_field_that_only_a_newer_writer_knows_is_carried_on() -> None:
    delivery = Delivery()
    delivery.pipeline.register(*HOMES)
    delivery.pipeline.run()
    newer = BETWEEN.submitted().SerializeToString() + b"\xc2\x3e\x03abc"
    delivery.batch("identify", [delivery.record(SUBMITTED, KEY, newer)])
    assert delivery.pipeline.run().outcome(BETWEEN) == "APPROVED 200000"
    (claim,) = delivery.pipeline.topics["applications.deduplicated"]
    assert b"\xc2\x3e\x03abc" in claim.message.SerializeToString()


def test_the_heaviest_application_and_household_still_fit_when_they_travel_together() -> None:
    """A claim carries both, its review carries the claim, and a broker takes a megabyte."""
    heavy = home(100, 1000)
    application = form(heavy, persons=(heavy.head,), complete=False)
    message = application.submitted()
    message.contact.ciphertext = b"x" * (APPLICATION_BYTES_MAX - message.ByteSize() - 8)
    assert message.ByteSize() <= APPLICATION_BYTES_MAX
    record = heavy.household()
    stretched = (REGISTRY_BYTES_MAX - record.ByteSize() - 64) // len(heavy.members) - 4
    weighed = type(record).FromString(record.SerializeToString())
    for person in weighed.household.persons[1:]:
        person.name_kana.ciphertext += b"x" * stretched
    assert 0.9 * REGISTRY_BYTES_MAX < weighed.ByteSize() <= REGISTRY_BYTES_MAX
    pipeline = Pipeline()
    pipeline.put(HOUSEHOLDS, heavy.unit, weighed)
    for credential in heavy.credentials()[:1]:
        pipeline.put(CREDENTIALS, heavy.head.credential, credential)
    pipeline.register()
    pipeline.run()
    pipeline.put(SUBMITTED, heavy.head.credential, message)
    assert pipeline.run().outcome(application).startswith("WAITING")
    pipeline.answer_last_review(1)
    sizes = [r.message.ByteSize() for records in pipeline.topics.values() for r in records]
    assert not pipeline.dead
    assert max(sizes) < BROKER_BYTES_MAX * 0.9


@pytest.mark.parametrize(("more", "letters"), [(0, 0), (1, 1)])
def test_an_application_one_byte_above_the_bound_is_set_aside(more: int, letters: int) -> None:
    message = BETWEEN.submitted()
    room = APPLICATION_BYTES_MAX - message.ByteSize()
    message.contact.ciphertext += b"x" * room
    over = message.ByteSize() - APPLICATION_BYTES_MAX
    message.contact.ciphertext = message.contact.ciphertext[: -over or None] + b"x" * more
    assert message.ByteSize() == APPLICATION_BYTES_MAX + more
    delivery = Delivery()
    delivery.batch("identify", [delivery.record(SUBMITTED, KEY, message)])
    assert [letter.reason for letter in delivery.letters] == ["too_large"] * letters


def test_a_register_record_of_a_megabyte_is_set_aside() -> None:
    record = HOMES[0].household()
    heavy = type(record).FromString(record.SerializeToString())
    heavy.household.persons[0].name_kana.ciphertext = SECRET * (MEGABYTE // len(SECRET))
    delivery = Delivery(partition=int(not Delivery().belongs(HOMES[0].unit)))
    delivery.batch("dedup", [delivery.record(HOUSEHOLDS, HOMES[0].unit, heavy)])
    assert [letter.reason for letter in delivery.letters] == ["too_large"]


@pytest.mark.parametrize("code", ["", "131010", "991007", "130001"])
def test_a_household_of_an_unknown_municipality_is_set_aside_and_the_next_one_counts(
    code: str,
) -> None:
    delivery = Delivery()
    here = [h for h in map(home, range(300, 330)) if delivery.belongs(h.unit)][:3]
    nowhere = Home(here[1].number, here[1].members, code)
    records = [
        delivery.record(HOUSEHOLDS, each.unit, each.household())
        for each in (here[0], nowhere, here[2])
    ]
    delivery.batch("dedup", records)
    assert delivery.reasons() == {2: "unknown_municipality"}
    for each in here:
        for credential in each.credentials():
            named = credential.credential.credential_fingerprint
            delivery.pipeline.put(CREDENTIALS, named, credential)
    delivery.pipeline.register()
    delivery.pipeline.run()
    for each in here:
        delivery.pipeline.submit(form(each))
    delivery.pipeline.run()
    outcomes = [delivery.pipeline.outcome(form(each)) for each in here]
    assert outcomes == ["APPROVED 200000", "REFUSED NOT_IN_REGISTER", "APPROVED 200000"]


LOST = Member("ﾀﾞﾚﾓｼﾗﾇ")


def wrong_account(of: Home) -> Message:
    """An account number of six digits, sealed as intake would have."""
    application = form(of)
    message = application.submitted()
    plain = b"00010011123456" + of.head.kana
    owner = application.application_id
    message.account.account.CopyFrom(SEALER.seal("account", "application", owner, "account", plain))
    return message


def test_records_in_are_decided_looked_at_or_set_aside_and_nothing_else() -> None:
    delivery = Delivery()
    homes = neighbours(12)
    shared = Home(homes[5].number, (homes[5].head, homes[4].members[1]))
    homes[5] = shared
    delivery.pipeline.register(*homes)
    disputed = homes[6].credentials(version=1)[0]
    stolen = type(disputed).FromString(disputed.SerializeToString())
    stolen.credential.resident_id = homes[7].head.resident_id
    delivery.pipeline.put(CREDENTIALS, homes[6].head.credential, stolen)
    delivery.pipeline.run()
    stranger = form(homes[8], persons=(*homes[8].members, LOST))
    forms = [*map(form, homes[:8]), stranger]
    records: list[Raw] = []
    for bad, application in zip(BAD, [*forms, *forms], strict=False):
        records += [bad[1], good(delivery, application)]
    records.append(delivery.record(SUBMITTED, homes[9].head.credential, wrong_account(homes[9])))
    delivery.batch("identify", [replace(each, offset=at) for at, each in enumerate(records)])
    pipeline = delivery.pipeline.run()
    accepted = {each.application_id for each in forms} | {form(homes[9]).application_id}
    latest = {id_: outcome_of(pipeline, id_) for id_ in accepted}
    assert Counter(latest.values()) == {
        "APPROVED": 6,
        "REFUSED ACCOUNT_INVALID": 1,
        "REFUSED ALREADY_CLAIMED": 1,
        "WAITING CLAIM_DISPUTED": 1,
        "WAITING MEMBER_UNKNOWN": 1,
    }
    assert latest[form(shared).application_id] == "REFUSED ALREADY_CLAIMED"
    retries = sum(what == "application_repeated" for _, what in pipeline.meter.ignored_events)
    assert not pipeline.dead
    assert len(records) == len(accepted) + retries + len(delivery.letters)
    assert len(delivery.letters) == len(BAD)
    waiting = [id_ for id_, outcome in latest.items() if outcome.startswith("WAITING")]
    assert sorted(waiting) == sorted(each.application_id for each in pipeline.reviews())


def outcome_of(pipeline: Pipeline, application_id: bytes) -> str:
    mine = [each for each in pipeline.decisions() if each.application_id == application_id]
    last = mine[-1]
    words = [common_pb2.Outcome.Name(last.outcome).removeprefix("OUTCOME_")]
    words += [common_pb2.Reason.Name(each).removeprefix("REASON_") for each in last.reasons]
    return " ".join(words)
