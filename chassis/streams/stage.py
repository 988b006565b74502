"""What a stage is, and what it is given: the only part of the streams package that services see.

A stage is pure: from a batch of messages and the state values they touch it makes outputs and new
state values. It does no I/O and reads no clock and no randomness, so a replay gives the same bytes
and a test needs neither Kafka nor Faust.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from google.protobuf.message import Message

from chassis.kafka.errors import InvalidMessage

__all__ = [
    "Codec",
    "Incoming",
    "InvalidMessage",
    "Outgoing",
    "StageLogic",
    "StateView",
    "Topics",
]


class Incoming(NamedTuple):
    """One decoded record. `event_time_ms` is the record's Kafka timestamp, in Unix milliseconds.

    `value`: the bytes of `message` as they were read, so that whoever carries them on need not
    serialise them again.
    """

    topic: str
    partition: int
    offset: int
    key: bytes
    message: Message
    event_time_ms: int
    traceparent: str | None
    value: bytes = b""


class Outgoing(NamedTuple):
    """One record to write. The topic must be among the stage's outputs.

    `message`: bytes where the stage has encoded it itself, of the type that the topic declares.
    """

    topic: str
    key: bytes
    message: Message | bytes
    traceparent: str | None = None


class StateView(Protocol):
    """The state of one partition as a stage sees it; writes stay only if the group commits."""

    def get(self, key: bytes) -> bytes | None:
        """The value, or None where there is none."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set a value."""

    def load(self, key: bytes, value: bytes) -> None:
        """Set a value that follows from records of the stage's `tables` alone: it goes into the
        store but not into the changelog, since a restore reads the tables again.
        """

    def delete(self, key: bytes) -> None:
        """Remove a value; removing what is not there is no error."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin with the prefix, in byte order, with their values."""


class StageLogic(Protocol):
    """A stage of the stream core. Its inputs have equal partition counts and equal keys."""

    @property
    def name(self) -> str:
        """The stage's word, such as "dedup"; part of group and transactional ids."""

    @property
    def version(self) -> int:
        """The version of its state's layout."""

    @property
    def inputs(self) -> Sequence[str]:
        """Topics it reads."""

    @property
    def tables(self) -> Sequence[str]:
        """Those of its inputs that are compacted registers, kept for ever by last value a key."""

    @property
    def outputs(self) -> Sequence[str]:
        """Topics it may write."""

    def check(self, incoming: Incoming) -> None:
        """Raise InvalidMessage for a record that no later rule could take."""

    def state_keys(self, batch: Sequence[Incoming]) -> Iterable[bytes]:
        """Keys to fetch at once before `process`; too many is fine, too few is only slower."""

    def process(self, batch: Sequence[Incoming], state: StateView) -> Sequence[Outgoing]:
        """Decide a batch: records of one partition number, in offset order within each topic."""

    def reload(self, batch: Sequence[Incoming], state: StateView) -> None:
        """Take records of `tables` into a store that has lost them, by `state.load` and nothing
        else: whatever followed from them has been written long ago.
        """


class Codec(Protocol):
    """Turns one topic's messages into bytes and back."""

    @property
    def name(self) -> str:
        """Full protobuf name, as carried in the header `type`."""

    def decode(self, value: bytes) -> Message:
        """The message; raises InvalidMessage on bytes that are none."""

    def encode(self, message: Message) -> bytes:
        """The bytes; raises TypeError on a message of another type."""


class Topics(Protocol):
    """Knows the codec of each topic; the catalogue of `proto/topics.toml` is one."""

    def codec(self, topic: str) -> Codec:
        """The topic's codec; raises on a topic that is not declared."""
