"""python -m services.eligibility identify|dedup|link|registers, all [WORKERS], or rebuild:
settings, bootstrap, run.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

import uvloop

from chassis import logging
from chassis.settings import SettingsError
from services.eligibility import rebuild
from services.eligibility.bootstrap import STAGES, build_registers, run_stage_process
from services.eligibility.entrypoints.all_in_one import AllInOne

ALL, REBUILD = "all", "rebuild"
PROCESSES = (*STAGES, "registers")
USAGE = f"usage: python -m services.eligibility {'|'.join(PROCESSES)}|{ALL} [WORKERS]|{REBUILD}\n"


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 after a graceful stop, 2 where it cannot start, 1 when it failed."""
    process, *rest = arguments or [""]
    if process == REBUILD:
        return rebuild.main(rest, os.environ)
    workers = rest[0] if rest else "1"
    single = process in PROCESSES and not rest
    several = process == ALL and len(rest) <= 1 and workers.isdigit()
    if not (single or several):
        sys.stderr.write(USAGE)
        return 2
    logging.configure(f"eligibility.{process}", os.environ.get("KYUFU_LOG_LEVEL") or "INFO")
    try:
        if several:
            return AllInOne(int(workers), os.environ).run()
        # For every loop of the process: Faust runs its consumer in a thread with one of its own.
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        if process in STAGES:
            return run_stage_process(process, os.environ)
        asyncio.run(_run_registers())
    except (SettingsError, ValueError) as error:
        logging.get_logger().error("settings cannot be used", reason=str(error))
        return 2
    except Exception as error:
        logging.get_logger().error("process failed", exc_info=error)
        return 1
    return 0


async def _run_registers() -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await build_registers(os.environ).run(stopping)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
