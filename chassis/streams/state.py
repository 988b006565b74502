"""State of one partition: a store that only ever holds committed values, and an overlay before it.

New values live in the overlay until their transaction has committed; then one write puts them into
the store together with the changelog position they reach. So the store never runs ahead of the
log, and a store that lags behind is only replayed further: the same values are put again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Changes = Mapping[bytes, bytes | None]
"""New values by key; None removes the key."""

NO_TABLES: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """Whose state a store holds; a store of anyone else is refused."""

    installation: str
    stage: str
    version: int
    partitions: int
    partition: int


class StateStore(Protocol):
    """Committed state of one partition. Used by one thread at a time."""

    @property
    def position(self) -> int | None:
        """The changelog offset up to which (exclusive) this store is complete; None when new."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys, None where there is none."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin with the prefix, in byte order, with their values."""

    @property
    def tables(self) -> Mapping[str, int]:
        """The offset of each table topic up to which (exclusive) this store holds its values."""

    def apply(
        self,
        changes: Changes,
        position: int | None,
        tables: Mapping[str, int] = NO_TABLES,
        *,
        bulk: bool = False,
    ) -> None:
        """Write values, changelog position and table positions in one atomic step.

        `position` None leaves it as it was, and so does a table that is not named. `bulk` promises
        less: a crash may take the last bulk steps back, whole and in order; the next step without
        it makes them durable.
        """

    def restored(self) -> None:
        """The store has caught up with its changelog: its age counts from its last use again."""

    def size_bytes(self) -> int:
        """About how many bytes the live values take. May be asked from any thread."""

    def clear(self) -> None:
        """Forget everything: the changelog no longer reaches back to this store's position."""

    def close(self) -> None:
        """Release the store; the next owner of the partition may open it."""


class StoreFactory(Protocol):
    """Opens the store of one partition; a store of another identity must be refused."""

    def __call__(self, identity: StoreIdentity, *, age_s_max: float) -> StateStore:
        """The store, exclusively ours until it is closed.

        One last used more than `age_s_max` ago comes empty: the changelog may have dropped
        removals since. Raises StoreLocked while somebody else has it open.
        """


class StoreLocked(Exception):
    """Another process, or another owner in this one, still has the store open."""


class MemoryStore:
    """A store in a dictionary: rebuilt from the changelog at each start."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._sorted: list[bytes] | None = []
        self._position: int | None = None
        self._tables: dict[str, int] = {}

    @property
    def position(self) -> int | None:
        """The changelog offset up to which (exclusive) this store is complete."""
        return self._position

    @property
    def tables(self) -> Mapping[str, int]:
        """The offset up to which (exclusive) each table was read."""
        return self._tables

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        get = self._values.get
        return [get(key) for key in keys]

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin with the prefix, in byte order."""
        if self._sorted is None:
            self._sorted = sorted(self._values)
        keys = self._sorted
        for index in range(bisect_left(keys, prefix), len(keys)):
            key = keys[index]
            if not key.startswith(prefix):
                return
            yield key, self._values[key]

    def apply(
        self,
        changes: Changes,
        position: int | None,
        tables: Mapping[str, int] = NO_TABLES,
        *,
        bulk: bool = False,
    ) -> None:
        """Put the values and the positions."""
        for key, value in changes.items():
            if value is None:
                if self._values.pop(key, None) is not None:
                    self._sorted = None
            else:
                if key not in self._values:
                    self._sorted = None
                self._values[key] = value
        self._position = self._position if position is None else position
        self._tables.update(tables)

    def restored(self) -> None:
        """A store in memory has no age."""

    def size_bytes(self) -> int:
        """Nothing is on disk."""
        return 0

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._sorted = []
        self._position = None
        self._tables = {}

    def close(self) -> None:
        """Nothing to release."""
        self.clear()


def memory_store(identity: StoreIdentity, *, age_s_max: float) -> StateStore:
    """A store factory for stages whose state is bounded and may be rebuilt at each start."""
    return MemoryStore()


class Overlay:
    """The StateView of one open group: reads fall through to the store, writes stay here."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._changes: dict[bytes, bytes | None] = {}
        self._changed_keys: list[bytes] = []
        self._unsorted_keys: list[bytes] = []
        self._fetched: dict[bytes, bytes | None] = {}
        self._loaded: set[bytes] = set()

    def prefetch(self, keys: Iterable[bytes]) -> None:
        """Fetch what is not yet known in one multi-get."""
        wanted = [
            key
            for key in dict.fromkeys(keys)
            if key not in self._changes and key not in self._fetched
        ]
        if wanted:
            self._fetched.update(zip(wanted, self._store.get_many(wanted), strict=True))

    def get(self, key: bytes) -> bytes | None:
        """The newest value: this group's, else the committed one."""
        if key in self._changes:
            return self._changes[key]
        if key not in self._fetched:
            self._fetched[key] = self._store.get_many([key])[0]
        return self._fetched[key]

    def put(self, key: bytes, value: bytes) -> None:
        """Set a value for this group."""
        self._change(key, value)
        self._loaded.discard(key)

    def load(self, key: bytes, value: bytes) -> None:
        """Set a value that a restore finds in a table again; one put before in this group is
        logged all the same, as the table may have lost what was put.
        """
        logged = key in self._changes and key not in self._loaded
        self._change(key, value)
        if not logged:
            self._loaded.add(key)

    def delete(self, key: bytes) -> None:
        """Remove a value for this group."""
        self._change(key, None)
        self._loaded.discard(key)

    def _change(self, key: bytes, value: bytes | None) -> None:
        if key not in self._changes:
            self._unsorted_keys.append(key)
        self._changes[key] = value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Committed and new values merged in byte order; a snapshot: writing meanwhile is safe."""
        merged = dict(self._store.scan(prefix))
        for key in self._changes_with(prefix):
            value = self._changes[key]
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = value
        return iter(sorted(merged.items()))

    def _changes_with(self, prefix: bytes) -> list[bytes]:
        keys = self._changed_keys
        if self._unsorted_keys:
            keys.extend(self._unsorted_keys)
            keys.sort()  # linear on what is already in order
            self._unsorted_keys = []
        start = bisect_left(keys, prefix)
        end = start
        while end < len(keys) and keys[end].startswith(prefix):
            end += 1
        return keys[start:end]

    @property
    def changes(self) -> Changes:
        """What this group would write into the store, the last value of each key."""
        return self._changes

    @property
    def logged(self) -> Changes:
        """What of it the changelog must hold."""
        if not self._loaded:
            return self._changes
        return {key: value for key, value in self._changes.items() if key not in self._loaded}

    def commit(self, position: int | None, tables: Mapping[str, int] = NO_TABLES) -> None:
        """The transaction has committed: hand the values to the store and begin anew.

        `tables`: how far the table topics have been read, by topic.
        """
        if position is None and len(self._loaded) < len(self._changes):
            raise ValueError("changes were committed without a changelog position")
        if self._changes or tables:
            self._store.apply(self._changes, position, tables)
        self.drop()

    def drop(self) -> None:
        """Forget the group: it was aborted, or it is in the store."""
        self._changes = {}
        self._changed_keys = []
        self._unsorted_keys = []
        self._fetched = {}
        self._loaded = set()
