"""Raw records as a broker hands them over, through the real decoder into a stage of the way.

What the decoder sets aside becomes dead letters; whatever the stage writes lies on the pipeline's
topics, from where the rest of the way goes on.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.message import Message
from kyufu.events.v1.operations_pb2 import DeadLetter

from chassis.kafka.partitioner import partition_for
from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.transport import Envelope
from services.eligibility.tests.pipeline import CATALOGUE, Pipeline

PARTITIONS = 2
NOW = datetime(2020, 5, 11, tzinfo=UTC)


@dataclass(frozen=True)
class Raw:
    """What a broker gives, as far as it is read."""

    topic: str
    key: bytes | None
    value: bytes | None
    offset: int = 0
    partition: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 1_589_155_200_000


@dataclass
class Delivery:
    """One partition of the way, fed with batches of raw records."""

    pipeline: Pipeline = field(default_factory=Pipeline)
    partition: int = 0
    letters: list[DeadLetter] = field(default_factory=list)
    offsets: int = 0

    def record(self, topic: str, key: bytes | None, value: Message | bytes | None) -> Raw:
        """The next record of a topic."""
        self.offsets += 1
        content = value.SerializeToString() if isinstance(value, Message) else value
        return Raw(topic, key, content, self.offsets, self.partition)

    def belongs(self, key: bytes) -> bool:
        """Whether a record of this key lies on this partition."""
        return partition_for(key, PARTITIONS) == self.partition

    def batch(self, stage_name: str, records: list[Raw]) -> None:
        """Let a stage take one fetch of one topic as its worker would."""
        stage = next(each for each in self.pipeline.stages if each.name == stage_name)
        count, topic = len(records), records[0].topic
        envelope = Envelope(topic, self.partition, 1, 0, count, count, records)
        taken, rejected = EnvelopeDecoder(stage, CATALOGUE, PARTITIONS).decode(envelope)
        assert len(taken) + len(rejected) == count
        self.letters += [each.dead_letter(f"eligibility.{stage_name}", NOW) for each in rejected]
        list(stage.state_keys(taken))
        for output in stage.process(taken, self.pipeline.states[stage_name]):
            written = output.message
            if isinstance(written, bytes):
                written = CATALOGUE.codec(output.topic).decode(written)
            self.pipeline.put(output.topic, output.key, written)

    def reasons(self) -> dict[int, str]:
        """Why each record was set aside, by its offset."""
        return {letter.source_offset: letter.reason for letter in self.letters}
