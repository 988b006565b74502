"""Records ready to produce, and where they lie."""

import struct
from typing import Final, NamedTuple

from chassis.kafka.partitioner import partition_for
from chassis.kafka.records import PARTITION_SCOPE, SCOPE_HEADER, TYPE_HEADER

_MULTIPLIER: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF
_SIXTEEN: Final = 16
_START: Final = 0x9747B28C ^ _SIXTEEN
_words = struct.Struct("<4I").unpack


Headers = list[tuple[str, str | bytes | None]]


def headers_of(kind: str, *, placed: bool) -> Headers:
    """The headers of a town record: its type, and, where it is `placed` on a partition, that it
    need not lie where its key says.
    """
    found: Headers = [(TYPE_HEADER, kind.encode("ascii"))]
    if placed:
        found.append((SCOPE_HEADER, PARTITION_SCOPE))
    return found


class TownRecord(NamedTuple):
    """`type`: of the header. `partition` None: the partitioner's choice (murmur2)."""

    topic: str
    key: bytes
    value: bytes
    type: str
    partition: int | None


def partition_of(key: bytes, partitions: int) -> int:
    """As `partition_for`, at a third of the time for keys of 16 bytes."""
    if len(key) != _SIXTEEN:
        return partition_for(key, partitions)
    hashed = _START
    for word in _words(key):
        word = word * _MULTIPLIER & _MASK
        hashed = (hashed * _MULTIPLIER & _MASK) ^ ((word ^ word >> 24) * _MULTIPLIER & _MASK)
    hashed = (hashed ^ hashed >> 13) * _MULTIPLIER & _MASK
    return ((hashed ^ hashed >> 15) & _POSITIVE) % partitions
