"""Dead letters as staff see them: pointers and reasons, newest first."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from kyufu.events.v1 import operations_pb2
from psycopg import Connection
from psycopg_pool import ConnectionPool

from services.console.ports import DeadLetterEntry

_ID_BYTES: Final = 16
_COLUMNS: Final = """
SELECT dead_letter_id, source_topic, source_partition, source_offset, key_digest, value_digest,
    consumer, reason, at_ms, replayed_at_ms IS NOT NULL
FROM console.dead_letter
"""
_PAGE: Final = f"{_COLUMNS} ORDER BY at_ms DESC, dead_letter_id DESC LIMIT %s"
_PAGE_AFTER: Final = f"""
{_COLUMNS} WHERE (at_ms, dead_letter_id) < (%s, %s)
ORDER BY at_ms DESC, dead_letter_id DESC LIMIT %s
"""
_HOLD: Final = f"{_COLUMNS} WHERE dead_letter_id = %s FOR UPDATE"
_MARK: Final = """
UPDATE console.dead_letter SET replayed_at_ms = %s, replayed_by = %s WHERE dead_letter_id = %s
"""
_WAITING: Final = "SELECT count(*) FROM console.dead_letter WHERE replayed_at_ms IS NULL"
_INSERT: Final = """
INSERT INTO console.dead_letter (dead_letter_id, source_topic, source_partition, source_offset,
    key_digest, value_digest, consumer, reason, at_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


class DeadLetterTable:
    """See DeadLetterStore."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def page(self, after: tuple[int, bytes] | None, limit: int) -> Sequence[DeadLetterEntry]:
        """The next letters, newest first."""
        with self._pool.connection() as connection:
            if after is None:
                rows = connection.execute(_PAGE, (limit,)).fetchall()
            else:
                rows = connection.execute(_PAGE_AFTER, (*after, limit)).fetchall()
        return [DeadLetterEntry(*row) for row in rows]

    def waiting_total(self) -> int:
        """Letters that were not replayed."""
        with self._pool.connection() as connection:
            row = connection.execute(_WAITING).fetchone()
        return int(row[0]) if row is not None else 0

    @contextmanager
    def held(self, dead_letter_id: bytes) -> Iterator["LockedDeadLetter"]:
        """The letter under its row's lock until the block ends: two replays come one by one."""
        with self._pool.connection() as connection:
            row = connection.execute(_HOLD, (dead_letter_id,)).fetchone()
            yield LockedDeadLetter(connection, DeadLetterEntry(*row) if row is not None else None)


class LockedDeadLetter:
    """See HeldDeadLetter."""

    def __init__(self, connection: Connection[Any], entry: DeadLetterEntry | None) -> None:
        self._connection = connection
        self.entry = entry

    def mark_replayed(self, at_ms: int, actor: str) -> None:
        """Commits with the block that holds the letter."""
        assert self.entry is not None
        self._connection.execute(_MARK, (at_ms, actor, self.entry.dead_letter_id))


def dead_letter_id(letter: operations_pb2.DeadLetter) -> bytes:
    """16 bytes by which the same pointer and consumer are one letter."""
    consumer, topic = letter.consumer.encode(), letter.source_topic.encode()
    material = b"".join(
        (
            len(consumer).to_bytes(2, "big"),
            consumer,
            topic,
            letter.source_partition.to_bytes(4, "big"),
            letter.source_offset.to_bytes(8, "big"),
        )
    )
    return hashlib.blake2b(material, digest_size=_ID_BYTES).digest()


def insert_letter(connection: Connection[Any], letter: operations_pb2.DeadLetter) -> None:
    """Add a letter in the caller's transaction; a known one is left as it is."""
    connection.execute(
        _INSERT,
        (
            dead_letter_id(letter), letter.source_topic, letter.source_partition,
            letter.source_offset, letter.key_digest, letter.value_digest, letter.consumer,
            letter.reason, letter.at_ms,
        ),
    )  # fmt: skip
