"""What can be wrong with a machine, found out before anything is started.

Each check raises `SetupError` with one line: what is wrong, and what to do about it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from devstack.errors import SetupError
from devstack.ports import DEFAULT_PORT_BASE, Ports, is_free

PYTHON_VERSION = (3, 11)
# Measured: servers' empty data, jars and logs take about 0.3 GB; a household's whole way through
# Kafka, PostgreSQL and the stores below 25 kB.
DISK_FIXED_BYTES = 1_000_000_000
DISK_PER_HOUSEHOLD_BYTES = 50_000
_OWNER_LOOKUP_TIMEOUT_S = 5.0


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Refuse any other Python than the one whose wheels are locked."""
    if version != PYTHON_VERSION:
        wanted = ".".join(map(str, PYTHON_VERSION))
        found = ".".join(map(str, version))
        raise SetupError(f"Python {wanted} is needed and this is {found}: install python{wanted}")


def disk_need_bytes(households: int) -> int:
    """Return the free space that a run of this size is held to need."""
    return DISK_FIXED_BYTES + households * DISK_PER_HOUSEHOLD_BYTES


def check_disk(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin on a disk that the run would fill."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < needed_bytes:
        raise SetupError(
            f"the disk under {existing} has {free_bytes / 1e9:.1f} GB free and this run needs "
            f"{needed_bytes / 1e9:.1f} GB: make room, or name another place with --run-dir"
        )


def port_owner(port: int) -> str:
    """Name the process that listens on the port, as far as this user may know."""
    if shutil.which("ss") is None:
        return "another process"
    try:
        listing = subprocess.run(
            ["ss", "-H", "-l", "-t", "-n", "-p", f"sport = :{port}"],
            capture_output=True, text=True, timeout=_OWNER_LOOKUP_TIMEOUT_S,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "another process"
    return describe_owner(listing)


def describe_owner(listing: str) -> str:
    """Read `users:(("java",pid=12,fd=3))` out of a socket listing."""
    _, marker, rest = listing.partition('users:(("')
    name, _, rest = rest.partition('",pid=')
    pid = rest.split(",", 1)[0]
    return f"{name}, pid {pid}" if marker and pid.isdigit() else "another process"


def check_ports(ports: Ports, names: Iterable[str]) -> None:
    """Refuse to begin when a port is taken, and say which, by whom, and how to move."""
    for name in names:
        port = ports.of(name)
        if not is_free(port):
            raise SetupError(
                f"port {port} ({name}) is in use by {port_owner(port)}: stop it (is another "
                "./run up?), or move all ports, for example KYUFU_PORT_BASE="
                f"{_other_base(ports.base)}"
            )


def _other_base(base: int) -> int:
    return DEFAULT_PORT_BASE if base != DEFAULT_PORT_BASE else DEFAULT_PORT_BASE + 1000


def port_base_from(environ: Mapping[str, str] = os.environ) -> int:
    """Read KYUFU_PORT_BASE."""
    text = environ.get("KYUFU_PORT_BASE", str(DEFAULT_PORT_BASE))
    if not text.isdigit():
        raise SetupError(f"KYUFU_PORT_BASE is {text!r}: give a number, such as 28400")
    return int(text)
