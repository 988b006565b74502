import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chassis.streams.failpoints import FailpointUnknown, Step, failpoint_of, no_failpoint

ROOT = Path(__file__).resolve().parents[4]
PROGRAM = (
    "import sys; from chassis.streams.failpoints import Step, failpoint_of\n"
    "point = failpoint_of(sys.argv[1], 'toy')\n"
    "for _ in range(3): point(Step.PRODUCED); point(Step.AFTER_STORE); print('.', flush=True)\n"
)


def start(text: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, text],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_a_process_dies_at_the_named_step_for_the_named_time() -> None:
    process = start("toy:after_store:2")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (-signal.SIGKILL, b".\n")


def test_a_process_can_be_halted_and_continued() -> None:
    process = start("toy:produced:3:stop")
    until = time.monotonic() + 60
    while os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b".\n" * 3)


def test_the_thread_of_a_step_can_hang_for_ever() -> None:
    process = start("toy:produced:2:hang")
    assert process.stdout is not None
    assert process.stdout.readline() == b".\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.kill()
    process.communicate(timeout=60)


def test_another_stages_failpoint_is_nobodys() -> None:
    assert failpoint_of("dedup:produced:1", "link") is no_failpoint
    assert failpoint_of("", "link") is no_failpoint
    assert failpoint_of(None, "link") is no_failpoint


@pytest.mark.parametrize(
    "text", ["link", "link:nowhere:1", "link:produced:x", "link:produced:1:go", "link:produced"]
)
def test_a_failpoint_that_names_no_step_is_an_error(text: str) -> None:
    with pytest.raises(FailpointUnknown):
        failpoint_of(text, "link")


def test_every_step_can_be_named() -> None:
    for step in Step:
        assert failpoint_of(f"link:{step}:1", "link") is not no_failpoint
