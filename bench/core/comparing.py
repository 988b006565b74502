"""Whether a contender wrote what the rules say: record by record, in order within each key.

Bytes are compared first; where they differ the messages decide, as a serialiser in another language
may write the same message in another order of fields.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import NamedTuple

from google.protobuf.message import Message

from chassis.kafka.errors import InvalidMessage

Decode = Callable[[str, bytes], Message]
Sorted = dict[tuple[str, bytes], list[bytes]]


class Written(NamedTuple):
    """One output record."""

    topic: str
    key: bytes
    value: bytes


def by_key(records: Iterable[Written]) -> Sorted:
    """The values of each (topic, key), in the order written."""
    found: defaultdict[tuple[str, bytes], list[bytes]] = defaultdict(list)
    for topic, key, value in records:
        found[topic, key].append(value)
    return dict(found)


def first_difference(expected: Sorted, found: Sorted, decode: Decode) -> str | None:
    """Where the outputs part for the first time in order of topics and keys; None where nowhere.

    Names the place and what differs there, no content: the values may stand for persons.
    """
    for topic, key in sorted(expected.keys() | found.keys()):
        pairs = zip_longest(expected.get((topic, key), []), found.get((topic, key), []))
        for index, (wanted, got) in enumerate(pairs):
            what = _difference(topic, wanted, got, decode)
            if what is not None:
                return f"{topic}, key {key.hex()}, record {index}: {what}"
    return None


def _difference(topic: str, wanted: bytes | None, got: bytes | None, decode: Decode) -> str | None:
    if wanted == got:
        return None
    if got is None:
        return "missing"
    if wanted is None:
        return "one too many"
    try:
        one, other = decode(topic, wanted), decode(topic, got)
    except InvalidMessage:
        return "cannot be decoded"
    if one == other:
        return None
    fields = [
        field.name
        for field in one.DESCRIPTOR.fields
        if getattr(one, field.name) != getattr(other, field.name)
    ]
    return f"fields {', '.join(fields) or '(unknown ones)'} differ"
