"""`python -m devstack run|servers`: the command behind `./run`.

Exit status: 0 every invariant held, 1 the play failed or an invariant broke, 2 the machine or the
command line is at fault (one line says what to do), 130 stopped by Ctrl-C.
"""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from devstack.checks import port_base_from
from devstack.errors import ProcessFailed, SetupError
from devstack.paths import DEFAULT_RUN_DIR
from devstack.progress import Progress, make_progress

EXIT_FAILED, EXIT_SETUP, EXIT_INTERRUPTED = 1, 2, 130
HOUSEHOLDS_DEFAULT = 2_000
HOUSEHOLDS_MAX = 1_000_000
SEED_DEFAULT = 20_200_427


def parser() -> argparse.ArgumentParser:
    """Return the command line of `./run` (and of `servers`, for tests)."""
    top = argparse.ArgumentParser(prog="devstack")
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", prog="./run", help="play the whole programme once")
    run.add_argument("--households", type=int, default=HOUSEHOLDS_DEFAULT, metavar="N")
    run.add_argument("--seed", type=int, default=SEED_DEFAULT, metavar="S")
    run.add_argument("--keep", action="store_true", help="stay up afterwards, until Ctrl-C")
    run.add_argument(
        "--reset", action="store_true", help="forget the previous run's artefacts as well"
    )
    run.add_argument(
        "--verify-rebuild", action="store_true",
        help="decide the log once more at the end and compare (INV-7)",
    )  # fmt: skip
    run.add_argument("--plain", action="store_true", help="lines instead of a live display")
    run.add_argument(
        "--kill", action="append", default=[], metavar="SERVICE",
        help="SIGKILL this process in the middle of the play (may be given again)",
    )  # fmt: skip
    run.add_argument("--run-dir", type=Path, default=DEFAULT_RUN_DIR, metavar="FOLDER")
    run.add_argument("--port-base", type=int, metavar="PORT")
    servers = commands.add_parser("servers", help="start only Kafka and PostgreSQL")
    servers.add_argument("--port-base", type=int, metavar="PORT")
    return top


def _run(arguments: argparse.Namespace, progress: Progress) -> int:
    from devstack.rehearsal import Options, rehearse

    if not 1 <= arguments.households <= HOUSEHOLDS_MAX:
        raise SetupError(f"--households must be 1 to {HOUSEHOLDS_MAX:,}")
    base = arguments.port_base
    options = Options(
        households=arguments.households,
        seed=arguments.seed,
        run_dir=arguments.run_dir.resolve(),
        port_base=port_base_from(os.environ) if base is None else base,
        keep=arguments.keep,
        reset=arguments.reset,
        kills=tuple(arguments.kill),
        verify_rebuild=arguments.verify_rebuild,
        log_level=os.environ.get("KYUFU_LOG_LEVEL", "INFO"),
    )
    return rehearse(options, progress, os.environ)


def _serve(arguments: argparse.Namespace) -> int:
    from devstack.serving import serve

    return serve(port_base=arguments.port_base)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _disk_is_full(fault: OSError) -> bool:
    return fault.errno in (errno.ENOSPC, errno.EDQUOT)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; what a person can mend becomes one line."""
    arguments = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    if arguments.command == "servers":
        return _guarded(lambda: _serve(arguments), make_progress(plain=True))
    progress = make_progress(plain=arguments.plain)
    return _guarded(lambda: _run(arguments, progress), progress)


def _guarded(work: Callable[[], int], progress: Progress) -> int:
    try:
        return work()
    except SetupError as fault:
        line, status = f"kyufu: {fault}", EXIT_SETUP
    except ProcessFailed as fault:
        line, status = f"kyufu: failed: {fault}", EXIT_FAILED
    except OSError as fault:
        if not _disk_is_full(fault):
            raise
        line, status = f"kyufu: the disk is full ({fault.filename}): make room", EXIT_SETUP
    except KeyboardInterrupt:
        line, status = "kyufu: stopped; nothing is left running", EXIT_INTERRUPTED
    finally:
        progress.close()
    print(line, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
