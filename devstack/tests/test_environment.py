"""The shell part of ./run and ./test, on a copy of the clone with a pretended environment."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.paths import ROOT
from devstack.selection import module_runs


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Only what environment.sh touches; its `python -m pip` notes that it was called."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("demo", "dev"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"# {name}\n")
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(
        "#!/bin/sh\n"
        f'[ "$2" = pip ] && echo "$@" >> {tmp_path}/pip-calls && exit 0\n'
        f'exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    return tmp_path


def prepare(clone: Path, lock: str, **environ: str) -> subprocess.CompletedProcess[str]:
    script = f'. "{ROOT}/devstack/environment.sh"; kyufu_environment "{clone}" {lock}'
    return subprocess.run(
        [shutil.which("bash") or "bash", "-c", script],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )


def calls(clone: Path) -> list[str]:
    path = clone / "pip-calls"
    return path.read_text().splitlines() if path.exists() else []


def test_a_second_start_does_not_call_pip(clone: Path) -> None:
    assert prepare(clone, "demo").returncode == 0
    assert prepare(clone, "demo").returncode == 0
    assert len(calls(clone)) == 1


def test_hashes_are_required(clone: Path) -> None:
    prepare(clone, "demo")
    assert "--require-hashes" in calls(clone)[0]


def test_a_changed_lock_is_installed_again(clone: Path) -> None:
    prepare(clone, "demo")
    (clone / "requirements" / "demo.txt").write_text("# newer\n")
    prepare(clone, "demo")
    assert len(calls(clone)) == 2


def test_the_test_environment_serves_the_run_too(clone: Path) -> None:
    prepare(clone, "dev")
    prepare(clone, "demo")
    assert len(calls(clone)) == 1
    stamp = (clone / ".venv" / "kyufu-demo.stamp").read_text().strip()
    assert stamp == sha256(clone / "requirements" / "demo.txt")


def test_a_run_after_a_run_does_not_spoil_the_test_environment(clone: Path) -> None:
    prepare(clone, "demo")
    prepare(clone, "dev")
    assert prepare(clone, "dev").returncode == 0
    assert len(calls(clone)) == 2


def test_missing_python_is_one_line_with_how_to_get_it(clone: Path) -> None:
    shutil.rmtree(clone / ".venv")
    done = prepare(clone, "demo", PATH="/nowhere", KYUFU_PYTHON="")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Python 3.11 is missing: install it" in done.stderr


def test_without_a_kind_everything_but_the_long_runs_is_run_once() -> None:
    [run] = module_runs(["-x"])
    assert run[:3] == ["pytest", "-m", "not kills and not peers"]
    assert run[-1] == "-x"


def test_kinds_become_places_and_markers() -> None:
    unit, e2e = module_runs(["unit", "e2e", "-k", "account"])
    assert unit[-4:] == ["-m", "not integration and not e2e", "-k", "account"]
    assert e2e == ["pytest", "tests/e2e", "-k", "account"]


def test_coverage_runs_the_tests_of_the_rules_and_then_demands_every_branch() -> None:
    measured, reported = module_runs(["coverage", "-q"])
    assert measured[:3] == ["coverage", "run", "--branch"]
    assert measured[-1] == "-q"
    assert reported[:2] == ["coverage", "report"]
    assert "--fail-under=100" in reported
