"""The supervisor of all stages: starts again what ends, gives up on what keeps failing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from chassis.kafka.topics import TopicCatalogue
from services.eligibility.entrypoints.all_in_one import STAGES
from services.eligibility.tests.running import ROOT, free_port, is_ready, write_secrets

DEADLINE_S = 90.0
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(**environment: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.eligibility", "all", "1"],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}", **environment},
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.1)


def children(process: "subprocess.Popen[bytes]") -> dict[str, int]:
    """Pid of each stage's process."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found: dict[str, int] = {}
    for pid in map(int, listed):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except FileNotFoundError:
            continue
        stage = words[-2].decode() if len(words) > 1 else ""
        if stage in STAGES:
            found[stage] = pid
    return found


@pytest.mark.integration
def test_a_stage_that_is_killed_is_started_again_and_none_outlives_the_supervisor(
    start: Start, own_kafka: str, tmp_path: Path
) -> None:
    TopicCatalogue.load().create_all(AdminClient({"bootstrap.servers": own_kafka}))
    write_secrets(tmp_path / "secrets")
    port = free_port()
    process = start(
        KAFKA_BOOTSTRAP=own_kafka,
        KYUFU_SECRETS_DIR=str(tmp_path / "secrets"),
        KYUFU_RUN_DIR=str(tmp_path),
        KYUFU_METRICS_PORT=str(port),
        KYUFU_INSTALLATION=f"all{port}",
    )
    wait_until(lambda: len(children(process)) == len(STAGES), "all stages run")
    wait_until(lambda: is_ready(port), "identify is ready")
    first = children(process)
    os.kill(first["identify"], signal.SIGKILL)
    wait_until(
        lambda: children(process).get("identify", first["identify"]) != first["identify"],
        "identify runs again",
    )
    wait_until(lambda: is_ready(port), "identify is ready again")
    last = children(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in last.values())


@pytest.mark.integration
def test_a_stage_that_keeps_failing_ends_the_supervisor(start: Start, tmp_path: Path) -> None:
    process = start(KAFKA_BOOTSTRAP="")
    assert process.wait(DEADLINE_S) == 1
    assert "keeps failing" in (tmp_path / "log").read_text()
