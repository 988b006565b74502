"""`--keep`: everything stays up, and a person is told where, and what to try."""

import shlex
import signal
import threading
from pathlib import Path
from types import FrameType

from rich.text import Text

from devstack.context import RunContext, TrialRequest
from devstack.topology import metrics_targets

WATCH_INTERVAL_S = 1.0


def keep_up(context: RunContext) -> None:
    """Print the addresses and wait for Ctrl-C; raises ProcessFailed when a process is lost."""
    asked = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    for line in describe(context):
        context.progress.show(Text(line))
    while not asked.wait(WATCH_INTERVAL_S):
        context.check()


def describe(context: RunContext) -> list[str]:
    """Return what `--keep` prints: addresses, a request to try, scrape targets."""
    lines = [
        "",
        "Everything stays up; Ctrl-C stops it all, in order.",
        f"  intake      {context.intake_url}/v1/openapi.json",
        f"  staff gRPC  {context.address('console-grpc')}",
        f"  Kafka       {context.kafka_bootstrap}",
        f"  PostgreSQL  {context.database_url}",
        f"  keys        {context.secrets_dir}",
    ]
    if context.trial is not None:
        body = context.paths.base / "trial.json"
        body.write_bytes(context.trial.body)
        lines += ["", "Post an application:", *_post_lines(context, context.trial, body)]
    lines += ["", "Prometheus targets:"]
    lines += [f"  {name:<10} {url}" for name, url in metrics_targets(context.processes).items()]
    return lines


def _post_lines(context: RunContext, trial: TrialRequest, body: Path) -> list[str]:
    authorization = f"Authorization: Bearer {trial.client_token}"
    headers = [authorization, *(f"{name}: {value}" for name, value in trial.headers.items())]
    shown = " ".join(f"-H {shlex.quote(header)}" for header in headers)
    return [
        f"  curl -sS -i -X POST {shlex.quote(context.intake_url + trial.path)} {shown} "
        f"--data-binary @{shlex.quote(str(body))}",
        "Ask its status with the application_id and the Kyufu-Subject of that answer:",
        f"  curl -sS {context.intake_url}/v1/applications/APPLICATION_ID "
        f"-H {shlex.quote(authorization)} -H 'Kyufu-Subject: SUBJECT'",
    ]
