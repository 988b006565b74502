"""Starting and ending one child process so that it can never be left behind.

Each child leads a session of its own, so that Ctrl-C reaches only the supervisor, and asks the
kernel (Linux) for a signal when the thread that started it ends: children must therefore be
started from a thread that lives as long as they shall.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
KILL_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Identity:
    """The unprivileged user that a child runs as."""

    uid: int
    gid: int


def _die_with_parent(parent_pid: int, death_signal: int) -> Callable[[], None]:
    """Return the hook that runs in the child between fork and exec (after the change of user)."""

    def hook() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent_pid:  # the parent ended before the kernel was asked
            os._exit(1)

    return hook


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    output: IO[bytes] | int,
    identity: Identity | None = None,
    death_signal: int = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; stdout and stderr go to `output`."""
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_die_with_parent(os.getpid(), death_signal),
        user=None if identity is None else identity.uid,
        group=None if identity is None else identity.gid,
        extra_groups=None if identity is None else [],
    )


def signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    """Signal the child and whatever it started; a child that is gone is no error."""
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        if child.poll() is None:
            child.send_signal(number)


def stop(
    child: subprocess.Popen[bytes], *, deadline_s: float, first_signal: int = signal.SIGTERM
) -> bool:
    """Ask the child to stop, then kill its whole group; True when it stopped by itself in time."""
    if child.poll() is None:
        child.send_signal(first_signal)
    graceful = _wait(child, deadline_s)
    if child.poll() is None or not graceful:
        signal_group(child, signal.SIGKILL)
        _wait(child, KILL_WAIT_S)
    else:
        _reap_group(child)
    return graceful


def _reap_group(child: subprocess.Popen[bytes]) -> None:
    """Kill what a stopped child may have left in its group."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _wait(child: subprocess.Popen[bytes], timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    try:
        child.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
