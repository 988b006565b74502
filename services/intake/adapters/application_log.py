"""Applications into `applications.submitted`: sealed, encoded, acknowledged by the broker.

The key is the credential's fingerprint, by which identify finds the applicant.
"""

from collections.abc import Callable
from typing import Final, Protocol

from google.protobuf.message import Message
from kyufu.events.v1 import applications_pb2, common_pb2

from chassis.clock import Clock
from chassis.ids import event_id
from chassis.kafka.errors import BrokerUnavailable, ProducerBroken, QueueFull
from chassis.kafka.records import RecordPosition
from chassis.logging import get_logger
from chassis.metrics import Metrics
from chassis.sealing import Sealer
from services.intake.domain.applications import AccountPayout, Application, Channel
from services.intake.metric_defs import ACK_SECONDS
from services.intake.ports import NotPublished

TOPIC: Final = "applications.submitted"
STAGE: Final = "intake"
OWNER_KIND: Final = "application"

_CHANNELS: Final = {
    Channel.ONLINE: common_pb2.CHANNEL_ONLINE,
    Channel.PAPER: common_pb2.CHANNEL_PAPER,
    Channel.COUNTER: common_pb2.CHANNEL_COUNTER,
}
_CAPACITIES: Final = {
    "head": applications_pb2.CAPACITY_HEAD,
    "separated": applications_pb2.CAPACITY_SEPARATED,
    "proxy": applications_pb2.CAPACITY_PROXY,
}


class Producer(Protocol):
    """What is needed of the chassis producer."""

    async def produce(
        self, topic: str, key: bytes, value: Message, *, traceparent: str | None = None
    ) -> RecordPosition:
        """Return when the record is durable."""
        ...


class KafkaApplicationLog:
    """The `ApplicationLog` port.

    A record that the broker refuses is no expected outcome: it is raised. A broken producer never
    writes again, so `on_broken` ends the process, and a supervisor starts another.
    """

    def __init__(
        self,
        producer: Producer,
        sealer: Sealer,
        *,
        clock: Clock,
        metrics: Metrics,
        on_broken: Callable[[BaseException], None],
    ) -> None:
        self._on_broken = on_broken
        self._producer = producer
        self._sealer = sealer
        self._monotonic = clock.monotonic
        self._ack_seconds = metrics.histogram(ACK_SECONDS)

    async def publish(
        self, application: Application, traceparent: str | None
    ) -> NotPublished | None:
        record = encode(application, self._sealer)
        started_s = self._monotonic()
        try:
            await self._producer.produce(
                TOPIC, application.credential_fingerprint, record, traceparent=traceparent
            )
        except QueueFull:
            return NotPublished(overloaded=True)
        except BrokerUnavailable as error:
            get_logger().warning("application not acknowledged", reason=str(error))
            return NotPublished(overloaded=False)
        except ProducerBroken as error:
            self._on_broken(error)
            return NotPublished(overloaded=False)
        self._ack_seconds.observe(self._monotonic() - started_s)
        return None


def encode(application: Application, sealer: Sealer) -> applications_pb2.ApplicationSubmitted:
    """The event. A retry encodes to the same ids, though the sealed bytes differ."""
    owner_id = application.application_id
    record = applications_pb2.ApplicationSubmitted(
        event_id=event_id(owner_id, 0, STAGE, b"", 0),
        application_id=owner_id,
        programme=application.programme_id,
        client_id=application.client_id,
        channel=_CHANNELS[application.channel],
        intent=(
            applications_pb2.INTENT_WITHDRAW
            if application.withdraw
            else applications_pb2.INTENT_APPLY
        ),
        credential_fingerprint=application.credential_fingerprint,
        capacity=_CAPACITIES[application.capacity],
        persons=[
            applications_pb2.ClaimedPerson(
                person_fingerprint=person.fingerprint, opted_out=person.opted_out
            )
            for person in application.persons
        ],
        persons_complete=application.persons_complete,
        language=application.language,
        body_digest=application.body_digest,
        submitted_at_ms=application.submitted_at_ms,
        receipt_number=application.receipt_number,
    )
    payout = application.payout
    if isinstance(payout, AccountPayout):
        record.account.account_fingerprint = payout.fingerprint
        record.account.account.CopyFrom(
            sealer.seal("account", OWNER_KIND, owner_id, "account", payout.plaintext)
        )
    elif payout == "registered_account":
        record.registered_account.SetInParent()
    elif payout == "cash":
        record.cash.SetInParent()
    if application.contact_plaintext is not None:
        record.contact.CopyFrom(
            sealer.seal("contact", OWNER_KIND, owner_id, "contact", application.contact_plaintext)
        )
    return record
