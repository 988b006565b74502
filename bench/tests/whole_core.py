"""The three stages in memory, in one partition: what a town's records come to without Kafka."""

from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path

from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import reviews_pb2

from bench.outcomes import outcome_of
from bench.town import Outcome, TownKeys, TownRecord
from chassis.kafka.topics import TopicCatalogue
from chassis.streams import Incoming
from services.eligibility.bootstrap import STAGES, build_stage
from services.eligibility.tests.counting import CountingMeter
from services.eligibility.tests.pipeline import DictState


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
        self._catalogue = TopicCatalogue.load()

    def take(self, records: Iterable[TownRecord]) -> "WholeCore":
        """Feed records in order."""
        for record in records:
            self._deliver(record.topic, record.key, record.value)
        return self

    def _deliver(self, topic: str, key: bytes, value: bytes) -> None:
        waiting = deque([(topic, key, value)])
        while waiting:
            topic, key, value = waiting.popleft()
            message = self._catalogue.codec(topic).decode(value)
            if isinstance(message, apps.ApplicationDecided):
                self.outcomes[outcome_of(message)] += 1
                self.approved_yen += message.amount_yen
            self.reviews += isinstance(message, reviews_pb2.ReviewOpened)
            self._offset += 1
            for stage in self.stages:
                if topic not in stage.inputs:
                    continue
                incoming = Incoming(topic, 0, self._offset, key, message, 0, None, value)
                stage.check(incoming)
                for topic_out, key_out, out, _ in stage.process(
                    [incoming], self.states[stage.name]
                ):
                    written = out if isinstance(out, bytes) else out.SerializeToString()
                    waiting.append((topic_out, key_out, written))
