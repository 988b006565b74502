"""What the play is given, and what it gives back.

`devstack.play` provides `prepare(context)`, which runs before any service or simulator starts (it
writes what they read at start: clients, the bank's accounts), and `play(context) -> Ending`, called
when the servers answer, topics and schemas exist, and every process is ready. The play calls
`context.check()` in its loops so that a process beyond help ends it, and `context.strike()` in its
middle, where a fault run kills what `--kill` names.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from devstack.errors import ProcessFailed
from devstack.paths import ROOT, RunPaths
from devstack.ports import Ports
from devstack.progress import Progress
from devstack.servers import Servers
from devstack.supervisor import Supervisor
from devstack.topology import ProcessSpec


class Ending(Protocol):
    """The end of a play."""

    @property
    def problems(self) -> list[str]:
        """Why the run is not a good one; empty when every checked invariant held."""
        ...

    @property
    def report(self) -> Mapping[str, Any]:
        """What report.json holds."""
        ...

    def show(self, progress: Progress) -> None:
        """Print the one screen at the end."""
        ...


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """One application that a person may post by hand; synthetic like all others."""

    client_id: str
    client_token: str
    headers: Mapping[str, str]
    path: str
    body: bytes


@dataclass(slots=True)
class RunContext:
    """One run: its size, its addresses, its processes."""

    households: int
    seed: int
    paths: RunPaths
    ports: Ports
    kafka_bootstrap: str
    database_url: str  # of the owner, who may read every service's schema
    database_url_of: Mapping[str, str]  # by schema
    clock_start: datetime
    clock_epoch_s: float
    processes: tuple[ProcessSpec, ...]
    supervisor: Supervisor
    progress: Progress
    servers: Servers
    kills: tuple[str, ...] = ()
    verify_rebuild: bool = False
    started: float = field(default_factory=time.monotonic)
    timings_s: dict[str, float] = field(default_factory=dict)  # `setup` is there before the play
    trial: TrialRequest | None = None  # what --keep shows a person to try
    _struck: bool = False

    @property
    def intake_url(self) -> str:
        """Return the address that applicants' clients use."""
        return f"http://{self.ports.address('intake-http')}"

    def address(self, name: str) -> str:
        """Return host:port of a name of ports.OFFSETS, such as `console-grpc`."""
        return self.ports.address(name)

    @property
    def secrets_dir(self) -> Path:
        """Return the key files of this installation."""
        return self.paths.secrets

    def check(self) -> None:
        """Raise ProcessFailed when a process or one of our servers is beyond help."""
        self.supervisor.check()
        if (ended := self.servers.ended()) is not None:
            raise ProcessFailed(f"{ended} ended by itself: see {self.paths.logs}")

    def client_environment(self) -> dict[str, str]:
        """Return the environment for tools that read this run's servers, such as the checker."""
        return {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}",
            "KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "DATABASE_URL": self.database_url,
        }

    def strike(self) -> None:
        """Kill what the fault run names, once; a run without kills passes by."""
        if self._struck:
            return
        self._struck = True
        for name in self.kills:
            self.supervisor.kill(name)

    def write_report(self, document: Mapping[str, Any]) -> Path:
        """Write report.json whole or not at all."""
        partial = self.paths.report.with_suffix(".partial")
        text = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=False)
        partial.write_text(text + "\n", encoding="utf-8")
        return partial.replace(self.paths.report)
