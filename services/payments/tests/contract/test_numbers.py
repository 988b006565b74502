"""The domain's words carry the numbers of the published contracts."""

import pytest
from kyufu.events.v1 import common_pb2, payments_pb2
from kyufu.payments.v1 import payments_pb2 as staff_pb2

from chassis.kafka.topics import TopicCatalogue, require_reader, require_writer
from services.payments.adapters.events import (
    EVENTS_TOPIC,
    PROTECTED_EVENTS_TOPIC,
    event_id_of,
    payment_event,
)
from services.payments.domain.batch import BatchState
from services.payments.domain.book import Book
from services.payments.domain.money import BankResult, Refusal
from services.payments.domain.news import NewsKind
from services.payments.domain.payment import Payment
from services.payments.entrypoints.consumers import DECISION_TOPICS, HOLD_TOPICS
from services.payments.entrypoints.grpc_service import METHOD_ROLES
from services.payments.handlers.freezing import STAFF_HOLD
from services.payments.tests.town import decision


def test_every_kind_of_news_is_a_kind_of_event() -> None:
    named = {f"PAYMENT_EVENT_KIND_{kind.name}": int(kind) for kind in NewsKind}
    assert named == {
        name: number for name, number in payments_pb2.PaymentEventKind.items() if number
    }


def test_every_result_of_the_bank_has_its_number() -> None:
    named = {f"BANK_RESULT_{result.name}": int(result) for result in BankResult}
    assert named == {name: number for name, number in payments_pb2.BankResult.items() if number}


@pytest.mark.parametrize("refusal", Refusal)
def test_a_refusal_is_a_reason(refusal: Refusal) -> None:
    assert common_pb2.Reason.Name(common_pb2.Reason.ValueType(refusal)) == f"REASON_{refusal.name}"


def test_every_state_of_a_batch_can_be_shown() -> None:
    named = {f"BATCH_STATE_{state.name}" for state in BatchState}
    assert named == {name for name, number in staff_pb2.BatchState.items() if number}


def test_a_hold_of_our_own_is_a_hold_of_the_staff() -> None:
    assert payments_pb2.HOLD_CAUSE_STAFF == STAFF_HOLD


def test_topics_are_declared_with_payments_as_reader_and_writer() -> None:
    catalogue = TopicCatalogue.load()
    for topic in (*DECISION_TOPICS, *HOLD_TOPICS):
        require_reader("payments", catalogue[topic])
    for topic in (EVENTS_TOPIC, PROTECTED_EVENTS_TOPIC):
        require_writer("payments", catalogue[topic])


def test_every_method_of_the_service_names_its_role() -> None:
    (service,) = staff_pb2.DESCRIPTOR.services_by_name.values()
    declared = {f"/{service.full_name}/{method.name}" for method in service.methods}
    assert METHOD_ROLES.keys() == declared


def test_the_same_news_always_has_the_same_event_id() -> None:
    taken = decision("a")
    book, again = Book(), Book()
    for each in (book, again):
        each.plan(
            Payment(
                payment_id=taken.payment_id,
                claim=taken.claim,
                party_kind=taken.party_kind,
                protected=False,
                revision=1,
                application_id=taken.application_id,
                municipality_code=taken.municipality_code,
                amount_yen=taken.amount_yen,
                payout=taken.payout,
            ),
            taken.cause,
        )
    assert event_id_of(book.news[0]) == event_id_of(again.news[0])
    event = payment_event(book.news[0])
    assert event.kind == payments_pb2.PAYMENT_EVENT_KIND_PLANNED
    assert event.causing_event_id == taken.cause.event_id
    assert event.claim_unit_id == taken.claim.claim_unit_id
