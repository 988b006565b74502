"""`--keep`: everything stays up, and a person is told where, and what to try."""

import json
import signal
import threading
from pathlib import Path
from types import FrameType

from chassis.clock import SystemClock
from devstack.context import RunContext, TrialRequest
from devstack.topology import metrics_targets
from simulators.staff import ROLES_OF, issue_token

WATCH_INTERVAL_S = 1.0


def keep_up(context: RunContext) -> None:
    """Print the addresses and wait for Ctrl-C; raises ProcessFailed when a process is lost."""
    asked = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    for line in describe(context):
        # Not through the display, which would break lines that are meant to be copied.
        print(line, flush=True)
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
        f"  PostgreSQL  the URL, with its password, is in {_database_url_file(context)}",
        f"  keys        {context.secrets_dir}",
    ]
    if context.trial is not None:
        lines += ["", *_trial_lines(context, context.trial)]
    lines += ["", *_staff_lines(context)]
    lines += ["", "Prometheus targets:"]
    lines += [f"  {name:<10} {url}" for name, url in metrics_targets(context.processes).items()]
    return lines


def _database_url_file(context: RunContext) -> Path:
    """A file for its owner alone: a password has no place on a screen or in a CI log."""
    path = context.paths.base / "database.url"
    path.touch(mode=0o600)
    path.write_text(context.database_url + "\n", encoding="utf-8")
    return path


def _trial_lines(context: RunContext, trial: TrialRequest) -> list[str]:
    """Requests to copy. Headers lie in files: a certificate in a command line is no pleasure."""
    folder = context.paths.base / "trial"
    folder.mkdir(mode=0o700, exist_ok=True)
    authorization = f"Authorization: Bearer {trial.client_token}"
    headers = [authorization, *(f"{name}: {value}" for name, value in trial.headers.items())]
    post, body, get = folder / "post.headers", folder / "body.json", folder / "get.headers"
    post.write_text("\n".join(headers) + "\n", encoding="utf-8")
    body.write_bytes(trial.body)
    lines = [
        "Post an application (a second one of this household: it will be told so):",
        f"  curl -sS -i -X POST {context.intake_url}{trial.path} -H @{post} --data-binary @{body}",
    ]
    accepted = _any_accepted(context.paths.base / "history.jsonl", trial.client_id)
    if accepted is not None:
        subject = f"Kyufu-Subject: {accepted['subject']}"
        get.write_text(f"{authorization}\n{subject}\n", encoding="utf-8")
        url = f"{context.intake_url}/v1/applications/{accepted['application_id']}"
        lines += ["Ask the status of another application:", f"  curl -sS {url} -H @{get}"]
    return lines


def _staff_lines(context: RunContext) -> list[str]:
    """Tokens of a working day for each simulated member of staff, and what to do with them."""
    folder = context.paths.base / "tokens"
    folder.mkdir(mode=0o700, exist_ok=True)
    clock = SystemClock(context.clock_start, context.clock_epoch_s)
    for subject in ROLES_OF:
        path = folder / f"{subject}.token"
        path.write_text(issue_token(context.secrets_dir, clock, subject), encoding="utf-8")
    accepted = _any_accepted(context.paths.base / "history.jsonl", None)
    application_id = accepted["application_id"] if accepted else "APPLICATION_ID"

    def command(subject: str, words: str) -> str:
        return f"  ./kyufu --token-file {folder / subject}.token {words}"

    return [
        f"Work as staff ({', '.join(ROLES_OF)}):",
        f"  export KYUFU_CONSOLE_ADDR={context.address('console-grpc')}",
        command("operator-1", "status"),
        command("case-worker-1", "reviews list"),
        command("case-worker-1", f"trace {application_id}"),
        command("maker-1", "batches"),
    ]


def _any_accepted(history: Path, client_id: str | None) -> dict[str, str] | None:
    """The first accepted application of the play, of one client or of any."""
    for line in history.read_text(encoding="utf-8").splitlines():
        row: dict[str, str] = json.loads(line)
        if row["application_id"] and client_id in (None, row["client_id"]):
            return row
    return None
