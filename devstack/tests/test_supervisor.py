"""The supervisor, on real tiny processes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devstack.errors import ProcessFailed
from devstack.paths import ROOT
from devstack.ports import random_base
from devstack.supervisor import Supervisor
from devstack.topology import ProcessSpec

DEADLINE_S = 60.0
NAMES = ("bank-metrics", "notify-metrics")


@pytest.fixture
def specs() -> Callable[..., list[ProcessSpec]]:
    ports = random_base(NAMES)

    def make(*behaviours: str) -> list[ProcessSpec]:
        return [
            ProcessSpec(
                name=f"tiny-{number}",
                module="devstack.tests.tiny",
                arguments=(behaviour,),
                metrics_port=ports.of(NAMES[number]),
                tier=number,
                environment={"KYUFU_METRICS_PORT": str(ports.of(NAMES[number]))},
            )
            for number, behaviour in enumerate(behaviours)
        ]

    return make


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(logs=tmp_path / "logs") as running:
        yield running


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """A zombie has ended; only its parent does not know yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return _state(pid) != "Z"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return "Z"


def test_a_killed_process_is_started_again_and_becomes_ready(
    supervisor: Supervisor, specs: Callable[..., list[ProcessSpec]]
) -> None:
    supervisor.start(specs("well"))
    supervisor.wait_ready(["tiny-0"], deadline_s=DEADLINE_S)
    dead = supervisor.kill("tiny-0")
    until(lambda: supervisor.states()[0].pid != dead)
    supervisor.wait_ready(["tiny-0"], deadline_s=DEADLINE_S)
    (state,) = supervisor.states()
    assert (state.alive, state.restarts, state.exits) == (True, 1, (-signal.SIGKILL,))


def test_a_process_that_never_becomes_ready_is_named_with_its_reason(
    supervisor: Supervisor, specs: Callable[..., list[ProcessSpec]]
) -> None:
    supervisor.start(specs("unready"))
    with pytest.raises(ProcessFailed, match=r"tiny-0 was not ready within 3 s .*nothing"):
        supervisor.wait_ready(["tiny-0"], deadline_s=3.0)


def test_a_process_that_cannot_start_ends_the_play_with_its_last_words(
    supervisor: Supervisor, specs: Callable[..., list[ProcessSpec]]
) -> None:
    supervisor.start(specs("broken"))
    with pytest.raises(ProcessFailed, match=r"ended 3 times \(last exit 3; .*KYUFU_EXAMPLE"):
        supervisor.wait_ready(["tiny-0"], deadline_s=DEADLINE_S)


def test_restarts_have_a_limit(tmp_path: Path, specs: Callable[..., list[ProcessSpec]]) -> None:
    with Supervisor(logs=tmp_path, restarts_max=1) as supervisor:
        supervisor.start(specs("well"))
        supervisor.wait_ready(["tiny-0"], deadline_s=DEADLINE_S)
        dead = supervisor.kill("tiny-0")
        until(lambda: supervisor.states()[0].pid != dead)
        supervisor.kill("tiny-0")

        def never() -> bool:
            supervisor.check()
            return False

        with pytest.raises(ProcessFailed, match="ended 2 times"):
            until(never)


def test_stopping_leaves_no_process_even_of_a_stubborn_one(
    tmp_path: Path, specs: Callable[..., list[ProcessSpec]]
) -> None:
    well, stubborn = specs("well", "stubborn")
    with Supervisor(logs=tmp_path) as supervisor:
        # Only the stubborn one is impatiently waited for: a busy machine may keep the other long.
        supervisor.start([replace(well, stop_deadline_s=DEADLINE_S)])
        supervisor.start([replace(stubborn, stop_deadline_s=0.5)])
        supervisor.wait_ready(["tiny-0", "tiny-1"], deadline_s=DEADLINE_S)
        pids = [state.pid for state in supervisor.states()]
        log = (tmp_path / "tiny-1.log").read_text()
        grandchild = int(re.findall(r"grandchild (\d+)", log)[0])
        killed = supervisor.stop_all()
    assert killed == ["tiny-1"]
    until(lambda: not any(lives(pid) for pid in [*pids, grandchild]))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals orphans")
def test_children_die_with_a_supervisor_that_is_killed(
    tmp_path: Path, specs: Callable[..., list[ProcessSpec]]
) -> None:
    (spec,) = specs("well")
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from devstack.supervisor import Supervisor\n"
        "from devstack.topology import ProcessSpec\n"
        f"spec = ProcessSpec('tiny', 'devstack.tests.tiny', {spec.metrics_port}, 0, ('well',),\n"
        f"    {{'KYUFU_METRICS_PORT': '{spec.metrics_port}'}})\n"
        f"with Supervisor(logs=Path({str(tmp_path)!r})) as supervisor:\n"
        "    supervisor.start([spec])\n"
        f"    supervisor.wait_ready(['tiny'], deadline_s={DEADLINE_S})\n"
        "    print(supervisor.states()[0].pid, flush=True)\n"
        f"    time.sleep({DEADLINE_S})\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait(DEADLINE_S)
    until(lambda: not lives(child))
