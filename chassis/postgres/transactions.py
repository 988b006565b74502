"""Runs a function in one transaction and repeats it when the database asks for that.

Only serialization failures and deadlocks are repeated: the transaction then had no effect. A lost
connection is not, because the commit may have happened.
"""

import random
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from psycopg import Connection, IsolationLevel
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg_pool import ConnectionPool

T = TypeVar("T")

ATTEMPTS_MAX: Final = 5
_PAUSE_FIRST_S: Final = 0.01
_PAUSE_MAX_S: Final = 0.5


def run_in_transaction(
    pool: ConnectionPool,
    work: Callable[[Connection[Any]], T],
    *,
    attempts: int = ATTEMPTS_MAX,
    isolation: IsolationLevel | None = None,
) -> T:
    """The result of `work(connection)` after its commit. `work` must be repeatable: no effects
    outside the connection. Raises the last error after `attempts`.
    """
    for attempt in range(1, attempts + 1):
        try:
            with pool.connection() as connection:
                if isolation is None:
                    return work(connection)
                connection.isolation_level = isolation
                try:
                    with connection.transaction():
                        result = work(connection)
                finally:
                    connection.isolation_level = None
                return result
        except (SerializationFailure, DeadlockDetected):
            if attempt == attempts:
                raise
            _pause(attempt)
    raise ValueError("attempts must be at least 1")


def _pause(attempt: int) -> None:
    bound_s = min(_PAUSE_MAX_S, _PAUSE_FIRST_S * 2 ** (attempt - 1))
    threading.Event().wait(random.uniform(0, bound_s))  # noqa: S311 - jitter, not a secret
