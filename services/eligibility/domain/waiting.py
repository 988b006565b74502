"""Applications that wait for their register record, with a deadline that the clock topic carries.

An application that comes before the register of its snapshot is complete is never refused for that:
it waits in state under the key whose record it needs. Deadlines stand in a few lists a minute, and
the minutes that have one are listed with the clock: a tick reads a few keys and needs no scan,
however far apart the times are that events name.
Invariants: what waits is taken out once; one record, be it a tick or the closing of a register,
brings on at most OWNERS_PER_STEP owners, and the next tick goes on from there, so that no
transaction outlasts its time; what waits under one key stays well below the megabyte that a
changelog's record may have, however often somebody applies under it.
"""

from typing import Final

import msgspec

from services.eligibility.domain.days import minute_of
from services.eligibility.domain.words import Record, State

MINUTES_PER_TICK: Final = 1_440
OWNERS_PER_STEP: Final = 10_000
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
    # Up to this minute nobody's deadline is waited for: a register has been closed.
    hurried: int = 0


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
        state.put(_CLOCK_KEY, _encode(_Clock(clock.now_ms, minutes, clock.hurried)))
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
    """Move the stage's time on; returns the owners whose applications have waited long enough, or
    whom the closing of a register left for later.

    A tick older than the last one changes nothing: time does not go back.
    """
    clock = _clock(state)
    if at_ms <= clock.now_ms:
        return []
    return _drained(state, _Clock(at_ms, clock.minutes, clock.hurried))


def everyone(state: State) -> list[bytes]:
    """Owners for whose records somebody waits, earliest deadline first, as many as one step takes;
    the next ticks return the others. Whoever must go on waiting is parked again.
    """
    clock = _clock(state)
    if not clock.minutes:
        return []
    return _drained(state, _Clock(clock.now_ms, clock.minutes, clock.minutes[-1]))


def _drained(state: State, clock: _Clock) -> list[bytes]:
    """Take as many owners as one step may out of the lists that are due, and write the clock."""
    upto = max(minute_of(clock.now_ms), clock.hurried)
    owners: list[bytes] = []
    done = 0
    for minute in clock.minutes[:MINUTES_PER_TICK]:
        if minute > upto or not _drain(state, minute, owners):
            break
        done += 1
    left = clock.minutes[done:]
    hurried = clock.hurried if left and left[0] <= clock.hurried else 0
    state.put(_CLOCK_KEY, _encode(_Clock(clock.now_ms, left, hurried)))
    return owners


def _drain(state: State, minute: int, owners: list[bytes]) -> bool:
    """Move the minute's owners over; whether there was room for all."""
    for number in range(LISTS_PER_MINUTE):
        bucket = _bucket(minute, number)
        found, room = _owners(state, bucket), OWNERS_PER_STEP - len(owners)
        owners.extend(found[:room])
        if len(found) > room:
            state.put(bucket, _encode(found[room:]))
            return False
        if found:
            state.delete(bucket)
    return True


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
