"""The way of one application, as staff see it: stations without personal data.

Invariants: no fingerprint, no sealed value, no resident or household id is in a trace; the stations
are sorted the same way whatever the order in which their events came.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

# Stages by their number in kyufu.events.v1.Stage.
STAGE_INTAKE: Final = 1
STAGE_IDENTIFY: Final = 2
STAGE_DEDUP: Final = 3
STAGE_PAY: Final = 6
STAGE_NOTIFY: Final = 7

SUBMITTED: Final = "submitted"
IDENTIFIED: Final = "identified"
DEDUPLICATED: Final = "deduplicated"
DECIDED: Final = "decided"
REVIEW_OPENED: Final = "review opened"
REVIEW_RESOLVED: Final = "review resolved"


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One station. `ordinal` orders events of one moment within a stage."""

    event_id: bytes
    application_id: bytes
    stage: int
    event: str
    at_ms: int
    programme: str = ""
    receipt_number: str = ""
    municipality_code: str = ""
    outcome: str = ""
    reasons: tuple[str, ...] = ()
    amount_yen: int = 0
    revision: int = 0
    file_name: str = ""
    line_number: int = 0
    detail: str = ""
    ordinal: int = 0
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """All stations of one application."""

    application_id: bytes
    programme: str
    receipt_number: str
    municipality_code: str
    protected: bool
    status: str
    stations: tuple[TraceEvent, ...]


def assemble(application_id: bytes, events: Iterable[TraceEvent]) -> Trace | None:
    """The trace of the events, or None when there are none."""
    stations = tuple(sorted(events, key=_order))
    if not stations:
        return None
    return Trace(
        application_id=application_id,
        programme=_first(station.programme for station in stations),
        receipt_number=_first(station.receipt_number for station in stations),
        municipality_code=_first(station.municipality_code for station in stations),
        protected=any(station.protected for station in stations),
        status=status(stations),
        stations=stations,
    )


def status(stations: Sequence[TraceEvent]) -> str:
    """Where the application stands: the last decision or the last event of its money, whichever is
    later; "received" before either.
    """
    current = "received"
    for station in stations:
        if station.event == DECIDED:
            current = station.outcome
        elif station.stage == STAGE_PAY:
            current = station.event
    return current


def _order(station: TraceEvent) -> tuple[int, int, int, bytes]:
    return (station.at_ms, station.stage, station.ordinal, station.event_id)


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")
