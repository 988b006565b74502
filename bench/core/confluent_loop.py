"""The hand-written peer: confluent-kafka, a loop, RocksDB and transactions a partition, no Faust.

What a very good engineer writes for one process that owns all partitions: the same rules, the same
groups (20,000 records or 0.25 s), the same state with a changelog. Left out is what costs no
time at full speed: rebalancing, dead letters (a record that cannot be taken ends it), metrics.

    python -m bench.core.confluent_loop SETTINGS.json
"""

from __future__ import annotations

import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from rocksdict import BlockBasedOptions, DBCompressionType, Options, Rdict, WriteBatch

from bench.core.hops import bytes_of, logic_of
from bench.core.worker import WorkerSettings, say_ready
from bench.town.records import headers_of
from chassis.kafka.topics import TopicCatalogue
from chassis.streams import Incoming, StageLogic

RECORDS_MAX: Final = 20_000
AGE_MAX_S: Final = 0.25
CONSUME: Final = 10_000
POLL_S: Final = 0.05
STEP_S: Final = 30.0
BLOOM_BITS: Final = 10
POSITION: Final = b""


class LoopState:
    """State of a partition: RocksDB, and what the open transaction has changed."""

    def __init__(self, folder: Path) -> None:
        table = BlockBasedOptions()
        table.set_bloom_filter(BLOOM_BITS, False)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_block_based_table_factory(table)
        folder.mkdir(parents=True, exist_ok=True)
        self._database: Any = Rdict(str(folder), options)
        self._known: dict[bytes, bytes | None] = {}
        self._changes: dict[bytes, bytes | None] = {}
        self.logged: dict[bytes, bytes | None] = {}

    def prefetch(self, keys: Iterable[bytes]) -> None:
        """One multi-get for all that is not known."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._known]
        if wanted:
            self._known.update(zip(wanted, self._database[wanted], strict=True))

    def get(self, key: bytes) -> bytes | None:
        """The newest value."""
        if key not in self._known:
            self._known[key] = self._database.get(key)
        return self._known[key]

    def put(self, key: bytes, value: bytes) -> None:
        """Set a value."""
        self._known[key] = self._changes[key] = self.logged[key] = value

    def load(self, key: bytes, value: bytes) -> None:
        """Set a value that a register holds anyway."""
        self._known[key] = self._changes[key] = value
        self.logged.pop(key, None)

    def delete(self, key: bytes) -> None:
        """Remove a value."""
        self._known[key] = self._changes[key] = self.logged[key] = None

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Committed and new values in byte order."""
        merged: dict[bytes, bytes | None] = {}
        for key, value in self._database.items(from_key=prefix):
            if not key.startswith(prefix):
                break
            merged[key] = value
        merged.update({k: v for k, v in self._changes.items() if k.startswith(prefix)})
        return iter([(k, v) for k, v in sorted(merged.items()) if v is not None])

    def commit(self, position: int) -> None:
        """Values and the changelog position in one write."""
        batch = WriteBatch(raw_mode=True)
        for key, value in self._changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(POSITION, str(position).encode())
        self._database.write(batch)
        self._known, self._changes, self.logged = {}, {}, {}

    def close(self) -> None:
        """Release the folder."""
        self._database.close()


