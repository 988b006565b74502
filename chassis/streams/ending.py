"""Ends the process where it does not end by itself.

Faust can hang while it stops, and swallow a cancellation. A thread that hangs in a commit is worse:
the interpreter joins it on its way out, so a plain exit would hang as well.
"""

from __future__ import annotations

import logging
import os
import threading

from chassis.logging import get_logger


class NotGivenUp(TimeoutError):
    """Partitions were neither committed nor aborted within the bound; their threads hang."""


class Watchdog:
    """Ends the process after a while, unless it is disarmed. Barks once."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None
        self._is_final = False

    def arm(self, limit_s: float, status: int, *, final: bool) -> None:
        """End the process after `limit_s` with the status; `final`: come what may."""
        self._is_final = final
        self._timer = threading.Timer(limit_s, _end_process, args=(status,))
        self._timer.daemon = True
        self._timer.start()

    def disarm(self) -> None:
        """The stage has stopped by itself, and only the interpreter is left to end."""
        if self._timer is not None and not self._is_final:
            self._timer.cancel()


def _end_process(status: int) -> None:
    """Runs on a thread of its own."""
    get_logger().warning("the process did not end by itself", status=status)
    logging.shutdown()
    os._exit(status)
