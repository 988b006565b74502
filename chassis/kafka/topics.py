"""The topic catalogue: every topic is declared once in proto/topics.toml.

Topics are created from it, messages are encoded and decoded by it, and each process asserts by it
at start that it may read or write what it was wired to.
"""

import importlib
import pkgutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from chassis.kafka.errors import InvalidMessage, NotPermitted
from chassis.kafka.records import TYPE_HEADER, Record

CATALOGUE_PATH: Final = Path(__file__).parents[2] / "proto" / "topics.toml"
RAW_BYTES: Final = "bytes"
ONE_MACHINE: Final = "one_machine"
DEPLOY: Final = "deploy"
_HOUR_MS: Final = 3_600_000
_KEEP_FOR_EVER: Final = -1
_CREATE_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Topic:
    """One declared topic. `retention_ms` -1 keeps for ever; `partitions` is by profile.

    `compaction_lag_ms`: how long a compacted topic keeps every record before only the last of a
    key is left.
    """

    name: str
    key: str
    message: str
    partitions: Mapping[str, int]
    retention_ms: int
    compacted: bool
    personal_data: str
    writers: frozenset[str]
    readers: frozenset[str]
    compaction_lag_ms: int = 0

    def config(self) -> dict[str, str]:
        """The broker's settings of this topic."""
        config = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
        }
        if self.compaction_lag_ms:
            config["min.compaction.lag.ms"] = str(self.compaction_lag_ms)
        return config


class Codec:
    """Encodes and decodes the one message type of a topic."""

    __slots__ = ("message_class", "name")

    def __init__(self, name: str, message_class: type[Message]) -> None:
        self.name = name
        self.message_class = message_class

    def encode(self, message: Message) -> bytes:
        """The bytes; TypeError when the message is of another type than the topic declares."""
        if message.DESCRIPTOR.full_name != self.name:
            raise TypeError(
                f"{message.DESCRIPTOR.full_name} does not belong on a topic of {self.name}"
            )
        return message.SerializeToString()

    def decode(self, value: bytes) -> Message:
        """The message; raises InvalidMessage("undecodable")."""
        message = self.message_class()
        try:
            message.ParseFromString(value)
        except DecodeError as error:
            raise InvalidMessage("undecodable") from error
        return message

    def decode_record(self, record: Record) -> Message:
        """As `decode`, and the record's `type` header must agree: "wrong_type"."""
        declared = record.headers.get(TYPE_HEADER)
        if declared is not None and declared != self.name.encode("ascii"):
            raise InvalidMessage("wrong_type")
        return self.decode(record.value)


class TopicCatalogue(Mapping[str, Topic]):
    """All declared topics by name."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._topics = {topic.name: topic for topic in topics}
        if len(self._topics) != len(topics):
            raise ValueError("a topic is declared twice")

    @classmethod
    def load(cls, path: Path = CATALOGUE_PATH) -> "TopicCatalogue":
        """Read the catalogue file."""
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls([_topic(document["defaults"], entry) for entry in document["topic"]])

    def __getitem__(self, name: str) -> Topic:
        return self._topics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def __len__(self) -> int:
        return len(self._topics)

    def written_by(self, principal: str) -> tuple[str, ...]:
        """Names of the topics that `principal` may write."""
        return tuple(name for name, topic in self._topics.items() if principal in topic.writers)

    def read_by(self, principal: str) -> tuple[str, ...]:
        """Names of the topics that `principal` may read."""
        return tuple(name for name, topic in self._topics.items() if principal in topic.readers)

    def codec(self, topic: str) -> Codec:
        """The codec of a topic; ValueError for topics of raw bytes."""
        return _codec(self._topics[topic].message)

    def create_all(
        self,
        admin: AdminClient,
        *,
        profile: str = ONE_MACHINE,
        replication_factor: int = 1,
        names: Sequence[str] | None = None,
    ) -> None:
        """Create every topic that is missing; one that exists with another number of partitions is
        an error, because keys would move.
        """
        wanted = [self._topics[name] for name in (names if names is not None else self._topics)]
        futures = admin.create_topics(
            [
                NewTopic(
                    topic.name,
                    num_partitions=topic.partitions[profile],
                    replication_factor=replication_factor,
                    config=topic.config(),
                )
                for topic in wanted
            ],
            operation_timeout=_CREATE_TIMEOUT_S,
        )
        for future in futures.values():
            try:
                future.result(_CREATE_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        _require_partitions(admin, {topic.name: topic.partitions[profile] for topic in wanted})


def require_writer(principal: str, topic: Topic) -> None:
    """Raises NotPermitted unless the catalogue lets `principal` write the topic."""
    if principal not in topic.writers:
        raise NotPermitted(f"{principal} may not write {topic.name}")


def require_reader(principal: str, topic: Topic) -> None:
    """Raises NotPermitted unless the catalogue lets `principal` read the topic."""
    if principal not in topic.readers:
        raise NotPermitted(f"{principal} may not read {topic.name}")


def _require_partitions(admin: AdminClient, expected: Mapping[str, int]) -> None:
    existing = admin.list_topics(timeout=_CREATE_TIMEOUT_S).topics
    for name, partitions in expected.items():
        found = len(existing[name].partitions) if name in existing else 0
        # A broker may answer before the new topic's metadata has spread; that is not a conflict.
        if found and found != partitions:
            raise ValueError(f"topic {name} has {found} partitions, declared are {partitions}")


def _topic(defaults: Mapping[str, Any], entry: Mapping[str, Any]) -> Topic:
    retention_hours = entry.get("retention_hours", defaults["retention_hours"])
    partitions = entry.get("partitions", defaults["partitions"])
    compacted = entry.get("compacted", defaults["compacted"])
    kept = compacted or retention_hours == _KEEP_FOR_EVER
    return Topic(
        name=entry["name"],
        key=entry["key"],
        message=entry["message"],
        partitions=dict(partitions),
        retention_ms=_KEEP_FOR_EVER if kept else retention_hours * _HOUR_MS,
        compacted=compacted,
        personal_data=entry["personal"],
        writers=frozenset(entry["writers"]),
        readers=frozenset(entry["readers"]),
        compaction_lag_ms=entry.get("compaction_lag_hours", 0) * _HOUR_MS,
    )


@lru_cache(maxsize=256)
def _codec(message_name: str) -> Codec:
    if message_name == RAW_BYTES:
        raise ValueError("a topic of raw bytes has no codec")
    package = importlib.import_module(message_name.rpartition(".")[0])
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.endswith("_pb2"):
            importlib.import_module(f"{package.__name__}.{module.name}")
    descriptor = descriptor_pool.Default().FindMessageTypeByName(message_name)
    return Codec(message_name, message_factory.GetMessageClass(descriptor))
