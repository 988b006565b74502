"""The whole way in memory: identify, dedup, link and decide with a small payments that answers.

Records go through real bytes and the real stage adapters; only Kafka is missing. Every step takes
one record, so that tests choose the interleaving: `run()` drains everything, `step(topic)` one.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf.message import Message
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2, operations_pb2, payments_pb2, registry_pb2, reviews_pb2

from chassis.ids import event_id
from chassis.kafka.topics import TopicCatalogue
from chassis.streams import Incoming, InvalidMessage, StageLogic
from services.eligibility.adapters.dedup_stage import DedupStage
from services.eligibility.adapters.identify_stage import IdentifyStage
from services.eligibility.adapters.link_stage import LinkStage
from services.eligibility.adapters.sealed_values import SealedValues
from services.eligibility.domain.dedup import Dedup
from services.eligibility.domain.identify import Identify
from services.eligibility.domain.link import Link
from services.eligibility.domain.looks import Looks
from services.eligibility.tests.counting import CountingMeter
from services.eligibility.tests.fake_payments import FakePayments
from services.eligibility.tests.town import OPENER, PROGRAMMES, SNAPSHOT, Form, Home

KNOWN_BRANCHES = frozenset({("0001", "001"), ("9900", "058")})
REGISTERS = {
    registry_pb2.REGISTER_HOUSEHOLDS: "registry.households",
    registry_pb2.REGISTER_CREDENTIALS: "registry.credentials",
    registry_pb2.REGISTER_ACCOUNTS: "registry.accounts",
    registry_pb2.REGISTER_SEPARATIONS: "registry.separations",
}
STEPS_MAX = 100_000
CATALOGUE = TopicCatalogue.load()


class Written(NamedTuple):
    """A record on a topic."""

    topic: str
    key: bytes
    message: Message


def same_outcome(first: apps.ApplicationDecided, again: apps.ApplicationDecided) -> bool:
    """Whether both say the same; a record that is read again may be answered at a later time."""
    later = apps.ApplicationDecided.FromString(again.SerializeToString())
    later.decided_at_ms = first.decided_at_ms
    return first == later


class DictState:
    """State of a partition in a dictionary."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.logged: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self.values[key] = self.logged[key] = value

    def load(self, key: bytes, value: bytes) -> None:
        self.values[key] = value

    def delete(self, key: bytes) -> None:
        self.values.pop(key, None)
        self.logged.pop(key, None)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted((k, v) for k, v in self.values.items() if k.startswith(prefix)))


