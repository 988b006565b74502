"""What processes and folders use, read from /proc: no package beside the system's is needed."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_USER_TIME, _SYSTEM_TIME = 11, 12  # fields of /proc/PID/stat behind the command's name
_IDLE, _WAITING = 3, 4  # fields of the first line of /proc/stat
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process since its start."""

    cpu_s: float
    rss_bytes: int
    rss_peak_bytes: int


def usage_of(pid: int) -> Usage:
    """Raises FileNotFoundError when there is no such process."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    ticks = int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return Usage(ticks / _TICKS_A_SECOND, _kib(status, "VmRSS"), _kib(status, "VmHWM"))


def machine_busy_s() -> float:
    """CPU seconds that the whole machine has been busy, or taken from it by its host."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[_IDLE] - fields[_WAITING]) / _TICKS_A_SECOND


def _kib(status: dict[str, str], name: str) -> int:
    return int(status.get(name, "0 kB").split()[0]) * _KIB


def folder_bytes(folder: Path) -> int:
    """Bytes on disk below a folder; files that vanish while it looks count nothing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total
