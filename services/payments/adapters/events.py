"""News of the ledger as Kafka events and as notices to citizens."""

from collections.abc import Sequence
from typing import Final

from kyufu.events.v1 import common_pb2, payments_pb2
from kyufu.notify.v1 import notify_pb2

from chassis import ids
from chassis.clock import to_ms
from chassis.outbox import OutboxRow, outbox_row
from services.payments.domain.money import BankResult
from services.payments.domain.news import News
from services.payments.domain.payment import Payment, PaymentState

EVENTS_TOPIC: Final = "payments.events"
PROTECTED_EVENTS_TOPIC: Final = "payments.events.protected"
STAGE: Final = "pay"


def event_id_of(news: News) -> bytes:
    """The id of the event: the same cause gives the same id, however often it is told."""
    return ids.event_id(
        news.application_id,
        news.revision,
        f"{STAGE}.{news.kind.name.lower()}",
        news.cause.event_id,
        news.version,
    )


def payment_event(news: News) -> payments_pb2.PaymentEvent:
    """The event of one piece of news."""
    return payments_pb2.PaymentEvent(
        event_id=event_id_of(news),
        causing_event_id=news.cause.event_id,
        kind=payments_pb2.PaymentEventKind.ValueType(news.kind),
        payment_id=news.payment_id,
        application_id=news.application_id,
        programme=news.claim.programme,
        claim_unit_id=news.claim.claim_unit_id,
        party=common_pb2.Party(
            kind=common_pb2.PartyKind.ValueType(news.party_kind), party_id=news.claim.party_id
        ),
        revision=news.revision,
        amount_yen=news.amount_yen,
        municipality_code=news.municipality_code,
        version=news.version,
        batch_id=news.batch_id,
        file_name=news.batch_id,
        line_number=news.line_number,
        bank_result=payments_pb2.BankResult.ValueType(news.bank_result or 0),
        refusal=common_pb2.Reason.ValueType(news.refusal or 0),
        occurred_at_ms=to_ms(news.cause.at),
        hold_cause=payments_pb2.HoldCause.ValueType(news.hold_cause),
    )


def outbox_rows(news: Sequence[News]) -> list[OutboxRow]:
    """Rows for the relay, in order. News of persons living apart goes to its own topic."""
    return [
        outbox_row(
            PROTECTED_EVENTS_TOPIC if each.protected else EVENTS_TOPIC,
            each.claim.claim_unit_id,
            payment_event(each),
            each.cause.traceparent,
        )
        for each in news
    ]


def notice_of(news: News, payment: Payment) -> tuple[bytes, bytes] | None:
    """(event id, NotifyRequest) that tells the citizen what the bank did; None without a contact.

    The id is that of the event told of: a return after a settlement is a notice of its own.
    """
    if not payment.contact_sealed:
        return None
    paid = payment.state is PaymentState.SETTLED
    event_id = event_id_of(news)
    request = notify_pb2.NotifyRequest(
        event_id=event_id,
        application_id=payment.application_id,
        template=notify_pb2.TEMPLATE_PAID if paid else notify_pb2.TEMPLATE_RETURNED,
        contact=common_pb2.Sealed.FromString(payment.contact_sealed),
        language=payment.language,
        amount_yen=payment.amount_yen,
        reasons=_reasons_of(payment.bank_result),
        programme=payment.claim.programme,
    )
    return event_id, request.SerializeToString()


def _reasons_of(result: BankResult | None) -> list[common_pb2.Reason.ValueType]:
    if result is BankResult.NAME_MISMATCH:
        return [common_pb2.REASON_HOLDER_MISMATCH]
    if result in {BankResult.NO_ACCOUNT, BankResult.ACCOUNT_CLOSED}:
        return [common_pb2.REASON_ACCOUNT_INVALID]
    return []
