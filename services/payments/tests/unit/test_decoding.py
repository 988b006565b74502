"""Decisions that are believed, and those that are not."""

from collections.abc import Callable

import pytest
from kyufu.events.v1 import applications_pb2, common_pb2, payments_pb2

from chassis.kafka.errors import InvalidMessage
from chassis.kafka.records import Record
from services.payments.domain.money import Payout
from services.payments.entrypoints.bank_watcher import read_receipt
from services.payments.entrypoints.decoding import (
    check_decision,
    check_hold,
    decision_of,
    hold_of,
)
from services.payments.tests.town import NOW, decided_message

Decided = applications_pb2.ApplicationDecided


def record(message: object, topic: str = "applications.decided") -> Record:
    key = getattr(message, "claim_unit_id", b"")
    return Record(topic, 0, 0, key, b"", message=message)  # type: ignore[arg-type]


def test_an_approved_decision_becomes_money_to_plan() -> None:
    taken = record(decided_message("a", persons=("x", "y")))
    check_decision(taken)
    decision = decision_of(taken, NOW)
    assert decision is not None
    assert (decision.amount_yen, len(decision.items)) == (200_000, 2)
    assert decision.payout is Payout.ACCOUNT
    assert not decision.protected


def test_the_topic_says_whether_a_claim_is_protected() -> None:
    decision = decision_of(record(decided_message("a"), "applications.decided.protected"), NOW)
    assert decision is not None
    assert decision.protected


@pytest.mark.parametrize(
    "outcome",
    [common_pb2.OUTCOME_REFUSED, common_pb2.OUTCOME_WAITING, common_pb2.OUTCOME_SUPERSEDED],
)
def test_outcomes_without_money_are_passed_over(outcome: common_pb2.Outcome.ValueType) -> None:
    taken = record(Decided(event_id=b"e" * 16, outcome=outcome))
    check_decision(taken)
    assert decision_of(taken, NOW) is None


def _set(field: str, value: object) -> Callable[[Decided], None]:
    return lambda message: setattr(message, field, value)


def _item_twice(message: Decided) -> None:
    message.items.append(message.items[0])
    message.amount_yen *= 2


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_set("event_id", b""), "event_id_malformed"),
        (_set("outcome", 0), "outcome_unspecified"),
        (_set("application_id", b"short"), "application_id_malformed"),
        (_set("claim_unit_id", b""), "claim_unit_malformed"),
        (_set("programme", ""), "programme_missing"),
        (_set("revision", 0), "revision_missing"),
        (_set("municipality_code", "13101"), "municipality_malformed"),
        (_set("amount_yen", 100_001), "amount_is_not_the_sum"),
        (lambda m: m.ClearField("party"), "party_malformed"),
        (lambda m: m.ClearField("account"), "payout_missing"),
        (lambda m: setattr(m.items[0], "amount_yen", -1), "item_amount_not_positive"),
        (_item_twice, "item_twice"),
    ],
)
def test_a_decision_that_can_never_be_right_is_set_aside(
    spoil: Callable[[Decided], None], reason: str
) -> None:
    message = decided_message("a")
    spoil(message)
    with pytest.raises(InvalidMessage) as refused:
        check_decision(record(message))
    assert refused.value.reason_code == reason


def test_a_hold_names_its_claim_unit_and_its_cause() -> None:
    message = payments_pb2.Hold(
        event_id=b"e" * 16,
        hold_id=b"h" * 16,
        programme="p",
        claim_unit_id=b"c" * 16,
        cause=payments_pb2.HOLD_CAUSE_DEATH,
        version=3,
        active=True,
    )
    check_hold(record(message, "holds.v1"))
    notice = hold_of(record(message, "holds.v1"), NOW)
    assert (notice.version, notice.active, notice.hold_cause) == (3, True, 3)
    message.cause = payments_pb2.HOLD_CAUSE_UNSPECIFIED
    with pytest.raises(InvalidMessage):
        check_hold(record(message, "holds.v1"))


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"accepted":"yes","file":"f","sha256":""}', b'{"accepted":true}',
     b'{"accepted":true,"file":"f","sha256":"xyz"}'],
)  # fmt: skip
def test_what_is_not_a_receipt_is_not_read_as_one(content: bytes) -> None:
    assert read_receipt(content) is None


def test_a_record_under_another_key_is_set_aside() -> None:
    message = decided_message("a")
    wrong = Record("applications.decided", 0, 0, b"another key", b"", message=message)
    with pytest.raises(InvalidMessage, match="wrong_key"):
        check_decision(wrong)
