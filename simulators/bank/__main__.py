"""`python -m simulators.bank`: takes files from `bank/to_bank` until SIGTERM."""

import os
import signal
import threading

from prometheus_client import CollectorRegistry

from chassis import logging
from chassis.health import HealthServer
from chassis.settings import load
from simulators.bank.desk import Desk
from simulators.settings import BankSettings

POLL_S = 0.2


def main() -> None:
    settings = load(BankSettings, os.environ)
    logging.configure("simulators.bank", settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    desk = Desk(settings.run_dir / "bank", settings.accounts)
    health = HealthServer(settings.metrics_port, CollectorRegistry(), {})
    health.start()
    log = logging.get_logger()
    while not stop.wait(POLL_S):
        answered = desk.look()
        if answered:
            log.info("files answered", files=answered)
    health.stop()


if __name__ == "__main__":
    main()
