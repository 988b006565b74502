"""Watches the outcome of every application on the topics, as any reader of them could.

The last `ApplicationDecided` of an application says what became of it; one keyed by the application
id (written before a claim unit is known) is overruled by one keyed by claim unit.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition
from kyufu.events.v1 import common_pb2, payments_pb2
from kyufu.events.v1.applications_pb2 import ApplicationDecided
from kyufu.events.v1.payments_pb2 import PaymentEvent

from chassis.ids import APPLICATION_ID_BYTES, application_id_text

DECIDED_TOPICS = ("applications.decided", "applications.decided.protected")
PAYMENT_TOPICS = ("payments.events", "payments.events.protected")
BATCH_MAX = 2000
FETCH_BYTES_MIN = 65_536
FETCH_WAIT_MS_MAX = 200
POLL_S = 0.2
QUIET_S = 1.5
METADATA_TIMEOUT_S = 10.0

_K = payments_pb2
# Payments that stand in a bank file and wait for the bank.
AT_THE_BANK = frozenset(
    {_K.PAYMENT_EVENT_KIND_FROZEN, _K.PAYMENT_EVENT_KIND_APPROVED, _K.PAYMENT_EVENT_KIND_SENT}
)
# Payments that a next batch will take.
AT_PLANNING = frozenset(
    {
        _K.PAYMENT_EVENT_KIND_PLANNED,
        _K.PAYMENT_EVENT_KIND_HOLD_CLEARED,
        _K.PAYMENT_EVENT_KIND_FILE_REJECTED,
    }
)


class NotSettled(RuntimeError):
    """The system did not come to rest within a deadline; the message says what was missing."""


@dataclass(frozen=True, slots=True)
class End:
    """What became of an application, by the last event seen."""

    outcome: str
    reasons: tuple[str, ...]
    amount_yen: int
    overruling: bool

    @property
    def label(self) -> str:
        """As the plan of the population names ends, such as "refused ALREADY_CLAIMED".

        A refusal by a case worker is named so, whatever the review was about.
        """
        if "REVIEW_REFUSED" in self.reasons:
            return f"{self.outcome} REVIEW_REFUSED"
        if self.outcome in ("refused", "waiting"):
            return f"{self.outcome} {'+'.join(self.reasons)}"
        return self.outcome


@dataclass(frozen=True, slots=True)
class Money:
    """The last event of a payment."""

    kind: int
    amount_yen: int
    version: int
    application_id: str


class Watch:
    """Reads in a thread of its own from the first record on; all answers are snapshots."""

    def __init__(self, bootstrap: str) -> None:
        self._lock = threading.Lock()
        self._ends: dict[str, End] = {}
        self._money: dict[bytes, Money] = {}
        self._answered: set[str] = set()
        self._last_event_s = time.monotonic()
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "devstack-watch",
                "isolation.level": "read_committed",
                # A display need not wake the broker for each record.
                "fetch.min.bytes": FETCH_BYTES_MIN,
                "fetch.wait.max.ms": FETCH_WAIT_MS_MAX,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        partitions = []
        for topic in DECIDED_TOPICS + PAYMENT_TOPICS:
            metadata = self._consumer.list_topics(topic, METADATA_TIMEOUT_S).topics[topic]
            partitions += [TopicPartition(topic, number, 0) for number in metadata.partitions]
        self._consumer.assign(partitions)
        self._thread = threading.Thread(target=self._read, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def ends(self) -> dict[str, End]:
        with self._lock:
            return dict(self._ends)

    def outcomes(self) -> Counter[str]:
        with self._lock:
            return Counter(end.outcome for end in self._ends.values())

    def decided_yen(self) -> int:
        with self._lock:
            return sum(end.amount_yen for end in self._ends.values() if end.outcome == "approved")

    def money(self) -> dict[bytes, Money]:
        with self._lock:
            return dict(self._money)

    def yen_by_station(self) -> Counter[str]:
        """Yen of payments by where the last event says they stand, such as "planned"."""
        counts: Counter[str] = Counter()
        for money in self.money().values():
            counts[station_of(money.kind)] += money.amount_yen
        return counts

    def paid_yen(self) -> dict[str, int]:
        """Yen that the bank paid and did not give back, by application."""
        return {
            money.application_id: money.amount_yen
            for money in self.money().values()
            if money.kind == _K.PAYMENT_EVENT_KIND_SETTLED
        }

    def wait_decided(
        self, accepted: set[str], deadline_s: float, on_wait: Callable[[], None]
    ) -> None:
        """Until each accepted application has an outcome, each approval its answer, and quiet.

        Raises:
            NotSettled: after `deadline_s`, naming what is missing.
        """

        def missing() -> str | None:
            ends = self.ends()
            undecided = [one for one in accepted if one not in ends]
            if undecided:
                return f"{len(undecided)} applications without outcome, such as {undecided[0]}"
            unanswered = [
                one
                for one, end in ends.items()
                if end.outcome == "approved" and one not in self._answered
            ]
            if unanswered:
                return f"{len(unanswered)} approvals not in the ledger, such as {unanswered[0]}"
            return self._unrest()

        wait_until(missing, deadline_s, on_wait)

    def wait_answered(
        self, applications: set[str], deadline_s: float, on_wait: Callable[[], None]
    ) -> None:
        """Until none of these applications waits for a person any more."""

        def missing() -> str | None:
            ends = self.ends()
            waiting = [one for one in sorted(applications) if ends[one].outcome == "waiting"]
            if not waiting:
                return None
            example = f"{waiting[0]} ({ends[waiting[0]].label})"
            return f"{len(waiting)} answers of case workers had no effect yet, such as {example}"

        wait_until(missing, deadline_s, on_wait)

    def wait_bank(self, deadline_s: float, on_wait: Callable[[], None]) -> None:
        """Until no payment waits for the bank, and it is quiet."""

        def missing() -> str | None:
            waiting = sum(money.kind in AT_THE_BANK for money in self.money().values())
            return f"{waiting} payments wait for the bank" if waiting else self._unrest()

        wait_until(missing, deadline_s, on_wait)

    def _unrest(self) -> str | None:
        return "events still arrive" if time.monotonic() - self._last_event_s < QUIET_S else None

    def _read(self) -> None:
        while not self._stop.is_set():
            for record in self._consumer.consume(BATCH_MAX, POLL_S):
                if record.error() is not None:
                    continue
                self._last_event_s = time.monotonic()
                key, value = record.key() or b"", record.value() or b""
                if record.topic() in DECIDED_TOPICS:
                    self._take_decided(key, value)
                else:
                    self._take_payment(value)

    def _take_decided(self, key: bytes, value: bytes) -> None:
        event = ApplicationDecided.FromString(value)
        end = End(
            outcome=common_pb2.Outcome.Name(event.outcome).removeprefix("OUTCOME_").lower(),
            reasons=tuple(
                sorted(common_pb2.Reason.Name(r).removeprefix("REASON_") for r in event.reasons)
            ),
            amount_yen=event.amount_yen,
            overruling=len(key) != APPLICATION_ID_BYTES,
        )
        text = application_id_text(event.application_id)
        with self._lock:
            known = self._ends.get(text)
            if known is None or end.overruling or not known.overruling:
                self._ends[text] = end

    def _take_payment(self, value: bytes) -> None:
        event = PaymentEvent.FromString(value)
        with self._lock:
            if event.application_id:
                self._answered.add(application_id_text(event.application_id))
            if not event.payment_id:
                return
            known = self._money.get(event.payment_id)
            if known is None or event.version > known.version:
                self._money[event.payment_id] = Money(
                    event.kind,
                    event.amount_yen,
                    event.version,
                    application_id_text(event.application_id),
                )


def station_of(kind: int) -> str:
    """Where a payment stands after an event of this kind."""
    if kind in AT_PLANNING:
        return "planned"
    name = payments_pb2.PaymentEventKind.Name(payments_pb2.PaymentEventKind.ValueType(kind))
    return name.removeprefix("PAYMENT_EVENT_KIND_").lower()


def wait_until(
    missing: Callable[[], str | None], deadline_s: float, on_wait: Callable[[], None]
) -> None:
    """Polls `missing` until it answers None.

    Raises:
        NotSettled: after `deadline_s` seconds, with the last answer.
    """
    end = time.monotonic() + deadline_s
    while (what := missing()) is not None:
        if time.monotonic() > end:
            raise NotSettled(f"after {deadline_s:.0f} s: {what}")
        on_wait()
        time.sleep(POLL_S)
