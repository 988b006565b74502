"""Records in, outcomes out, and how far the stages are behind."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from kyufu.events.v1 import applications_pb2

from bench.outcomes import outcome_of
from bench.town import Outcome, TownRecord
from bench.town.records import Headers, headers_of

DECIDED: Final = ("applications.decided", "applications.decided.protected")
QUEUE_RECORDS_MAX: Final = 200_000
QUEUE_KIB_MAX: Final = 131_072
FLUSH_DEADLINE_S: Final = 120.0
OFFSETS_DEADLINE_S: Final = 30.0
# librdkafka's RD_KAFKA_PARTITION_UA: the partitioner chooses.
ANY_PARTITION: Final = -1
CHUNK: Final = 5_000
_BATCH: Final = 5_000
_POLL_S: Final = 0.2


class Feeder:
    """Writes town records as the catalogue's producers do: same partitioner, same headers."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2",
                "enable.idempotence": True,
                "compression.type": "lz4",
                # The broker leaves before its clients: that is no news.
                "log_level": 0,
                "linger.ms": 20,
                "batch.size": 1 << 20,
                "batch.num.messages": 20_000,
                "queue.buffering.max.messages": QUEUE_RECORDS_MAX,
                "queue.buffering.max.kbytes": QUEUE_KIB_MAX,
                # Only failures are reported: a call for each costs more than the record.
                "delivery.report.only.error": True,
            }
        )
        self._failed: KafkaError | None = None
        self._headers: dict[tuple[str, bool], Headers] = {}

    def send(self, records: Iterable[TownRecord]) -> int:
        """Hand records to the producer, waiting while its queue is full; how many they were."""
        produce, poll, headers = self._producer.produce, self._producer.poll, self._headers
        count = 0
        for topic, key, value, kind, partition in records:
            placed = partition is not None
            header = headers.get((kind, placed))
            if header is None:
                header = headers[kind, placed] = headers_of(kind, placed=placed)
            where = ANY_PARTITION if partition is None else partition
            while True:
                try:
                    produce(topic, value, key, where, on_delivery=self._report, headers=header)
                    break
                except BufferError:
                    poll(_POLL_S)
            count += 1
        poll(0)
        if self._failed is not None:
            raise KafkaException(self._failed)
        return count

    def flush(self) -> None:
        """Return when all is durable."""
        if self._producer.flush(FLUSH_DEADLINE_S):
            raise TimeoutError("the broker did not take all records in time")
        if self._failed is not None:
            raise KafkaException(self._failed)

    def _report(self, error: KafkaError | None, message: Message) -> None:
        self._failed = self._failed or error


def chunks(records: Iterator[TownRecord], size: int = CHUNK) -> Iterator[list[TownRecord]]:
    """The records in lists of `size`."""
    while chunk := list(islice(records, size)):
        yield chunk


class OutcomeCounter:
    """Counts committed outcomes in a thread of its own, as any reader downstream would see them."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "bench-outcomes",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "queued.max.messages.kbytes": 16_384,
            }
        )
        self._consumer.assign(
            [TopicPartition(topic, each, 0) for topic in DECIDED for each in range(partitions)]
        )
        self.outcomes: Counter[Outcome] = Counter()
        self.approved_yen = 0
        self.total = 0
        self.last_at_s = time.monotonic()
        self._stopping = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="outcomes", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises what ended the counting."""
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """Stop counting."""
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._take(self._consumer.consume(_BATCH, _POLL_S))
        except BaseException as error:
            self._failed = error

    def _take(self, messages: list[Message]) -> None:
        parse = applications_pb2.ApplicationDecided.FromString
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            decided = parse(message.value() or b"")
            self.outcomes[outcome_of(decided)] += 1
            self.approved_yen += decided.amount_yen
        if messages:
            self.total += len(messages)
            self.last_at_s = time.monotonic()


class Lag:
    """How many records of some topics a group has not yet committed."""

    def __init__(self, bootstrap: str, group: str, topics: Iterable[str], partitions: int) -> None:
        self._group = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
        self._wanted = [(topic, each) for topic in topics for each in range(partitions)]

    def total(self) -> int:
        """Records behind; markers of transactions count as records here."""
        wanted = [TopicPartition(topic, partition) for topic, partition in self._wanted]
        behind = 0
        for place in self._group.committed(wanted, timeout=OFFSETS_DEADLINE_S):
            low, high = self._group.get_watermark_offsets(
                TopicPartition(place.topic, place.partition), timeout=OFFSETS_DEADLINE_S
            )
            behind += high - max(place.offset, low)
        return behind

    def close(self) -> None:
        """Leave the broker."""
        self._group.close()


def records_in(bootstrap: str, topic: str, partitions: int) -> int:
    """Records and transaction markers of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-offsets"})
    try:
        found = 0
        for each in range(partitions):
            low, high = consumer.get_watermark_offsets(
                TopicPartition(topic, each), timeout=OFFSETS_DEADLINE_S
            )
            found += high - low
        return found
    finally:
        consumer.close()
