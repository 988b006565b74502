"""python -m services.notify: settings, bootstrap, run."""

import asyncio
import os
import signal
import sys

import uvloop

from chassis import logging
from chassis.settings import SettingsError
from services.notify.bootstrap import Service
from services.notify.settings import Settings, from_environment


async def _run(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await Service(settings).run(stopping)


def main() -> int:
    """The exit code: 0 after a graceful stop."""
    logging.configure("notify")
    try:
        settings = from_environment(os.environ)
        settings.smtp_address()
    except (SettingsError, ValueError) as error:
        logging.get_logger().error("settings cannot be used", reason=str(error))
        return 2
    logging.configure("notify", settings.log_level)
    try:
        uvloop.run(_run(settings))
    except Exception as error:
        logging.get_logger().error("service failed", exc_info=error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
