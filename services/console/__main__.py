"""python -m services.console: settings, bootstrap, run."""

import asyncio
import os
import signal
import sys

from chassis import logging
from chassis.settings import SettingsError
from services.console.bootstrap import Service
from services.console.settings import Settings, from_environment


async def _run(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await Service(settings).run(stopping)


def main() -> int:
    """The exit code: 0 after a graceful stop."""
    logging.configure("console")
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        logging.get_logger().error("settings cannot be used", reason=str(error))
        return 2
    logging.configure("console", settings.log_level)
    try:
        asyncio.run(_run(settings))
    except Exception as error:
        logging.get_logger().error("service failed", exc_info=error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
