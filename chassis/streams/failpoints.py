"""Named steps of a partition's life at which a fault run may kill or stop the process.

A step that nobody listens to costs one call. `KYUFU_FAILPOINT=STAGE:STEP:COUNT[:stop|:hang]` lets
the process end itself by SIGKILL (or halt by SIGSTOP, or only the step's thread hang for ever) when
it comes to the step for the COUNT-th time; a process whose stage is another one ignores it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum

Failpoint = Callable[["Step"], None]
"""Told each step as it is reached, on whatever thread reaches it."""

VARIABLE = "KYUFU_FAILPOINT"
_FIELDS = 3


class Step(StrEnum):
    """Steps in the order of a partition's life."""

    FENCED = "fenced"
    RESTORING = "restoring"
    PRODUCED = "produced"
    BEFORE_OFFSETS = "before_offsets"
    AFTER_OFFSETS = "after_offsets"
    AFTER_COMMIT = "after_commit"
    BEFORE_STORE = "before_store"
    AFTER_STORE = "after_store"
    REVOKING = "revoking"


class FailpointUnknown(ValueError):
    """The variable names no step, or is not of its form."""


def no_failpoint(step: Step) -> None:
    """Nothing happens at any step."""


def failpoint_of(text: str | None, stage: str) -> Failpoint:
    """What `KYUFU_FAILPOINT` asks of this stage; raises FailpointUnknown for a text that names
    no step.
    """
    if not text:
        return no_failpoint
    fields = text.split(":")
    fault = _FAULTS.get(":".join(fields[_FIELDS:]))
    sound = len(fields) >= _FIELDS and fields[1] in set(Step) and fields[2].isdigit()
    if fault is None or not sound:
        raise FailpointUnknown(
            f"{VARIABLE} is STAGE:STEP:COUNT[:stop|:hang], step one of {list(Step)}"
        )
    if fields[0] != stage:
        return no_failpoint
    return _Countdown(Step(fields[1]), int(fields[2]), fault)


_FAULTS: Mapping[str, Callable[[], object]] = {
    "": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "hang": lambda: threading.Event().wait(),
}


class _Countdown:
    def __init__(self, step: Step, count: int, fault: Callable[[], object]) -> None:
        self._step = step
        self._left = count
        self._fault = fault

    def __call__(self, step: Step) -> None:
        if step is self._step:
            self._left -= 1
            if self._left == 0:
                self._fault()
