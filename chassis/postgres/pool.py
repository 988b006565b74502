"""Connection pools with bounds, and the check that a pool can reach its server."""

from typing import Any, Final

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from chassis.health import Check

CONNECTIONS_MAX: Final = 8
CONNECT_TIMEOUT_S: Final = 10.0
STATEMENT_TIMEOUT_S: Final = 60.0
IDLE_IN_TRANSACTION_TIMEOUT_S: Final = 60.0
_CHECK_TIMEOUT_S: Final = 2.0


def connect_pool(
    database_url: str,
    *,
    schema: str | None = None,
    min_size: int = 1,
    max_size: int = CONNECTIONS_MAX,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    wait_s: float = CONNECT_TIMEOUT_S,
) -> ConnectionPool:
    """An open pool; raises psycopg_pool.PoolTimeout when the server does not answer in `wait_s`.

    With `schema`, unqualified names mean that schema.
    """
    pool = ConnectionPool(
        database_url,
        min_size=min_size,
        max_size=max_size,
        timeout=CONNECT_TIMEOUT_S,
        kwargs=_connection_settings(schema, statement_timeout_s),
        check=ConnectionPool.check_connection,
        open=False,
    )
    try:
        pool.open(wait=True, timeout=wait_s)
    except BaseException:
        pool.close()
        raise
    return pool


async def connect_async_pool(
    database_url: str,
    *,
    schema: str | None = None,
    min_size: int = 1,
    max_size: int = CONNECTIONS_MAX,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    wait_s: float | None = CONNECT_TIMEOUT_S,
) -> AsyncConnectionPool:
    """As `connect_pool`, for an event loop. `wait_s` None does not wait for the server at all."""
    pool = AsyncConnectionPool(
        database_url,
        min_size=min_size,
        max_size=max_size,
        timeout=CONNECT_TIMEOUT_S,
        kwargs=_connection_settings(schema, statement_timeout_s),
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    try:
        await pool.open(wait=wait_s is not None, timeout=wait_s or CONNECT_TIMEOUT_S)
    except BaseException:
        await pool.close()
        raise
    return pool


def reachable(pool: ConnectionPool) -> Check:
    """A readiness check of the pool's server."""

    def check() -> str | None:
        try:
            with pool.connection(timeout=_CHECK_TIMEOUT_S) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return "the database does not answer"
        return None

    return check


def _connection_settings(schema: str | None, statement_timeout_s: float) -> dict[str, Any]:
    options = [
        f"-c statement_timeout={int(statement_timeout_s * 1000)}",
        f"-c idle_in_transaction_session_timeout={int(IDLE_IN_TRANSACTION_TIMEOUT_S * 1000)}",
        "-c timezone=UTC",
    ]
    if schema is not None:
        options.append(f"-c search_path={schema},public")
    return {"options": " ".join(options), "connect_timeout": int(CONNECT_TIMEOUT_S)}
