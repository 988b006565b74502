"""A thread that repeats one round of work until it is told to stop.

A round that fails for want of something outside (database, disk, peer) is repeated a bounded number
of times; any other error ends the process, so that nothing runs on half alive.
"""

import threading
from collections.abc import Callable
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout

from chassis.kafka.consumer import exit_process
from chassis.logging import get_logger

FAILED_ROUNDS_MAX: Final = 120
PAUSE_FAILED_S: Final = 1.0
_STOP_TIMEOUT_S: Final = 8.0
_OUTSIDE: Final = (psycopg.OperationalError, PoolTimeout, OSError)


class Worker:
    """`round_of_work` answers whether there is more to do at once."""

    def __init__(
        self,
        name: str,
        round_of_work: Callable[[], bool],
        pause_s: float,
        *,
        on_failure: Callable[[BaseException], None] = exit_process,
        failed_rounds_max: int = FAILED_ROUNDS_MAX,
    ) -> None:
        self.name = name
        self._round = round_of_work
        self._pause_s = pause_s
        self._on_failure = on_failure
        self._failed_rounds_max = failed_rounds_max
        self._failed_rounds = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run_guarded, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round in hand and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)

    def ready(self) -> str | None:
        """A readiness check."""
        return f"{self.name} fails" if self._failed_rounds else None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                more = self._round()
            except _OUTSIDE as error:
                self._failed_rounds += 1
                get_logger().warning("round failed", worker=self.name, exc_info=error)
                if self._failed_rounds >= self._failed_rounds_max:
                    raise
                self._stopping.wait(PAUSE_FAILED_S)
                continue
            self._failed_rounds = 0
            if not more:
                self._stopping.wait(self._pause_s)

    def _run_guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:
            get_logger().error("worker failed", worker=self.name, exc_info=error)
            self._on_failure(error)
