"""What the hand-written contenders are told, and how they say that they are ready."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Of one contender's process on one hop. `registers`: records to have read before `ready`."""

    hop: str
    bootstrap: str
    prefix: str
    """Of groups and transactional ids."""
    changelog: str
    secrets: str
    state: str
    partitions: int
    registers: int

    def write(self, path: Path) -> None:
        """Into a file for the process."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> WorkerSettings:
        """From the file."""
        return cls(**json.loads(path.read_text()))


def say_ready() -> None:
    """Registers are loaded; the clock may begin."""
    sys.stdout.write('{"event": "ready"}\n')
    sys.stdout.flush()
