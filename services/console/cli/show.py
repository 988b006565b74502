"""Answers as tables for people, or as JSON for programs."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from kyufu.events.v1 import common_pb2
from kyufu.payments.v1 import payments_pb2
from kyufu.staff.v1 import staff_pb2
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chassis.clock import JST, from_ms

_WIDTH_WITHOUT_TERMINAL: Final = 200
_StageField = Literal[
    "lag_records", "batch_records_mean", "commit_seconds_p99", "overlay_keys_mean",
    "open_partitions", "restored_keys", "restore_keys_per_second", "restore_eta_seconds",
    "state_bytes", "dead_letters", "rebalances", "takeovers", "fencings",
]  # fmt: skip
# heading, field of StageStatus, form
_STAGE_COLUMNS: Final[tuple[tuple[str, _StageField, str], ...]] = (
    ("lag", "lag_records", "{:,}"),
    ("batch", "batch_records_mean", "{:,.0f}"),
    ("commit p99 s", "commit_seconds_p99", "{:.3f}"),
    ("overlay", "overlay_keys_mean", "{:,.0f}"),
    ("open part.", "open_partitions", "{:,}"),
    ("restored", "restored_keys", "{:,}"),
    ("keys/s", "restore_keys_per_second", "{:,.0f}"),
    ("ETA s", "restore_eta_seconds", "{:,.0f}"),
    ("state bytes", "state_bytes", "{:,}"),
    ("dead letters", "dead_letters", "{:,}"),
    ("rebalances", "rebalances", "{:,}"),
    ("takeovers", "takeovers", "{:,}"),
    ("fencings", "fencings", "{:,}"),
)


def console() -> Console:
    """Standard output; wide where it is no terminal, so that lines are not broken for programs."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=_WIDTH_WITHOUT_TERMINAL)


def as_json(message: Message) -> None:
    """The whole answer under the contract's field names; bytes as base64, 64-bit as text."""
    document = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    print(json.dumps(document, ensure_ascii=False, indent=2))  # noqa: T201 - the command's output


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; columns that begin with > are numbers. Cells are never read as markup."""
    shown = Table(title=title, title_justify="left")
    for column in columns:
        right = column.startswith(">")
        shown.add_column(column.removeprefix(">"), justify="right" if right else "left")
    for row in rows:
        shown.add_row(*(escape(str(cell)) for cell in row))
    console().print(shown)


def line(text: str) -> None:
    """One line of plain text."""
    console().print(escape(text), highlight=False)


def trace(answer: staff_pb2.TraceApplicationResponse) -> None:
    """Every station of one application."""
    line(f"application  {answer.application_id}")
    line(f"programme    {answer.programme}")
    line(f"receipt      {answer.receipt_number}")
    line(f"status       {answer.status}")
    table(
        "stations",
        ("time", "stage", "event", "outcome", "reasons", ">yen", ">rev.", "file:line", "detail"),
        [
            (
                at(station.at_ms),
                stage(station.stage),
                station.event,
                station.outcome,
                ", ".join(station.reasons),
                yen(station.amount_yen),
                station.revision or "",
                f"{station.file_name}:{station.line_number}" if station.file_name else "",
                station.detail,
            )
            for station in answer.stations
        ],
    )


def batches(found: Sequence[payments_pb2.Batch]) -> None:
    """Batches with what an approval needs: the whole hash."""
    table(
        "batches",
        ("batch", "payer", "value date", "state", ">records", ">yen", "maker", "checker",
         ">returned", "sha256"),
        [
            (
                batch.batch_id,
                batch.municipality_code,
                batch.value_date or "",
                payments_pb2.BatchState.Name(batch.state).removeprefix("BATCH_STATE_").lower(),
                f"{batch.records:,}",
                f"{batch.amount_yen:,}",
                batch.maker,
                batch.checker,
                f"{batch.returned_records:,}" if batch.returned_records else "",
                batch.sha256.hex(),
            )
            for batch in found
        ],
    )  # fmt: skip


def reviews(found: Sequence[staff_pb2.Review]) -> None:
    """The review queue."""
    table(
        "reviews",
        ("review", "opened", "stage", "payer", "application", "reasons", "resolution", "by"),
        [
            (
                review.review_id,
                at(review.opened_at_ms),
                stage(review.stage),
                review.municipality_code,
                review.application_id,
                ", ".join(
                    common_pb2.Reason.Name(reason).removeprefix("REASON_").lower()
                    for reason in review.reasons
                ),
                review.resolution,
                review.actor,
            )
            for review in found
        ],
    )


def status(answer: staff_pb2.GetStatusResponse) -> None:
    """Health, lag, yen by station, and what waits for people."""
    table(
        "services",
        ("service", "ready", "detail"),
        [(s.service, "yes" if s.ready else "NO", s.detail) for s in answer.services],
    )
    table(
        "lag",
        ("consumer", "topic", ">records"),
        [(lag.consumer, lag.topic, f"{lag.lag:,}") for lag in answer.lags],
    )
    _stages(answer.stages)
    by_station: dict[tuple[str, str], tuple[int, int]] = {}
    for entry in answer.stations:
        payments, amount = by_station.get((entry.programme, entry.station), (0, 0))
        by_station[entry.programme, entry.station] = (
            payments + entry.payments,
            amount + entry.amount_yen,
        )
    table(
        "yen by station",
        ("programme", "station", ">payments", ">yen"),
        [
            (programme, station, f"{payments:,}", f"{amount:,}")
            for (programme, station), (payments, amount) in by_station.items()
        ],
    )
    line(f"open reviews {answer.open_reviews:,}, dead letters {answer.dead_letters:,}")


def _stages(found: Sequence[staff_pb2.StageStatus]) -> None:
    """The stages of the stream core; a dash where no process shows the figure."""
    table(
        "stages",
        ("stage", *(f">{title}" for title, _, _ in _STAGE_COLUMNS)),
        [
            (
                one.stage,
                *(
                    form.format(getattr(one, name)) if one.HasField(name) else "-"
                    for _, name, form in _STAGE_COLUMNS
                ),
            )
            for one in found
        ],
    )


def dead_letters(found: Sequence[staff_pb2.DeadLetterSummary]) -> None:
    """Pointers and reasons."""
    table(
        "dead letters",
        ("dead letter", "time", "source", "consumer", "reason", "replayed"),
        [
            (
                letter.dead_letter_id,
                at(letter.at_ms),
                f"{letter.source_topic}[{letter.source_partition}]@{letter.source_offset}",
                letter.consumer,
                letter.reason,
                "yes" if letter.replayed else "",
            )
            for letter in found
        ],
    )


def imported(answer: staff_pb2.ImportRegisterResponse) -> None:
    """What was loaded and which lines were not."""
    line(f"{answer.loaded:,} of {answer.lines:,} lines loaded, {answer.error_lines:,} with errors")
    if answer.errors:
        table(
            "errors",
            (">line", "field", "reason"),
            [(error.line, error.field, error.reason) for error in answer.errors],
        )


def at(at_ms: int) -> str:
    """Japanese time."""
    if not at_ms:
        return ""
    instant: datetime = from_ms(at_ms).astimezone(JST)
    return instant.strftime("%Y-%m-%d %H:%M:%S")


def stage(number: common_pb2.Stage.ValueType) -> str:
    """The stage's word."""
    return common_pb2.Stage.Name(number).removeprefix("STAGE_").lower()


def yen(amount_yen: int) -> str:
    """Grouped; nothing for 0."""
    return f"{amount_yen:,}" if amount_yen else ""
