"""Feeds the status projection from the topics, in batches, positions beside the effect.

Runs in a thread of its own. Invariant: without PostgreSQL the feed waits and begins again where its
stored positions stand, while applications go on being taken; any other failure is reported, and the
process ends with it.
"""

import threading
from collections.abc import Callable
from typing import Final, Protocol

import psycopg
import sqlalchemy.exc
from kyufu.events.v1 import applications_pb2, common_pb2, payments_pb2

from chassis.kafka.errors import InvalidMessage, OffsetConflict
from chassis.kafka.records import Record
from chassis.logging import get_logger
from chassis.metrics import Metrics
from services.intake.domain.applications import ApplicationId
from services.intake.domain.statuses import Decision, PaymentState
from services.intake.metric_defs import PROJECTION_RESTARTS
from services.intake.ports import DecisionSeen, PaymentSeen, StatusChange, SubmissionSeen

GROUP: Final = "intake.status"
TOPICS: Final = (
    "applications.submitted",
    "applications.decided",
    "applications.decided.protected",
    "payments.events",
    "payments.events.protected",
)
# PostgreSQL is asked again after this long, without end: to be away is not a failure of intake.
PAUSE_S: Final = 2.0
STOP_TIMEOUT_S: Final = 8.0
_APPLICATION_ID_BYTES: Final = 20

_DECISIONS: Final = {
    common_pb2.OUTCOME_APPROVED: Decision.APPROVED,
    common_pb2.OUTCOME_REFUSED: Decision.REFUSED,
    common_pb2.OUTCOME_SUPERSEDED: Decision.SUPERSEDED,
    common_pb2.OUTCOME_WITHDRAWN: Decision.WITHDRAWN,
    common_pb2.OUTCOME_WAITING: Decision.WAITING,
    common_pb2.OUTCOME_DEAD_LETTERED: Decision.DEAD_LETTERED,
}
# What follows from a payment that gave way, or was never taken, comes as a decision.
_NOT_TOLD: Final = frozenset(
    {
        payments_pb2.PAYMENT_EVENT_KIND_REPLACED,
        payments_pb2.PAYMENT_EVENT_KIND_CANCELLED,
        payments_pb2.PAYMENT_EVENT_KIND_DECISION_REFUSED,
    }
)
_PAYMENT_STATES: Final = {
    payments_pb2.PAYMENT_EVENT_KIND_SETTLED: PaymentState.SETTLED,
    payments_pb2.PAYMENT_EVENT_KIND_RETURNED: PaymentState.RETURNED,
}
_REASON_PREFIX: Final = "REASON_"


class Consumer(Protocol):
    """One life of the consumer, from its stored positions until it fails or is stopped."""

    def run(self) -> None:
        """Consume until `stop`."""
        ...

    def stop(self) -> None:
        """Finish the batch in hand and return from `run`."""
        ...


class StatusFeed:
    """Keeps one consumer running. `connect` brings the tables up to date and builds a consumer."""

    def __init__(
        self,
        connect: Callable[[], Consumer],
        *,
        metrics: Metrics,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._connect = connect
        self._interruptions = metrics.counter(PROJECTION_RESTARTS)
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._consumer: Consumer | None = None
        self._thread = threading.Thread(target=self._run, name="status-feed", daemon=True)

    def start(self) -> None:
        """Begin to consume."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand and end."""
        self._stopping.set()
        with self._lock:
            if self._consumer is not None:
                self._consumer.stop()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._consume()
            except (
                psycopg.OperationalError,
                sqlalchemy.exc.OperationalError,
                OffsetConflict,
            ) as error:
                self._interruptions.inc()
                get_logger().warning(
                    "status projection interrupted", reason=type(error).__name__, pause_s=PAUSE_S
                )
                self._stopping.wait(PAUSE_S)
            except BaseException as error:
                self._on_failure(error)
                return

    def _consume(self) -> None:
        consumer = self._connect()
        with self._lock:
            self._consumer = consumer
        if not self._stopping.is_set():
            consumer.run()


def read(record: Record) -> StatusChange | None:
    """What a record changes in the projection; None for what owners are not told.

    Raises InvalidMessage for values that this version does not know.
    """
    message = record.message
    match message:
        case applications_pb2.ApplicationSubmitted():
            return SubmissionSeen(
                application_id=_application_id(message.application_id),
                client_id=message.client_id,
                credential_fingerprint=message.credential_fingerprint,
                submitted_at_ms=message.submitted_at_ms,
            )
        case applications_pb2.ApplicationDecided():
            return _decision(message)
        case payments_pb2.PaymentEvent():
            return _payment(message)
        case _:
            raise InvalidMessage("wrong_type")


def check(record: Record) -> None:
    """Raises InvalidMessage for a record that `read` cannot take."""
    read(record)


def _decision(message: applications_pb2.ApplicationDecided) -> DecisionSeen:
    decision = _DECISIONS.get(message.outcome)
    if decision is None:
        raise InvalidMessage("unknown_enum")
    return DecisionSeen(
        application_id=_application_id(message.application_id),
        decision=decision,
        reasons=tuple(_reason(reason) for reason in message.reasons),
        amount_yen=message.amount_yen,
        knows_claim_unit=bool(message.claim_unit_id),
        decided_at_ms=message.decided_at_ms,
    )


def _payment(message: payments_pb2.PaymentEvent) -> PaymentSeen | None:
    if message.kind not in payments_pb2.PaymentEventKind.values() or not message.kind:
        raise InvalidMessage("unknown_enum")
    if message.kind in _NOT_TOLD:
        return None
    return PaymentSeen(
        application_id=_application_id(message.application_id),
        payment_id=message.payment_id,
        state=_PAYMENT_STATES.get(message.kind, PaymentState.UNDER_WAY),
        version=message.version,
        occurred_at_ms=message.occurred_at_ms,
    )


def _application_id(value: bytes) -> ApplicationId:
    if len(value) != _APPLICATION_ID_BYTES:
        raise InvalidMessage("wrong_length")
    return ApplicationId(value)


def _reason(reason: int) -> str:
    if reason not in common_pb2.Reason.values():
        raise InvalidMessage("unknown_enum")
    return (
        common_pb2.Reason.Name(common_pb2.Reason.ValueType(reason))
        .removeprefix(_REASON_PREFIX)
        .lower()
    )
