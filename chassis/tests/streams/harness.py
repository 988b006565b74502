"""Topics, input and output of the toy stage on a real broker."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from google.protobuf.wrappers_pb2 import StringValue

ROOT = Path(__file__).resolve().parents[3]
PARTITIONS = 4
DEADLINE_S = 60.0
FEED_RECORDS = 200
FEED_PAUSE_S = 0.1
COMPACTED = ("changelog", "table")


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait for a condition, or fail by naming it."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.05)


@dataclass
class Toy:
    """One installation of the toy: its topics, its processes, its books."""

    bootstrap: str
    prefix: str
    folder: Path
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def create_topics(self, **partitions: int) -> None:
        """Create the toy's topics; a keyword gives one of them another count."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        names = ("a", "b", "table", "out", "changelog", "deadletters")
        topics = [
            NewTopic(
                f"{self.prefix}.{name}",
                partitions.get(name, PARTITIONS),
                1,
                config={"cleanup.policy": "compact"} if name in COMPACTED else {},
            )
            for name in names
            if partitions.get(name, PARTITIONS)
        ]
        for future in admin.create_topics(topics).values():
            future.result(DEADLINE_S)

    def create_anew(self, topic: str) -> None:
        """Delete a topic and create it again; the group's offsets for it go with it."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        name = f"{self.prefix}.{topic}"
        admin.delete_topics([name])[name].result(DEADLINE_S)

        def created() -> bool:
            try:
                admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(DEADLINE_S)
            except KafkaException:
                return False  # the old one is still being deleted
            return True

        wait_until(created, f"{name} made anew")
        wait_until(
            lambda: (
                (name, 0) not in self.offsets() and (name, PARTITIONS - 1) not in self.offsets()
            ),
            f"the offsets of {name} to go",
        )

    def offsets(self) -> dict[tuple[str, int], int]:
        """What the toy's group has committed, by topic and partition."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        group = ConsumerGroupTopicPartitions(f"{self.prefix}-toy")
        found = admin.list_consumer_group_offsets([group])[group.group_id].result(DEADLINE_S)
        return {
            (each.topic, each.partition): each.offset
            for each in found.topic_partitions
            if each.offset >= 0
        }

    def forget_group(self) -> None:
        """All offsets of the group expire, as soon as its dead members are missed."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        group = f"{self.prefix}-toy"

        def deleted() -> bool:
            try:
                admin.delete_consumer_groups([group])[group].result(DEADLINE_S)
            except KafkaException:
                return False
            return True

        wait_until(deleted, f"{group} to be empty and deleted")

    def start(self, slot: str = "0", **environment: str) -> "subprocess.Popen[bytes]":
        """Start a worker; its log goes to the folder."""
        with (self.folder / f"log-{slot}").open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "chassis/tests/streams/toy.py",
                    self.bootstrap,
                    self.prefix,
                    slot,
                    str(self.folder),
                ],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": ".:proto/gen", **environment},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def start_ready(self, slot: str = "0", **environment: str) -> "subprocess.Popen[bytes]":
        """Start a worker and wait until it says it is ready."""
        file = self.folder / f"ready-{slot}"
        file.unlink(missing_ok=True)
        process = self.start(slot, **environment)
        wait_until(lambda: file.exists() or process.poll() is not None, f"worker {slot} ready")
        assert process.poll() is None, self.log(slot)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """SIGKILL, as a crash would."""
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE_S)

    def is_stopped(self, process: "subprocess.Popen[bytes]") -> bool:
        """Whether a worker was halted by SIGSTOP; it must not have ended instead."""
        assert process.poll() is None, self.log()
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def stop_all(self) -> None:
        """End what a test left running."""
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)

    def log(self, slot: str = "0") -> str:
        """What the worker said."""
        return (self.folder / f"log-{slot}").read_text()

    def send(self, topic: str, records: Iterable[tuple[bytes, str]]) -> None:
        """Write records with the partitioner of the installation."""
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "partitioner": "murmur2", "linger.ms": 5}
        )
        for key, text in records:
            producer.produce(
                f"{self.prefix}.{topic}", StringValue(value=text).SerializeToString(), key
            )
            producer.poll(0)
        assert producer.flush(DEADLINE_S) == 0

    def read(self, topic: str, isolation: str = "read_committed") -> list[Message]:
        """Everything a reader of this isolation can see now."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{self.prefix}-reader",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        partitions = [
            TopicPartition(f"{self.prefix}.{topic}", number, 0) for number in range(PARTITIONS)
        ]
        consumer.assign(partitions)
        ended: set[int] = set()
        messages: list[Message] = []
        while len(ended) < PARTITIONS:
            for message in consumer.consume(5_000, 0.2):
                partition = message.partition()
                if message.error() is None:
                    messages.append(message)
                elif partition is not None:
                    ended.add(partition)
        consumer.close()
        return messages

    def outputs(self) -> list[tuple[bytes, str, int]]:
        """Key, id and number of every committed output, in order within each key."""
        found = []
        for message in self.read("out"):
            key, value = message.key(), message.value()
            assert key is not None
            text, _, number = StringValue.FromString(value or b"").value.rpartition(":")
            found.append((bytes(key), text, int(number)))
        return found

    def wait_for_outputs(self, count: int) -> list[tuple[bytes, str, int]]:
        """Wait until at least so many outputs are committed."""
        wait_until(lambda: len(self.outputs()) >= count, f"{count} outputs of {self.prefix}")
        return self.outputs()


def events(count: int, keys: int = 50, start: int = 0) -> list[tuple[bytes, str]]:
    """So many events over these keys, each id once."""
    return [
        (b"toy-key-%08d" % (number % keys), f"event-{number}")
        for number in range(start, start + count)
    ]


class Feeder:
    """Sends events, some of them twice, from entering to leaving; `sent` is the book of it."""

    def __init__(self, toy: Toy) -> None:
        self.sent: list[tuple[bytes, str]] = []
        self._toy = toy
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Feeder":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(DEADLINE_S)

    def _run(self) -> None:
        while not self._done.wait(FEED_PAUSE_S):
            part = events(FEED_RECORDS, keys=200, start=len(self.sent))
            self._toy.send("a", part)
            self._toy.send("b", part[:20])
            self.sent.extend(part)


def assert_exactly(outputs: list[tuple[bytes, str, int]], sent: list[tuple[bytes, str]]) -> None:
    """Each distinct event came out once, and each key was numbered without a gap."""
    assert sorted((key, text) for key, text, _ in outputs) == sorted(set(sent))
    numbers: dict[bytes, list[int]] = {}
    for key, _, number in outputs:
        numbers.setdefault(key, []).append(number)
    for key, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), key
