"""Each Dockerfile: hashed locks, no root, that service alone, and all that its command imports."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("intake", "eligibility", "payments", "notify", "console")
IMPORT_TIMEOUT_S = 120


@cache
def built() -> dict[Path, str]:
    """Dockerfile → module that its containers run, as docker-compose.yml says."""
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    found = {}
    for body in compose["services"].values():
        if "build" in body:
            command = body["command"]
            found[ROOT / body["build"]["dockerfile"]] = command[command.index("-m") + 1]
    return found


def name_of(path: Path) -> str:
    return path.parent.name


def copied(path: Path) -> list[tuple[str, str]]:
    """What the image is given: (source, target), both relative."""
    lines = path.read_text(encoding="utf-8").splitlines()
    copies = [line.split()[1:] for line in lines if line.startswith("COPY ")]
    return [(source, target) for source, target in copies]


def test_every_service_has_an_image() -> None:
    services = {path.parent.name for path in built() if path.parent.parent.name == "services"}
    assert services == set(SERVICES)


@pytest.mark.parametrize("path", sorted(built()), ids=name_of)
def test_an_image_is_built_from_hashed_locks_and_does_not_run_as_root(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("FROM python:3.11-slim") == 1
    assert "--require-hashes" in text
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert users
    assert users[-1] not in ("root", "0")


@pytest.mark.parametrize("path", sorted(built()), ids=name_of)
def test_an_image_holds_all_that_its_command_imports(path: Path, tmp_path: Path) -> None:
    for source, target in copied(path):
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copyfile
        copy(ROOT / source, tmp_path / target)
    module = built()[path]
    package = f"{module}.__main__"
    done = subprocess.run(
        [sys.executable, "-c", f"import importlib; importlib.import_module({package!r})"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{tmp_path / 'proto' / 'gen'}"},
        capture_output=True,
        text=True,
        timeout=IMPORT_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_image_holds_that_service_and_no_other(name: str) -> None:
    sources = {source for source, _ in copied(ROOT / "services" / name / "Dockerfile")}
    tools = ("simulators", "devstack", "loadtests", "bench", "deploy")
    assert {source for source in sources if source.split("/")[0] in tools} == set()
    services = {source for source in sources if source.startswith("services/")}
    assert services == {"services/__init__.py", f"services/{name}"}
    assert "requirements/runtime.txt" in sources
