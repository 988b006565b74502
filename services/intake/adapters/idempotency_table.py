"""Idempotency keys in PostgreSQL, many requests in one statement.

Requests wait for the batch that carries them; while one batch is written the next one gathers.
Invariants: a key is durable here before its application is published; when PostgreSQL is away, slow
or behind, requests go on as UNCHECKED within a bounded time, because safety never depends on this
table: dedup refuses a second body under one application id. Any other failure ends the process:
without the writer every request would wait for ever.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from chassis.clock import Clock
from chassis.logging import get_logger
from chassis.metrics import Metrics
from services.intake.domain.applications import KeyUse
from services.intake.metric_defs import KEY_USES, KEYS_WAITING

# Requests gather this long, so that one statement carries many of them at a high rate.
GATHER_S: Final = 0.003
BATCH_KEYS_MAX: Final = 1_000
WAITING_KEYS_MAX: Final = 5_000
ANSWER_TIMEOUT_S: Final = 0.5
# After a failure requests go on unchecked for this long before PostgreSQL is asked again.
PAUSE_S: Final = 1.0

# synchronous_commit is off: a crash of PostgreSQL may forget the last moments' keys, which is no
# worse than PostgreSQL being away, and the commit does not wait for the disk.
_SETTINGS: Final = (
    f"-c synchronous_commit=off -c statement_timeout={int(ANSWER_TIMEOUT_S * 1000)}"
    " -c search_path=intake"
)
_INSERT: Final = """
    INSERT INTO idempotency (key_digest, request_digest)
    SELECT * FROM unnest(%b::bytea[], %b::bytea[])
    ON CONFLICT DO NOTHING RETURNING key_digest
"""
_SELECT: Final = (
    "SELECT key_digest, request_digest FROM idempotency WHERE key_digest = ANY (%b::bytea[])"
)

_Waiting = tuple[bytes, bytes, asyncio.Future[KeyUse]]


class IdempotencyTable:
    """The `IdempotencyLedger` port. Belongs to one event loop; `start` and `stop` it there."""

    def __init__(
        self,
        database_url: str,
        *,
        clock: Clock,
        metrics: Metrics,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._database_url = database_url
        self._on_failure = on_failure
        self._clock = clock
        uses = metrics.counter(KEY_USES)
        self._uses = {use: uses.labels(use=use.value) for use in KeyUse}
        self._gauge = metrics.gauge(KEYS_WAITING)
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._closed_until_s: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[dict[bytes, bytes]] | None = None
        self._in_hand: list[_Waiting] = []
        self._abandoned: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to write batches."""
        self._task = asyncio.create_task(self._write_batches(), name="idempotency")
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Let waiting requests go unchecked and close the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._answer_unchecked(self._in_hand + self._take(len(self._waiting)))
        if self._connection is not None:
            await self._connection.close()

    async def register(self, key_digest: bytes, request_digest: bytes) -> KeyUse:
        """Note the key; UNCHECKED at once while PostgreSQL is away or too many wait."""
        if self._is_paused() or len(self._waiting) >= WAITING_KEYS_MAX:
            use = KeyUse.UNCHECKED
        else:
            answer: asyncio.Future[KeyUse] = asyncio.get_running_loop().create_future()
            self._waiting.append((key_digest, request_digest, answer))
            self._arrived.set()
            use = await answer
        self._uses[use].inc()
        return use

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The writer ends by `stop`, or because something is wrong that no retry mends."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._answer_unchecked(self._in_hand + self._take(len(self._waiting)))
            self._on_failure(error)

    async def _write_batches(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(GATHER_S)
            batch = self._in_hand = self._take(BATCH_KEYS_MAX)
            self._gauge.set(len(self._waiting))
            if not self._waiting:
                self._arrived.clear()
            write = self._writing = asyncio.create_task(
                self._write([(key, digest) for key, digest, _ in batch])
            )
            await asyncio.wait({write}, timeout=ANSWER_TIMEOUT_S)
            error = _failure(write)
            if error is None:
                _answer(batch, write.result())
            else:
                # Answer first: to cancel a statement of a server that hangs can take seconds.
                self._answer_unchecked(batch + self._take(len(self._waiting)))
                self._pause(write, error)

    async def _write(self, batch: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        """Insert the keys; for those that stood there before, what they were used for."""
        first_uses: dict[bytes, bytes] = {}
        for key_digest, request_digest in batch:
            first_uses.setdefault(key_digest, request_digest)
        connection = await self._connect()
        keys = list(first_uses)
        cursor = await connection.execute(_INSERT, (keys, list(first_uses.values())), binary=True)
        inserted = {row[0] for row in await cursor.fetchall()}
        known: dict[bytes, bytes] = {}
        older = [key for key in keys if key not in inserted]
        if older:
            # A statement of its own: it sees rows that other processes committed meanwhile.
            cursor = await connection.execute(_SELECT, (older,), binary=True)
            known.update(await cursor.fetchall())
        return known

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._database_url, autocommit=True, options=_SETTINGS
            )
        return self._connection

    def _pause(self, write: asyncio.Task[dict[bytes, bytes]], error: str) -> None:
        self._closed_until_s = self._clock.monotonic() + PAUSE_S
        get_logger().warning("idempotency keys go unchecked", reason=error, pause_s=PAUSE_S)
        connection, self._connection = self._connection, None
        abandoned = asyncio.create_task(_abandon(write, connection))
        self._abandoned.add(abandoned)
        abandoned.add_done_callback(self._abandoned.discard)

    def _is_paused(self) -> bool:
        if self._closed_until_s is None:
            return False
        if self._clock.monotonic() < self._closed_until_s:
            return True
        self._closed_until_s = None
        return False

    def _take(self, count: int) -> list[_Waiting]:
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _answer_unchecked(self, batch: Sequence[_Waiting]) -> None:
        for _, _, answer in batch:
            if not answer.done():
                answer.set_result(KeyUse.UNCHECKED)


def _answer(batch: Sequence[_Waiting], known: dict[bytes, bytes]) -> None:
    for key_digest, request_digest, answer in batch:
        earlier = known.get(key_digest)
        if earlier is None:
            known[key_digest] = request_digest
            use = KeyUse.FIRST
        else:
            use = KeyUse.REPEATED if earlier == request_digest else KeyUse.REUSED
        if not answer.done():
            answer.set_result(use)


def _failure(write: asyncio.Task[dict[bytes, bytes]]) -> str | None:
    """Why PostgreSQL gave no answer; anything that is not its absence is raised."""
    if not write.done():
        return "timeout"
    error = write.exception()
    if error is None or isinstance(error, psycopg.Error | OSError):
        return type(error).__name__ if error is not None else None
    raise error


async def _abandon(
    write: asyncio.Task[dict[bytes, bytes]], connection: psycopg.AsyncConnection[Any] | None
) -> None:
    write.cancel()
    await asyncio.gather(write, return_exceptions=True)
    if connection is not None:
        await connection.close()
