"""Where a figure was measured: machine, versions, commit. A speed without them says nothing."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from devstack.paths import CACHE, ROOT

PACKAGES: Final = (
    "faust-streaming",
    "aiokafka",
    "confluent-kafka",
    "rocksdict",
    "protobuf",
    "msgspec",
)
_GIT_TIMEOUT_S: Final = 10.0


def describe() -> dict[str, object]:
    """Machine, versions and commit, ready for JSON."""
    return {
        "cores": os.cpu_count(),
        "cpu": _first(Path("/proc/cpuinfo"), "model name"),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "kafka": kafka_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def kafka_version() -> str:
    """The version of the embedded broker's jars, "unknown" before the first start."""
    jars = sorted(CACHE.rglob("kafka-clients-*.jar"))
    return jars[-1].stem.removeprefix("kafka-clients-") if jars else "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _first(path: Path, name: str) -> str:
    if not path.exists():
        return platform.processor() or "unknown"
    for line in path.read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return platform.processor() or "unknown"


def _commit() -> str:
    """The commit, with a plus where the tree has other changes."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
        return done.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD")
    return commit + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
