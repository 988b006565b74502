"""Compares two multisets of records that are too large to keep: by sums, and by a scratch file.

Stages and partitions write one topic side by side, so the log has no order that a replay could
repeat; what must agree is the multiset. Each side is a sum of digests in each of 4,096 buckets.
Only where buckets differ are their records read back from the scratch files, some buckets at a
time, so memory stays bounded however much differs.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from chassis.streams.journal import framed

BUCKETS: Final = 4_096
BUCKETS_AT_ONCE: Final = 256
DIGEST_BYTES: Final = 16
MODULUS: Final = 1 << (8 * DIGEST_BYTES)
_ENTRY: Final = struct.Struct(">16sHHQ")
READ_ENTRIES: Final = 10_000


class Place(NamedTuple):
    """Where a record was seen; what the numbers mean is the owner's business."""

    source: int
    partition: int
    number: int


class Multiset:
    """One side of a comparison, with a scratch file of digests and places."""

    def __init__(self, scratch: Path) -> None:
        self._sums = [0] * BUCKETS
        self._path = scratch
        self._file = scratch.open("w+b")
        self.count = 0

    def add(self, topic: str, key: bytes, value: bytes, place: Place) -> None:
        """Count one record."""
        digest = hashlib.blake2b(framed(topic, key, value), digest_size=DIGEST_BYTES).digest()
        bucket = _bucket(digest)
        self._sums[bucket] = (self._sums[bucket] + int.from_bytes(digest)) % MODULUS
        self._file.write(_ENTRY.pack(digest, *place))
        self.count += 1

    def hash(self) -> str:
        """The multiset as a number: equal for equal multisets in any order."""
        return f"{sum(self._sums) % MODULUS:032x}"

    def differing(self, other: Multiset) -> list[int]:
        """Buckets whose sums are not equal."""
        return [n for n in range(BUCKETS) if self._sums[n] != other._sums[n]]

    def entries(self, buckets: set[int]) -> Iterator[tuple[bytes, Place]]:
        """What was counted in these buckets, in the order of counting."""
        self._file.flush()
        with self._path.open("rb") as file:
            while block := file.read(_ENTRY.size * READ_ENTRIES):
                for digest, source, partition, number in _ENTRY.iter_unpack(block):
                    if _bucket(digest) in buckets:
                        yield digest, Place(source, partition, number)

    def close(self) -> None:
        """Remove the scratch file."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def only_in(one: Multiset, other: Multiset) -> Iterator[Place]:
    """Records of one side that the other does not have, or has fewer times."""
    differing = one.differing(other)
    for start in range(0, len(differing), BUCKETS_AT_ONCE):
        buckets = set(differing[start : start + BUCKETS_AT_ONCE])
        there = Counter(digest for digest, _ in other.entries(buckets))
        for digest, place in one.entries(buckets):
            if there[digest]:
                there[digest] -= 1
            else:
                yield place


def _bucket(digest: bytes) -> int:
    return int.from_bytes(digest[:2]) % BUCKETS
