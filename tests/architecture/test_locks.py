"""What a service imports stands in the lock that its image is made of.

A package that only the tests' lock brings would work on every developer's machine and on no other.
"""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN = frozenset(
    {
        "chassis",
        "jpbank",
        "services",
        "simulators",
        "devstack",
        "loadtests",
        "bench",
        "deploy",
        "kyufu",
    }
)


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: str) -> set[str]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return {
        normalised(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]+\])?==", text, re.M)
    }


def imported(folder: str) -> dict[str, str]:
    """Top-level module to one file that imports it; tests are left out."""
    found: dict[str, str] = {}
    for path in (ROOT / folder).rglob("*.py"):
        if "tests" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found.update((name.partition(".")[0], str(path.relative_to(ROOT))) for name in names)
    return found


@pytest.mark.parametrize(
    ("folder", "lock"),
    [
        ("services", "runtime"),
        ("chassis", "runtime"),
        ("jpbank", "runtime"),
        ("simulators", "demo"),
        ("devstack", "demo"),
        ("loadtests", "demo"),
        ("bench", "demo"),
    ],
)
def test_every_import_is_in_the_lock_it_runs_with(folder: str, lock: str) -> None:
    distributions = packages_distributions()
    names = locked(lock)
    missing = {
        f"{path}: {module}"
        for module, path in imported(folder).items()
        if module not in sys.stdlib_module_names
        and module not in OWN
        and not any(normalised(name) in names for name in distributions.get(module, ()))
    }
    assert missing == set()
