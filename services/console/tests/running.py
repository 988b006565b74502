"""console as a real process for integration tests, and conditions to wait for."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

READY_DEADLINE_S: Final = 60.0
STOP_DEADLINE_S: Final = 20.0
_STEP_S: Final = 0.05
ROOT: Final = Path(__file__).parents[3]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Wait for a condition; fails with `what` when the deadline passes."""
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, f"not within {deadline_s} s: {what}"
        time.sleep(_STEP_S)


class ConsoleProcess:
    """One `python -m services.console`; its log is kept in a file."""

    def __init__(self, environ: Mapping[str, str], log: Path) -> None:
        self.grpc_port = free_port()
        self.metrics_port = free_port()
        self._log = log
        self._environ = {
            **os.environ,
            **environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "proto" / "gen"))),
            "KYUFU_GRPC_PORT": str(self.grpc_port),
            "KYUFU_METRICS_PORT": str(self.metrics_port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    def add_environ(self, **values: str) -> None:
        """Before the start."""
        self._environ.update(values)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.console"],
                cwd=ROOT, env=self._environ, stdout=log, stderr=log,
            )  # fmt: skip

    def wait_ready(self) -> None:
        wait_until(self._is_ready, READY_DEADLINE_S, "console is ready")

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"console ended: {self.log()[-2000:]}"
        return self.get("/ready") is not None

    def get(self, path: str) -> str | None:
        """The body of a 200, else None."""
        try:
            url = f"http://127.0.0.1:{self.metrics_port}{path}"
            with urllib.request.urlopen(url, timeout=5) as response:
                return str(response.read().decode())
        except (urllib.error.URLError, OSError):
            return None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_DEADLINE_S)

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""
