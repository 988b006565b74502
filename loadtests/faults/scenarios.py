"""The faults, by name. Each scenario begins the run and hurts it; the audit comes after it."""

import os
import shutil
import signal
from collections.abc import Callable

from chassis.streams.failpoints import Step
from loadtests.faults.run import Run
from loadtests.faults.workers import STAGES

EXIT_DEADLINE_S = 40.0
# Longer than the session of a run and the rebalance that follows.
BEYOND_SESSION_S = 9.0
BROKER_AWAY_S = 20.0
HOUR_MS = 3_600_000


def random_kills(run: Run, times: int = 4) -> None:
    """SIGKILL at random moments of random stages."""
    run.begin()
    for _ in range(times):
        run.wait(run.rng.uniform(0.2, 1.5))
        run.workers.kill(run.rng.choice(list(run.workers.all.values())))


def step_of(stage: str, step: Step) -> Callable[[Run], None]:
    """SIGKILL of a stage as it comes to a step, at its first life."""

    def scenario(run: Run) -> None:
        early = step in (Step.FENCED, Step.RESTORING)
        count = run.rng.randint(1, 3) if early else run.rng.randint(2, 8)
        run.begin(failpoint=f"{stage}:{step}:{1 if step is Step.REVOKING else count}")
        if step is Step.REVOKING:
            run.workers.wait_ready()
            run.wait(run.rng.uniform(0.3, 1.0))
            run.workers.start(stage, 1)
        died = run.until(
            lambda: -signal.SIGKILL in run.workers.all[f"{stage}-0"].exits, EXIT_DEADLINE_S
        )
        run.expect(died, f"{stage} never came to {step}")

    return scenario


def zombie(run: Run) -> None:
    """A worker halts inside a transaction, past its session; another takes over; it wakes up."""
    stage = run.rng.choice(STAGES)
    step = run.rng.choice((Step.PRODUCED, Step.BEFORE_OFFSETS, Step.AFTER_OFFSETS))
    run.begin(failpoint=f"{stage}:{step}:{run.rng.randint(4, 10)}:stop")
    halted = run.workers.all[f"{stage}-0"]
    stopped = run.until(lambda: _halted(halted.child.pid), EXIT_DEADLINE_S)
    run.expect(stopped, f"{stage} never came to {step}")
    run.workers.start(stage, 1)
    run.wait(BEYOND_SESSION_S + run.rng.uniform(0.0, 4.0))
    os.kill(halted.child.pid, signal.SIGCONT)
    ended = run.until(lambda: bool(halted.exits), EXIT_DEADLINE_S)
    run.expect(ended and halted.exits[0] > 0, f"the zombie did not end by itself: {halted.exits}")


def joins_and_leaves(run: Run) -> None:
    """Workers 1 -> 3 -> 1 under load, each time with groups open."""
    run.begin()
    stage = run.rng.choice(STAGES)
    joined = []
    for slot in (1, 2):
        run.wait(run.rng.uniform(0.2, 0.8))
        joined.append(run.workers.start(stage, slot))
    run.workers.wait_ready()
    for worker in joined:
        run.wait(run.rng.uniform(0.2, 0.8))
        status = run.workers.leave(worker)
        run.expect(status == 0, f"{worker.name} left with status {status}")


def broker_killed(run: Run) -> None:
    """The broker is killed and started again."""
    run.begin()
    run.wait(run.rng.uniform(0.3, 1.5))
    run.broker.kill()
    run.broker.restart()


def broker_away(run: Run) -> None:
    """The broker is killed and stays away for longer than a session and a transaction."""
    run.begin()
    run.wait(run.rng.uniform(0.3, 1.5))
    run.broker.kill()
    run.wait(BROKER_AWAY_S)
    run.broker.restart()


def broker_halted(run: Run) -> None:
    """The broker holds still for longer than a session and a transaction."""
    run.begin()
    run.wait(run.rng.uniform(0.3, 1.5))
    run.broker.hold(still=True)
    run.wait(BROKER_AWAY_S)
    run.broker.hold(still=False)


def state_deleted(run: Run) -> None:
    """A stage dies and finds its folder gone, or one partition's part of it."""
    run.begin()
    run.wait(run.rng.uniform(0.5, 2.0))
    for worker in list(run.workers.all.values()):
        run.workers.kill(worker)
    # Stores lie in STATE/…/PARTITION; where they are in memory only there is nothing to delete.
    stores = sorted(path for path in run.state.rglob("*") if path.is_dir() and path.name.isdigit())
    doomed = [run.rng.choice(stores)] if stores and run.rng.random() < 0.5 else [run.state]
    for path in doomed:
        shutil.rmtree(path, ignore_errors=True)


def state_torn(run: Run) -> None:
    """A stage dies and finds a file of its store cut in half."""
    run.begin()
    run.wait(run.rng.uniform(0.5, 2.0))
    for worker in list(run.workers.all.values()):
        run.workers.kill(worker)
    files = sorted(
        path for path in run.state.rglob("*")
        if path.is_file() and path.stat().st_size > 1 and path.name != "LOCK"
    )  # fmt: skip
    if files:
        path = run.rng.choice(files)
        os.truncate(path, path.stat().st_size // 2)


def clock_moved(run: Run) -> None:
    """Each life has another clock, and the ticks jump by an hour, forth or back."""
    run.begin()
    for hour in run.rng.sample(("2020-05-10T23:00:00", "2020-05-11T01:00:00"), 2):
        run.wait(run.rng.uniform(0.3, 1.0))
        run.workers.environment["KYUFU_CLOCK_START"] = f"{hour}+00:00"
        run.feeder.skew_ms = run.rng.choice((-HOUR_MS, HOUR_MS))
        run.workers.kill(run.rng.choice(list(run.workers.all.values())))


def transactions_off(run: Run) -> None:
    """Kills without transactions: nothing is lost, and what comes twice is the same."""
    run.transactions = False
    run.workers.environment["KYUFU_TRANSACTIONS"] = "off"
    random_kills(run)


def poison(run: Run) -> None:
    """Messages that nobody can read, at the heads of partitions, while identify is killed."""
    run.poison = 8
    run.begin(failpoint=f"identify:{Step.BEFORE_OFFSETS}:{run.rng.randint(1, 4)}")
    run.wait(run.rng.uniform(0.5, 1.5))
    run.workers.kill(run.workers.all["identify-0"])


SCENARIOS: dict[str, Callable[[Run], None]] = {
    "random_kills": random_kills,
    **{f"{stage}.{step}": step_of(stage, step) for stage in STAGES for step in Step},
    "zombie": zombie,
    "joins_and_leaves": joins_and_leaves,
    "broker_killed": broker_killed,
    "broker_away": broker_away,
    "broker_halted": broker_halted,
    "state_deleted": state_deleted,
    "state_torn": state_torn,
    "clock_moved": clock_moved,
    "transactions_off": transactions_off,
    "poison": poison,
}


def _halted(pid: int) -> bool:
    """Whether the kernel says that the process is stopped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