class Partition:
    """One partition with its producer and its state."""

    def __init__(self, settings: WorkerSettings, logic: StageLogic, number: int) -> None:
        self._settings, self._logic, self.number = settings, logic, number
        self.state = LoopState(Path(settings.state) / str(number))
        self.offsets: dict[str, int] = {}
        self.records = 0
        self.opened_at = 0.0
        self._position = 0
        catalogue = TopicCatalogue.load()
        self._codecs = {topic: catalogue.codec(topic) for topic in logic.inputs}
        self._headers = {
            topic: headers_of(catalogue.codec(topic).name, placed=False) for topic in logic.outputs
        }
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap,
                "transactional.id": f"{settings.prefix}-{settings.hop}-{number}",
                "partitioner": "murmur2",
                "linger.ms": 100,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 500_000,
            }
        )
        self._producer.init_transactions(STEP_S)

    def take(self, topic: str, messages: list[Message]) -> None:
        """Decode, decide and produce within the open transaction."""
        if not self.records:
            self._producer.begin_transaction()
            self.opened_at = time.monotonic()
        decode, check, number = self._codecs[topic].decode, self._logic.check, self.number
        batch = []
        for message in messages:
            offset, value = message.offset(), message.value()
            assert offset is not None
            assert value is not None
            incoming = Incoming(
                topic, number, offset, message.key() or b"", decode(value),
                message.timestamp()[1], None, value,
            )  # fmt: skip
            check(incoming)
            batch.append(incoming)
        self.state.prefetch(self._logic.state_keys(batch))
        produce = self._producer.produce
        for output in self._logic.process(batch, self.state):
            produce(
                output.topic, bytes_of(output), output.key,
                headers=self._headers[output.topic],
            )  # fmt: skip
        self._producer.poll(0)
        self.offsets[topic] = batch[-1].offset + 1
        self.records += len(batch)

    def due(self, now: float) -> bool:
        """Whether the transaction should be committed."""
        return self.records >= RECORDS_MAX or (
            self.records > 0 and now - self.opened_at >= AGE_MAX_S
        )

    def commit(self, group: Consumer) -> None:
        """Changelog, offsets, transaction; then the store."""
        last = len(self.state.logged) - 1
        for index, (key, value) in enumerate(self.state.logged.items()):
            self._producer.produce(
                self._settings.changelog, value, key, self.number,
                self._note if index == last else None,
            )  # fmt: skip
        offsets = [TopicPartition(each, self.number, at) for each, at in self.offsets.items()]
        self._producer.send_offsets_to_transaction(offsets, group.consumer_group_metadata(), STEP_S)
        self._producer.commit_transaction(STEP_S)
        self.state.commit(self._position)
        self.offsets, self.records = {}, 0

    def _note(self, error: object, message: Any) -> None:
        if error is None:
            self._position = message.offset() + 1


class Loop:
    """Reads everything and hands it out by partition."""

    def __init__(self, settings: WorkerSettings) -> None:
        logic = logic_of(settings.hop, Path(settings.secrets))
        self._registers = settings.registers
        self._tables = {topic for topic in logic.inputs if topic.startswith("registry.")}
        self._partitions = [Partition(settings, logic, n) for n in range(settings.partitions)]
        self._group = Consumer(
            {
                "bootstrap.servers": settings.bootstrap,
                "group.id": f"{settings.prefix}-{settings.hop}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "queued.min.messages": 50_000,
                "fetch.wait.max.ms": 100,
            }
        )
        self._group.assign(
            [
                TopicPartition(topic, each, 0)
                for topic in logic.inputs
                for each in range(settings.partitions)
            ]
        )
        self.stopping = False

    def run(self) -> None:
        """Until SIGTERM; what is open then is committed."""
        loaded, ready = 0, False
        while not self.stopping:
            sorted_: defaultdict[tuple[str, int], list[Message]] = defaultdict(list)
            for message in self._group.consume(CONSUME, POLL_S):
                if message.error() is not None:
                    raise KafkaException(message.error())
                sorted_[message.topic() or "", message.partition() or 0].append(message)
            for (topic, number), messages in sorted_.items():
                self._partitions[number].take(topic, messages)
                loaded += len(messages) if topic in self._tables else 0
            now = time.monotonic()
            for partition in self._partitions:
                if partition.due(now):
                    partition.commit(self._group)
            waiting = any(each.records for each in self._partitions)
            if not ready and loaded >= self._registers and not waiting:
                ready = True
                say_ready()
        for partition in self._partitions:
            if partition.records:
                partition.commit(self._group)
            partition.state.close()
        self._group.close()


def main(arguments: list[str]) -> int:
    """The exit status."""
    loop = Loop(WorkerSettings.read(Path(arguments[0])))

    def stop(*_: object) -> None:
        loop.stopping = True

    signal.signal(signal.SIGTERM, stop)
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
