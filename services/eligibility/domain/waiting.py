"""Applications that wait for their register record, with a deadline that the clock topic carries.

An application that comes before the register of its snapshot is complete is never refused for that:
it waits in state under the key whose record it needs. Deadlines stand in a few lists a minute, and
the minutes that have one are listed with the clock: a tick reads a few keys and needs no scan,
however far apart the times are that events name.
Invariants: what waits is taken out once; a tick handles at most MINUTES_PER_TICK minutes, the next
tick goes on from there; what waits under one key stays well below the megabyte that a changelog's
record may have, however often somebody applies under it.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from services.eligibility.domain.days import minute_of
from services.eligibility.domain.words import Record, State

MINUTES_PER_TICK: Final = 1_440
# About a hundred ordinary applications, each of which dedup keeps with the event that carries it.
OWNER_BYTES_MAX: Final = 384 * 1024
# Lists a minute, by the owner's first byte: all that wait for one minute of an opening day would
# make a single list larger than a changelog's record may be.
LISTS_PER_MINUTE: Final = 16
_CLOCK_KEY: Final = b"t"
_WAITING_PREFIX: Final = b"w"
_MINUTE_PREFIX: Final = b"d"


class Waiting(Record, frozen=True):
    """One application that waits: its deadline and its opaque body."""

    application_id: bytes
    deadline_ms: int
    body: bytes


class _Clock(Record, frozen=True):
    now_ms: int = 0
    # Minutes that hold deadlines, rising: about as many as an application waits.
    minutes: tuple[int, ...] = ()


_clock_decoder = msgspec.msgpack.Decoder(_Clock)
_waiting_decoder = msgspec.msgpack.Decoder(tuple[Waiting, ...])
_keys_decoder = msgspec.msgpack.Decoder(tuple[bytes, ...])
_encode = msgspec.msgpack.Encoder().encode


def clock_key() -> bytes:
    """The state key that every look at the time reads."""
    return _CLOCK_KEY


def waiting_key(owner: bytes) -> bytes:
    """The state key under which applications wait for `owner`'s record."""
    return _WAITING_PREFIX + owner


def now_ms(state: State, at_least_ms: int) -> int:
    """The stage's time: the newest tick, or the event's own time where that is later."""
    value = state.get(_CLOCK_KEY)
    return at_least_ms if value is None else max(_clock_decoder.decode(value).now_ms, at_least_ms)


def park(state: State, owner: bytes, entry: Waiting) -> bool:
    """Let an application wait for `owner`'s record. The same application waits once. False where
    too much waits for it already: a person must look at once.
    """
    key = waiting_key(owner)
    entries = _entries(state, key)
    if any(each.application_id == entry.application_id for each in entries):
        return True
    value = _encode((*entries, entry))
    if len(value) > OWNER_BYTES_MAX:
        return False
    state.put(key, value)
    minute = minute_of(entry.deadline_ms) + 1
    bucket = _bucket(minute, owner[0] % LISTS_PER_MINUTE)
    owners = _owners(state, bucket)
    if owner not in owners:
        state.put(bucket, _encode((*owners, owner)))
    clock = _clock(state)
    if minute not in clock.minutes:
        minutes = tuple(sorted((*clock.minutes, minute)))
        state.put(_CLOCK_KEY, _encode(_Clock(clock.now_ms, minutes)))
    return True


def anyone(state: State) -> bool:
    """Whether somebody may be waiting: while a register is loaded in bulk, mostly nobody is."""
    return bool(_clock(state).minutes)


def take(state: State, owner: bytes) -> tuple[Waiting, ...]:
    """Take out all that waits for `owner`'s record."""
    key = waiting_key(owner)
    entries = _entries(state, key)
    if entries:
        state.delete(key)
    return entries


def tick(state: State, at_ms: int) -> list[bytes]:
    """Move the stage's time on; returns the owners whose applications have waited long enough.

    A tick older than the last one changes nothing: time does not go back.
    """
    clock = _clock(state)
    if at_ms <= clock.now_ms:
        return []
    upto = minute_of(at_ms)
    due = tuple(minute for minute in clock.minutes if minute <= upto)[:MINUTES_PER_TICK]
    owners = list(_drain(state, due))
    state.put(_CLOCK_KEY, _encode(_Clock(at_ms, clock.minutes[len(due) :])))
    return owners


def everyone(state: State) -> list[bytes]:
    """All owners for whose records somebody waits, earliest deadline first; the lists are emptied,
    so whoever must go on waiting is parked again.
    """
    clock = _clock(state)
    owners = list(_drain(state, clock.minutes))
    if clock.minutes:
        state.put(_CLOCK_KEY, _encode(_Clock(clock.now_ms)))
    return owners


def _drain(state: State, minutes: tuple[int, ...]) -> Iterator[bytes]:
    for minute in minutes:
        for number in range(LISTS_PER_MINUTE):
            bucket = _bucket(minute, number)
            owners = _owners(state, bucket)
            if owners:
                yield from owners
                state.delete(bucket)


def _bucket(minute: int, number: int) -> bytes:
    return _MINUTE_PREFIX + minute.to_bytes(8, "big") + bytes((number,))


def _clock(state: State) -> _Clock:
    value = state.get(_CLOCK_KEY)
    return _Clock() if value is None else _clock_decoder.decode(value)


def _entries(state: State, key: bytes) -> tuple[Waiting, ...]:
    value = state.get(key)
    return () if value is None else _waiting_decoder.decode(value)


def _owners(state: State, key: bytes) -> tuple[bytes, ...]:
    value = state.get(key)
    return () if value is None else _keys_decoder.decode(value)
