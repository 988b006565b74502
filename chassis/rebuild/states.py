"""Compares two stores key by key, in byte order, without holding either in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from chassis.rebuild.logs import LogReader
from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.stage import StageLogic
from chassis.streams.state import Overlay, StateStore
from chassis.streams.transport import Envelope

APPLY_RECORDS = 10_000


class Comparison(NamedTuple):
    """Keys and hash of both stores, and the first key that differs."""

    keys: int
    rebuilt: str
    held: str
    first: bytes | None


def compare(rebuilt: StateStore, held: StateStore) -> Comparison:
    """Hash both stores over their sorted keys and values."""
    ours, theirs = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    first: bytes | None = None
    keys = 0
    for key, mine, its in _joined(rebuilt.scan(b""), held.scan(b"")):
        if mine is not None:
            keys += 1
            ours.update(_framed(key, mine))
        if its is not None:
            theirs.update(_framed(key, its))
        if first is None and mine != its:
            first = key
    return Comparison(keys, ours.hexdigest(), theirs.hexdigest(), first)


def fill_from_changelog(store: StateStore, log: LogReader, start: int, end: int) -> None:
    """Put the last value of each key; a null value removes it."""
    changes: dict[bytes, bytes | None] = {}
    for record in log.run(start, end):
        changes[record.key or b""] = record.value
        if len(changes) >= APPLY_RECORDS:
            store.apply(changes, record.offset + 1)
            changes = {}
    store.apply(changes, end)


def fill_from_table(
    store: StateStore, log: LogReader, logic: StageLogic, decoder: EnvelopeDecoder, end: int
) -> None:
    """Take a register's records up to an offset, as a restore does: after the changelog."""
    overlay = Overlay(store)
    records = log.run(0, end)
    while part := list(islice(records, APPLY_RECORDS)):
        taken, _ = decoder.decode(
            Envelope(part[0].topic, part[0].partition, 0, part[0].offset, end, end, part)
        )
        overlay.prefetch(logic.state_keys(taken))
        logic.reload(taken, overlay)
        overlay.commit(None)


def last_written(log: LogReader, key: bytes, start: int, end: int) -> int | None:
    """The changelog offset of a key's last record."""
    found = None
    for record in log.run(start, end):
        if record.key == key:
            found = record.offset
    return found


def _framed(key: bytes, value: bytes) -> bytes:
    return b"%d,%d\0%b%b" % (len(key), len(value), key, value)


def _joined(
    one: Iterator[tuple[bytes, bytes]], other: Iterator[tuple[bytes, bytes]]
) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
    left, right = next(one, None), next(other, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            yield left[0], left[1], None
            left = next(one, None)
        elif left is None or right[0] < left[0]:
            yield right[0], None, right[1]
            right = next(other, None)
        else:
            yield left[0], left[1], right[1]
            left, right = next(one, None), next(other, None)
