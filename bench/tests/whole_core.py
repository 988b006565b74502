"""The three stages in memory, in one partition: what a town's records come to without Kafka."""

from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path

from google.protobuf.message import Message
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import registry_pb2, reviews_pb2

from bench.outcomes import outcome_of
from bench.town import Outcome, TownKeys, TownRecord
from chassis.streams import Incoming
from services.eligibility.bootstrap import STAGES, build_stage
from services.eligibility.tests.pipeline import CountingMeter, DictState

_TYPES: dict[str, type[Message]] = {
    each.DESCRIPTOR.full_name: each
    for each in (apps.ApplicationSubmitted, registry_pb2.RegistryRecord)
}


class WholeCore:
    """Takes records one by one, each to its end."""

    def __init__(self, keys: TownKeys, secrets: Path) -> None:
        folder = keys.write(secrets)
        self.meter = CountingMeter()
        self.stages = [build_stage(name, self.meter, folder) for name in STAGES]
        self.states = {stage.name: DictState() for stage in self.stages}
        self.outcomes: Counter[Outcome] = Counter()
        self.approved_yen = 0
        self.reviews = 0
        self._offset = 0

    def take(self, records: Iterable[TownRecord]) -> "WholeCore":
        """Feed records in order."""
        for record in records:
            message = _TYPES[record.type].FromString(record.value)
            self._deliver(record.topic, record.key, message)
        return self

    def _deliver(self, topic: str, key: bytes, message: Message) -> None:
        waiting = deque([(topic, key, message)])
        while waiting:
            topic, key, message = waiting.popleft()
            if isinstance(message, apps.ApplicationDecided):
                self.outcomes[outcome_of(message)] += 1
                self.approved_yen += message.amount_yen
            self.reviews += isinstance(message, reviews_pb2.ReviewOpened)
            self._offset += 1
            for stage in self.stages:
                if topic not in stage.inputs:
                    continue
                incoming = Incoming(topic, 0, self._offset, key, message, 0, None)
                stage.check(incoming)
                for output in stage.process([incoming], self.states[stage.name]):
                    parsed = type(output.message).FromString(output.message.SerializeToString())
                    waiting.append((output.topic, output.key, parsed))
