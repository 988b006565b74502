"""The audit log: every look at one case and every action of staff; append-only by trigger."""

from typing import Any, Final

from psycopg import Connection
from psycopg_pool import ConnectionPool

from services.console.ports import AuditEntry

_INSERT: Final = """
INSERT INTO console.audit (at_ms, actor, roles, action, subject, result)
VALUES (%s, %s, %s, %s, %s, %s)
"""


class AuditTable:
    """Entries written in a transaction of their own."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def record(self, entry: AuditEntry) -> None:
        """Durable when this returns."""
        with self._pool.connection() as connection:
            insert_entry(connection, entry)


def insert_entry(connection: Connection[Any], entry: AuditEntry) -> None:
    """Add an entry in the caller's transaction."""
    connection.execute(
        _INSERT,
        (entry.at_ms, entry.actor, list(entry.roles), entry.action, entry.subject, entry.result),
    )
