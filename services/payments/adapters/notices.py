"""Hands queued notices to notify, which is idempotent on the event id: at-least-once is enough.

Rows are found by being unpublished, never by an id that rises. Notify being away delays and loses
nothing. A batch that notify calls invalid is handed over one by one, so that one bad notice is set
aside with a task and the rest goes on.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
from kyufu.notify.v1 import notify_pb2, notify_pb2_grpc
from psycopg import Connection
from psycopg_pool import ConnectionPool

from chassis.grpc.client import call_sync, open_sync_channel
from chassis.grpc.errors import RpcFailure
from chassis.logging import get_logger
from chassis.outbox import PRUNE_ROWS_MAX

NOTICES_PER_ROUND_MAX: Final = 200
DEADLINE_S: Final = 15.0
_LOCK_KEY: Final = 0x6B79_7566_6E6F_7469


class NotifyUnreachable(OSError):
    """Notify does not take notices now; they stay queued."""


Send = Callable[[Sequence[notify_pb2.NotifyRequest]], None]


def grpc_sender(address: str, token: Callable[[], str]) -> Send:
    """Sends one batch to notify; raises RpcFailure."""
    stub = notify_pb2_grpc.NotificationServiceStub(open_sync_channel(address))

    def send(requests: Sequence[notify_pb2.NotifyRequest]) -> None:
        call_sync(
            stub.NotifyBatch,
            notify_pb2.NotifyBatchRequest(requests=requests),
            DEADLINE_S,
            token=token,
        )

    return send


class NoticeRelay:
    """One round hands over the oldest notices that wait."""

    def __init__(self, pool: ConnectionPool, send: Send, count: Callable[[str, int], None]) -> None:
        self._pool = pool
        self._send = send
        self._count = count

    def round(self) -> bool:
        """True when a full round went out and more may wait; raises NotifyUnreachable."""
        with self._pool.connection() as connection:
            locked = connection.execute(
                "SELECT pg_try_advisory_xact_lock(%s)", (_LOCK_KEY,)
            ).fetchone()
            if locked is None or not locked[0]:
                return False
            rows = connection.execute(
                "SELECT id, payload FROM notice_outbox WHERE published_at IS NULL"
                " AND refused IS NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
                (NOTICES_PER_ROUND_MAX,),
            ).fetchall()
            if not rows:
                return False
            self._hand_over(connection, rows)
        return len(rows) == NOTICES_PER_ROUND_MAX

    def prune(self, *, older_than_s: float) -> int:
        """Delete a bounded number of notices that notify took longer ago: they hold contacts."""
        with self._pool.connection() as connection:
            return connection.execute(
                "DELETE FROM notice_outbox WHERE id IN (SELECT id FROM notice_outbox"
                " WHERE published_at < now() - make_interval(secs => %s) ORDER BY id LIMIT %s)",
                (older_than_s, PRUNE_ROWS_MAX),
            ).rowcount

    def _hand_over(self, connection: Connection[Any], rows: Sequence[tuple[int, bytes]]) -> None:
        refused: dict[int, str] = {}
        requests = [notify_pb2.NotifyRequest.FromString(bytes(row[1])) for row in rows]
        if self._refusal(requests) is not None:
            for (row_id, _), request in zip(rows, requests, strict=True):
                reason = self._refusal([request])
                if reason is not None:
                    refused[row_id] = reason
        taken = [row[0] for row in rows if row[0] not in refused]
        connection.execute(
            "UPDATE notice_outbox SET published_at = now() WHERE id = ANY(%b::bigint[])", (taken,)
        )
        self._count("taken", len(taken))
        for row_id, reason in refused.items():
            get_logger().error("notice refused for ever", row=row_id, reason=reason)
            connection.execute(
                "UPDATE notice_outbox SET refused = %b WHERE id = %b", (reason, row_id)
            )
            connection.execute(
                "INSERT INTO task (kind, subject, reason, opened_at)"
                " VALUES ('notice_refused', %b, %b, now()) ON CONFLICT DO NOTHING",
                (str(row_id), reason),
            )
            self._count("refused", 1)

    def _refusal(self, requests: Sequence[notify_pb2.NotifyRequest]) -> str | None:
        try:
            self._send(requests)
        except RpcFailure as failure:
            if failure.code is not grpc.StatusCode.INVALID_ARGUMENT:
                raise NotifyUnreachable(f"notify answers {failure.code.name}") from failure
            return failure.reason
        return None
