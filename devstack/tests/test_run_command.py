"""`python -m devstack run` as a person meets it: one clear line, the right status, nothing left."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from devstack.paths import ROOT
from devstack.ports import OFFSETS, is_free, random_base

DEADLINE_S = 120.0


def start(
    *arguments: str, run_dir: Path, base: int, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("KAFKA_BOOTSTRAP", "DATABASE_URL")}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "devstack", "run", "--plain", "--households", "5"),
            *("--run-dir", str(run_dir), "--port-base", str(base), *arguments),
        ],
        cwd=ROOT,
        env={**clean, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}", **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,
    )


def hear_ctrl_c() -> None:
    """Workers of xdist ignore SIGINT, and whoever is started by one inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def refusal(
    *arguments: str, run_dir: Path, base: int, environ: Mapping[str, str] | None = None
) -> str:
    """Run to the end, which must be exit 2 with exactly one line on stderr; returns the line."""
    child = start(*arguments, run_dir=run_dir, base=base, environ=environ)
    _, errors = child.communicate(timeout=DEADLINE_S)
    assert child.returncode == 2, errors
    assert errors.count("\n") == 1, errors
    assert errors.startswith("kyufu: ")
    return errors


@pytest.fixture
def base() -> int:
    return random_base(tuple(OFFSETS)).base


def test_a_taken_port_is_named(tmp_path: Path, base: int) -> None:
    with socket.create_server(("127.0.0.1", base + OFFSETS["postgres"])):
        line = refusal(run_dir=tmp_path / "run", base=base)
    assert f"port {base + OFFSETS['postgres']} (postgres) is in use" in line


def test_reset_is_refused_on_a_server_of_the_users(tmp_path: Path, base: int) -> None:
    environ = {"DATABASE_URL": "postgresql://someone@127.0.0.1:1/theirs"}
    line = refusal("--reset", run_dir=tmp_path / "run", base=base, environ=environ)
    assert "DATABASE_URL names one of yours" in line


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("DATABASE_URL", "postgresql://someone:hidden-word@127.0.0.1:1/theirs"),
        ("KAFKA_BOOTSTRAP", "127.0.0.1:1"),
    ],
)
def test_a_server_of_the_users_that_is_silent_is_named_without_its_password(
    tmp_path: Path, base: int, variable: str, address: str
) -> None:
    tmp_path.chmod(0o755)
    line = refusal(run_dir=tmp_path / "run", base=base, environ={variable: address})
    assert variable in line
    assert "hidden-word" not in line


def test_an_unknown_service_to_kill_is_refused_with_the_known_ones(
    tmp_path: Path, base: int
) -> None:
    line = refusal("--kill", "ledger", run_dir=tmp_path / "run", base=base)
    assert "choose from" in line
    assert "payments" in line


def test_a_folder_that_is_no_runs_folder_is_not_emptied(tmp_path: Path, base: int) -> None:
    (tmp_path / "photographs").write_text("dear")
    line = refusal(run_dir=tmp_path, base=base)
    assert "is not a run's folder" in line
    assert (tmp_path / "photographs").read_text() == "dear"


def test_an_old_run_in_the_same_folder_is_not_disturbed(tmp_path: Path, base: int) -> None:
    with (tmp_path / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = refusal(run_dir=tmp_path / "run", base=base)
    assert "another ./run uses" in line


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_setting_up_leaves_nothing_running(
    tmp_path: Path, base: int, number: signal.Signals
) -> None:
    tmp_path.chmod(0o755)
    child = start(run_dir=tmp_path / "run", base=base)
    end = time.monotonic() + DEADLINE_S
    while is_free(base + OFFSETS["kafka"]):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end, "Kafka did not begin to listen"
        time.sleep(0.02)
    child.send_signal(number)
    _, errors = child.communicate(timeout=DEADLINE_S)
    assert child.returncode == 130, errors
    assert all(is_free(base + OFFSETS[name]) for name in ("kafka", "postgres"))
    assert "Traceback" not in errors
