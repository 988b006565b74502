"""Start intake: settings, parts, then HTTP until SIGTERM.

Exit status: 0 after an orderly stop; 1 when a part failed; 2 when a setting or a key file is
missing.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from chassis import logging
from chassis.health import HealthServer
from chassis.secrets import SecretsError
from chassis.settings import SettingsError
from services.intake.bootstrap import Intake, build
from services.intake.settings import IntakeSettings, load_settings

SERVICE: Final = "intake"
KEEP_ALIVE_S: Final = 30
STOP_TIMEOUT_S: Final = 5
BACKLOG: Final = 2_048
FAILED: Final = 1
MISCONFIGURED: Final = 2


def main() -> int:
    """Run until told to stop; the exit status."""
    logging.configure(SERVICE)
    try:
        settings = load_settings(os.environ)
        logging.configure(SERVICE, settings.log_level)
        return _serve(settings)
    except (SettingsError, SecretsError) as error:
        logging.get_logger().error("intake cannot start", reason=str(error))
        return MISCONFIGURED


def _serve(settings: IntakeSettings) -> int:
    failures: list[BaseException] = []
    servers: list[uvicorn.Server] = []

    def on_failure(error: BaseException) -> None:
        logging.get_logger().error("intake ends because a part failed", exc_info=error)
        failures.append(error)
        for server in servers:
            server.should_exit = True

    intake = build(settings, on_failure=on_failure)
    health = HealthServer(
        settings.metrics_port,
        intake.metrics.registry,
        {"broker": intake.producer.check},
        host=settings.host,
    )
    server = _Server(_config(settings, intake))
    servers.append(server)
    health.start()
    try:
        server.run()
    finally:
        health.stop()
    return FAILED if failures or not server.started else 0


class _Server(uvicorn.Server):
    """Stops in order on SIGTERM and SIGINT, and then ends with a status instead of the signal,
    which uvicorn would raise again.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def _config(settings: IntakeSettings, intake: Intake) -> uvicorn.Config:
    return uvicorn.Config(
        intake.app,
        host=settings.host,
        port=settings.http_port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )


if __name__ == "__main__":
    sys.exit(main())
