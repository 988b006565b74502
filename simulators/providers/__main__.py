"""`python -m simulators.providers`: SMTP sink and SMS providers A and B until SIGTERM."""

import asyncio
import logging as stdlib_logging
import os
import signal

import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry

from chassis import logging
from chassis.health import HealthServer
from chassis.settings import load
from simulators.providers.mailbox import Mailbox
from simulators.providers.sms import SmsProvider
from simulators.providers.smtp import new_session
from simulators.settings import ProvidersSettings

HOST = "127.0.0.1"
BACKLOG = 512


async def serve(settings: ProvidersSettings) -> None:
    notices = settings.run_dir / "notices"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    mails = Mailbox(notices / "email.jsonl")
    smtp = await loop.create_server(
        lambda: new_session(mails), HOST, settings.smtp_port, backlog=BACKLOG
    )
    runners = []
    for name, port, failure_every in (
        ("sms-a", settings.sms_a_port, settings.sms_a_failure_every),
        ("sms-b", settings.sms_b_port, 0),
    ):
        # One mailbox a provider: they share nothing, as in the world.
        mailbox = Mailbox(notices / f"{name}.jsonl")
        provider = SmsProvider(name, mailbox, failure_every=failure_every)
        runner = web.AppRunner(provider.application(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, HOST, port, backlog=BACKLOG).start()
        runners.append(runner)
    health = HealthServer(settings.metrics_port, CollectorRegistry(), {})
    health.start()
    await stop.wait()
    health.stop()
    smtp.close()
    for runner in runners:
        await runner.cleanup()


def main() -> None:
    settings = load(ProvidersSettings, os.environ)
    logging.configure("simulators.providers", settings.log_level)
    # The library logs recipients: personal data has no place in a log.
    stdlib_logging.getLogger("mail.log").setLevel(stdlib_logging.ERROR)
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
