"""`./run`: checks, set-up, processes, the play, the end; and everything stopped, whatever happens.

Order of ending: processes first (highest tier first), then Kafka, then PostgreSQL.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import IO

from devstack import provision
from devstack.checks import check_disk, check_ports, check_python, disk_need_bytes
from devstack.context import Ending, RunContext
from devstack.errors import SetupError
from devstack.keeping import keep_up
from devstack.paths import RunPaths
from devstack.ports import OFFSETS, Ports
from devstack.progress import Progress
from devstack.servers import Servers, needed_ports, start_servers
from devstack.supervisor import Supervisor
from devstack.topology import (
    PROCESS_NAMES,
    READY_DEADLINE_S,
    SCHEMAS,
    Surroundings,
    processes,
)

# The programme is played in its own days: applications opened in May 2020.
CLOCK_START = datetime(2020, 5, 11, tzinfo=UTC)
SERVER_PORTS = ("postgres", "kafka", "kafka-controller")
EXIT_HELD, EXIT_FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of `./run`."""

    households: int
    seed: int
    run_dir: Path
    port_base: int
    keep: bool = False
    reset: bool = False
    kills: tuple[str, ...] = ()
    verify_rebuild: bool = False
    log_level: str = "INFO"


def rehearse(options: Options, progress: Progress, environ: Mapping[str, str]) -> int:
    """Play once; returns the exit status. Nothing it started is left behind."""
    started = time.monotonic()
    ports = Ports(options.port_base)
    paths = RunPaths(options.run_dir)
    _check(options, ports, environ)
    with ExitStack() as stack:
        stack.enter_context(_sole_user(paths))
        _clear(paths, everything=options.reset)
        paths.create()
        servers = start_servers(
            folder=paths.servers, logs=paths.logs, ports=ports, environ=environ,
            step=progress.step, say=progress.note,
        )  # fmt: skip
        stack.callback(_timed_stop(progress, servers))
        urls = _provision(servers, paths, progress)
        supervisor = stack.enter_context(Supervisor(logs=paths.logs, say=progress.note))
        context = _context(options, paths, ports, servers, urls, supervisor, progress, started)
        ending = _play(context)
        progress.close()
        ending.show(progress)
        if options.keep:
            keep_up(context)
    return EXIT_FAILED if ending.problems else EXIT_HELD


def _check(options: Options, ports: Ports, environ: Mapping[str, str]) -> None:
    check_python()
    unknown = sorted(set(options.kills) - set(PROCESS_NAMES))
    if unknown:
        raise SetupError(f"--kill {unknown[0]}: choose from {', '.join(PROCESS_NAMES)}")
    theirs = [name for name in ("KAFKA_BOOTSTRAP", "DATABASE_URL") if environ.get(name)]
    if options.reset and theirs:
        raise SetupError(
            f"--reset empties only servers that ./run starts itself, and {theirs[0]} names one of "
            "yours: unset it, or empty that server by hand"
        )
    check_disk(options.run_dir, disk_need_bytes(options.households))
    skipped = set(SERVER_PORTS) - set(needed_ports(environ))
    check_ports(ports, [name for name in OFFSETS if name not in skipped])


@contextmanager
def _sole_user(paths: RunPaths) -> Iterator[IO[str]]:
    """Two plays in one folder would take each other's files: the second is refused."""
    paths.base.parent.mkdir(parents=True, exist_ok=True)
    with (paths.base.parent / f"{paths.base.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise SetupError(
                f"another ./run uses {paths.base}: end it, or name another folder with --run-dir"
            ) from taken
        yield lock


def _clear(paths: RunPaths, *, everything: bool) -> None:
    """Each play begins on empty servers; the last play's artefacts are kept once, as `.previous`.

    A folder that no play has made is refused instead of removed.
    """
    previous = paths.base.with_name(f"{paths.base.name}.previous")
    if paths.base.exists():
        if any(paths.base.iterdir()) and not paths.logs.is_dir():
            raise SetupError(f"{paths.base} is not a run's folder: name another with --run-dir")
        shutil.rmtree(paths.servers, ignore_errors=True)
        shutil.rmtree(paths.secrets, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)
        if any(paths.base.iterdir()):
            paths.base.rename(previous)
    if everything:
        shutil.rmtree(previous, ignore_errors=True)


def _timed_stop(progress: Progress, servers: Servers) -> Callable[[], None]:
    def stop() -> None:
        begun = time.monotonic()
        servers.stop()
        progress.step("all stopped", time.monotonic() - begun)

    return stop


def _provision(servers: Servers, paths: RunPaths, progress: Progress) -> Mapping[str, str]:
    started = time.monotonic()
    progress.begin("keys, topics, schemas")
    provision.write_secrets(paths.secrets)
    topics = provision.create_topics(servers.kafka_bootstrap)
    if servers.kafka is None:
        provision.require_empty_topics(servers.kafka_bootstrap)
    if servers.postgres is not None:
        urls = provision.create_roles(servers.database_url, SCHEMAS)
    else:
        provision.require_empty_database(servers.database_url, SCHEMAS)
        urls = dict.fromkeys(SCHEMAS, servers.database_url)
    provision.migrate_schemas(urls)
    progress.step(f"keys, {topics} topics, {len(SCHEMAS)} schemas", time.monotonic() - started)
    return urls


def _context(
    options: Options,
    paths: RunPaths,
    ports: Ports,
    servers: Servers,
    urls: Mapping[str, str],
    supervisor: Supervisor,
    progress: Progress,
    started: float,
) -> RunContext:
    epoch_s = datetime.now(UTC).timestamp()
    around = Surroundings(
        paths=paths, ports=ports, kafka_bootstrap=servers.kafka_bootstrap, database_url_of=urls,
        clock_start=CLOCK_START.isoformat(), clock_epoch_s=epoch_s, log_level=options.log_level,
    )  # fmt: skip
    return RunContext(
        households=options.households, seed=options.seed, paths=paths, ports=ports,
        kafka_bootstrap=servers.kafka_bootstrap, database_url=servers.database_url,
        database_url_of=urls, clock_start=CLOCK_START, clock_epoch_s=epoch_s,
        processes=processes(around), supervisor=supervisor, progress=progress, servers=servers,
        kills=options.kills, verify_rebuild=options.verify_rebuild, started=started,
    )  # fmt: skip


def _play(context: RunContext) -> Ending:
    from devstack.play import Play

    progress = context.progress
    begun = time.monotonic()
    progress.begin("a synthetic town")
    play = Play(context)
    play.prepare()
    progress.step(f"a synthetic town of {context.households:,}", time.monotonic() - begun)
    begun = time.monotonic()
    for _, group in groupby(context.processes, key=lambda spec: spec.tier):
        specs = tuple(group)
        names = ", ".join(spec.name for spec in specs)
        progress.begin(f"starting {names}")
        context.supervisor.start(specs)
    context.supervisor.wait_ready(
        (spec.name for spec in context.processes), deadline_s=READY_DEADLINE_S
    )
    progress.step(f"{len(context.processes)} processes ready", time.monotonic() - begun)
    context.timings_s["setup"] = time.monotonic() - context.started
    context.trial = play.trial_request()
    return play.play()