@dataclass
class Pipeline:
    """Topics as lists, stages with their cursors, and payments."""

    meter: CountingMeter = field(default_factory=CountingMeter)
    payments: FakePayments = field(default_factory=FakePayments)
    topics: dict[str, list[Written]] = field(default_factory=dict)
    dead: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        snapshots = {name: rules.snapshot_id for name, rules in PROGRAMMES.items()}
        self.stages: list[StageLogic] = [
            IdentifyStage(Identify(snapshots, event_id), self.meter),
            DedupStage(Dedup(Looks(PROGRAMMES, event_id)), self.meter),
            LinkStage(
                Link(PROGRAMMES, lambda bank, branch: (bank, branch) in KNOWN_BRANCHES, event_id),
                SealedValues(OPENER),
                self.meter,
            ),
        ]
        self.states = {stage.name: DictState() for stage in self.stages}
        self.queues: dict[str, dict[str, deque[int]]] = {
            stage.name: {topic: deque() for topic in stage.inputs} for stage in self.stages
        }
        self.paying: deque[tuple[str, int]] = deque()

    # -- putting in -------------------------------------------------------------------------

    def put(self, topic: str, key: bytes, message: Message) -> None:
        """Append a record; every stage that reads the topic will find it."""
        records = self.topics.setdefault(topic, [])
        records.append(Written(topic, key, message))
        for queues in self.queues.values():
            if topic in queues:
                queues[topic].append(len(records) - 1)
        if topic.startswith(("applications.decided", "holds.")):
            self.paying.append((topic, len(records) - 1))

    def register(self, *homes: Home, complete: bool = True) -> None:
        """Load households and credentials, and close all registers."""
        for home in homes:
            self.put("registry.households", home.unit, home.household())
            for record in home.credentials():
                key = record.credential.credential_fingerprint + record.snapshot_id.encode()
                self.put("registry.credentials", key, record)
        if complete:
            self.complete(*REGISTERS)

    def complete(self, *registers: int) -> None:
        """Close registers."""
        for register in registers:
            number = registry_pb2.Register.ValueType(register)
            record = registry_pb2.RegistryRecord(
                snapshot_id=SNAPSHOT,
                version=1,
                complete=registry_pb2.RegistryComplete(register=number),
            )
            self.put(REGISTERS[number], b"complete", record)

    def submit(self, form: Form) -> Form:
        """An application as intake writes it."""
        self.put("applications.submitted", form.applicant.credential, form.submitted())
        return form

    def tick(self, at_ms: int) -> None:
        """A round of the clock."""
        self.put("clock.ticks", b"tick", operations_pb2.ClockTick(at_ms=at_ms))

    def resolve(self, review: reviews_pb2.ReviewOpened, resolution: int, at_ms: int = 0) -> None:
        """A case worker's answer as the console writes it."""
        stage = common_pb2.Stage.Name(review.stage).removeprefix("STAGE_").lower()
        message = reviews_pb2.ReviewResolved(
            event_id=event_id(review.application_id, 0, "console", review.review_id, resolution),
            review_id=review.review_id,
            stage=review.stage,
            stage_key=review.stage_key,
            stage_event_type=review.stage_event_type,
            stage_event=review.stage_event,
            resolution=reviews_pb2.Resolution.ValueType(resolution),
            reasons=review.reasons,
            actor="case-worker",
            resolved_at_ms=at_ms or review.opened_at_ms,
        )
        self.put(f"reviews.resolved.{stage}", review.stage_key, message)

    # -- going on ---------------------------------------------------------------------------

    def run(self) -> "Pipeline":
        """Until nothing moves any more."""
        for _ in range(STEPS_MAX):
            ready = self.ready()
            if not ready:
                return self
            self.step(*ready[0])
        raise AssertionError("the pipeline does not come to rest")

    def ready(self) -> list[tuple[str, str]]:
        """(reader, topic) pairs that have something to read; stages first, payments last."""
        found = [
            (name, topic)
            for name, queues in self.queues.items()
            for topic, queue in queues.items()
            if queue
        ]
        return found + ([("payments", "")] if self.paying else [])

    def step(self, reader: str, topic: str) -> None:
        """One record of one reader."""
        if reader == "payments":
            self._pay()
            return
        stage = next(each for each in self.stages if each.name == reader)
        self.feed(stage, topic, self.queues[reader][topic].popleft())

    def feed(self, stage: StageLogic, topic: str, offset: int) -> None:
        """Let a stage take the record at `offset`, once more if it had it already."""
        record = self.topics[topic][offset]
        value = record.message.SerializeToString()
        message = type(record.message).FromString(value)
        incoming = Incoming(topic, 0, offset, record.key, message, 0, None, value)
        try:
            stage.check(incoming)
        except InvalidMessage as verdict:
            self.dead.append((topic, verdict.reason_code))
            return
        list(stage.state_keys([incoming]))
        for output in stage.process([incoming], self.states[stage.name]):
            assert output.topic in stage.outputs
            written = output.message
            if isinstance(written, bytes):
                written = CATALOGUE.codec(output.topic).decode(written)
            self.put(output.topic, output.key, written)

    def _pay(self) -> None:
        topic, offset = self.paying.popleft()
        message = self.topics[topic][offset].message
        if isinstance(message, payments_pb2.Hold):
            self.payments.take_hold(message)
            return
        assert isinstance(message, apps.ApplicationDecided)
        self.publish(self.payments.take(message))

    def publish(self, events: list[payments_pb2.PaymentEvent]) -> None:
        """What payments says."""
        for event in events:
            protected = event.party.kind == common_pb2.PARTY_KIND_SEPARATED
            topic = "payments.events" + (".protected" if protected else "")
            self.put(topic, event.claim_unit_id, event)

    def freeze(self, home: Home, party_id: bytes | None = None) -> None:
        """The party's payment enters a bank file."""
        self.publish(self.payments.move(home.unit, party_id or home.unit, "FROZEN"))

    def give_back(self, home: Home, party_id: bytes | None = None) -> None:
        """The bank returns the party's payment."""
        self.publish(self.payments.move(home.unit, party_id or home.unit, "RETURNED"))

    # -- looking ----------------------------------------------------------------------------

    def decisions(self) -> list[apps.ApplicationDecided]:
        """All outcomes in the order written; an event read twice counts once."""
        found = [
            record.message
            for topic in ("applications.decided", "applications.decided.protected")
            for record in self.topics.get(topic, [])
        ]
        by_id: dict[bytes, apps.ApplicationDecided] = {}
        for each in found:
            assert isinstance(each, apps.ApplicationDecided)
            known = by_id.setdefault(each.event_id, each)
            assert known is each or same_outcome(known, each), (
                "two different outcomes under one event id"
            )
        return list(by_id.values())

    def latest(self, form: Form) -> apps.ApplicationDecided | None:
        """The last outcome of an application; one that knows the claim unit overrules."""
        mine = [each for each in self.decisions() if each.application_id == form.application_id]
        known = [each for each in mine if each.claim_unit_id]
        found = known or mine
        return found[-1] if found else None

    def outcome(self, form: Form) -> str:
        """The last outcome in words, such as "REFUSED ALREADY_CLAIMED" or "APPROVED 200000"."""
        last = self.latest(form)
        if last is None:
            return "NONE"
        name = common_pb2.Outcome.Name(last.outcome).removeprefix("OUTCOME_")
        if last.outcome == common_pb2.OUTCOME_APPROVED:
            return f"{name} {last.amount_yen}"
        reasons = [common_pb2.Reason.Name(r).removeprefix("REASON_") for r in last.reasons]
        return " ".join([name, *reasons])

    def reviews(self) -> list[reviews_pb2.ReviewOpened]:
        """All reviews opened."""
        found = [
            record.message
            for topic in ("reviews.opened", "reviews.opened.protected")
            for record in self.topics.get(topic, [])
        ]
        return [each for each in found if isinstance(each, reviews_pb2.ReviewOpened)]

    def answer_last_review(self, resolution: int) -> "Pipeline":
        """Resolve the newest review and go on."""
        self.resolve(self.reviews()[-1], resolution)
        return self.run()

    def holds_on(self, home: Home) -> set[bytes]:
        """Hold ids active on a household."""
        return self.payments.active_holds(home.unit)
