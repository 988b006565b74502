"""Records that would break a rule are set aside with a reason, and whatever follows goes on."""

from typing import Any

import pytest
from google.protobuf.message import Message
from kyufu.events.v1 import applications_pb2, common_pb2, registry_pb2, reviews_pb2

from services.eligibility.adapters.messages import TIME_MS_END
from services.eligibility.tests.pipeline import Pipeline
from services.eligibility.tests.playing import HOME
from services.eligibility.tests.town import PROGRAMME, SNAPSHOT, Home, form, home, id16

ACCOUNT = HOME.registered_account(HOME.head, "5555555")
RELEASE = applications_pb2.ApplicationDeduplicated(
    event_id=id16("release"),
    release=applications_pb2.AccountRelease(
        account_fingerprint=id16("account"), claim_unit_id=HOME.unit, programme=PROGRAMME
    ),
)


def closing(register: int) -> registry_pb2.RegistryRecord:
    number = registry_pb2.Register.ValueType(register)
    return registry_pb2.RegistryRecord(
        snapshot_id=SNAPSHOT, complete=registry_pb2.RegistryComplete(register=number)
    )


def about_a_release() -> reviews_pb2.ReviewResolved:
    return reviews_pb2.ReviewResolved(
        review_id=id16("review"),
        resolution=reviews_pb2.RESOLUTION_ACCEPT,
        stage_event_type=RELEASE.DESCRIPTOR.full_name,
        stage_event=RELEASE.SerializeToString(),
    )


def decided() -> applications_pb2.ApplicationDecided:
    return applications_pb2.ApplicationDecided(
        programme=PROGRAMME,
        claim_unit_id=HOME.unit,
        revision=1,
        outcome=common_pb2.OUTCOME_REFUSED,
        stage=common_pb2.STAGE_DECIDE,
    )


def shortened(record: registry_pb2.RegistryRecord, *path: str) -> registry_pb2.RegistryRecord:
    """The record with one byte less in the field at the path; of a list, in its first."""
    short = registry_pb2.RegistryRecord.FromString(record.SerializeToString())
    owner: Any = short
    for name in path[:-1]:
        inner = getattr(owner, name)
        owner = inner[0] if name == "persons" else inner
    if path[-1] == "resident_ids":
        owner.resident_ids[0] = owner.resident_ids[0][:-1]
    else:
        setattr(owner, path[-1], getattr(owner, path[-1])[:-1])
    return short


OWN_ACCOUNT = HOME.unit + HOME.head.resident_id
NO_FINGERPRINT = shortened(ACCOUNT, "account", "account", "account_fingerprint")
NO_PERSON = shortened(HOME.household(), "household", "persons", "resident_id")
NOBODY = shortened(HOME.separation(HOME.head), "separation", "resident_ids")
RECORDS = [
    ("registry.accounts", OWN_ACCOUNT, NO_FINGERPRINT, "bad_account"),
    ("registry.households", HOME.unit, NO_PERSON, "bad_resident_id"),
    ("registry.separations", HOME.unit, NOBODY, "bad_resident_id"),
    ("registry.households", b"k", closing(99), "unknown_enum"),
    ("registry.households", b"k", closing(registry_pb2.REGISTER_SEPARATIONS), "wrong_register"),
    ("registry.credentials", b"k", closing(registry_pb2.REGISTER_HOUSEHOLDS), "wrong_register"),
    ("registry.accounts", HOME.unit, ACCOUNT, "wrong_key"),
    ("reviews.resolved.link", id16("account"), about_a_release(), "no_content"),
    ("applications.decided", home(2).unit, decided(), "wrong_key"),
]


@pytest.mark.parametrize(("topic", "key", "message", "reason"), RECORDS)
def test_a_record_is_set_aside_with_its_reason(
    topic: str, key: bytes, message: Message, reason: str
) -> None:
    pipeline = Pipeline()
    pipeline.put(topic, key, message)
    assert pipeline.run().dead == [(topic, reason)]
    pipeline.register(HOME)
    pipeline.submit(form(HOME))
    assert pipeline.run().outcome(form(HOME)) == "APPROVED 300000"


def test_an_instant_without_a_legal_day_is_set_aside() -> None:
    pipeline = Pipeline()
    pipeline.register(HOME)
    pipeline.submit(form(HOME, submitted_at_ms=10**15))
    assert pipeline.run().dead == [("applications.submitted", "no_such_time")]


@pytest.mark.parametrize("code", ["", "131010", "991007", "130001"])
def test_a_register_record_of_an_unknown_municipality_is_set_aside(code: str) -> None:
    nowhere = Home(9, home(9).members, code)
    pipeline = Pipeline()
    pipeline.register(nowhere)
    reason = "unknown_municipality"
    assert set(pipeline.run().dead) == {
        ("registry.households", reason),
        ("registry.credentials", reason),
    }
    assert len(pipeline.dead) == 1 + len(nowhere.members)


@pytest.mark.parametrize(
    ("at_ms", "reason"),
    [(0, "no_time"), (-1, "no_time"), (TIME_MS_END, "no_such_time"), (2**62, "no_such_time")],
)
def test_a_tick_of_no_possible_time_moves_no_clock(at_ms: int, reason: str) -> None:
    pipeline = Pipeline()
    pipeline.submit(form(HOME))
    pipeline.tick(at_ms)
    assert pipeline.run().dead == [("clock.ticks", reason)] * 2
    assert pipeline.outcome(form(HOME)) == "NONE"
    pipeline.register(HOME)
    assert pipeline.run().outcome(form(HOME)) == "APPROVED 300000"
