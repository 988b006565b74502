"""What a person sees while it runs: set-up steps with times, then counts and yen moving.

Live on a terminal; plain lines elsewhere. Numbers only: nothing of a person is ever shown.
"""

import sys
import threading
import time
from collections.abc import Sequence
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

PLAIN_INTERVAL_S = 5.0
NOTES_SHOWN = 6

Station = tuple[str, int | None, int | None]  # name, count, yen (None where it has none)


class Progress(Protocol):
    """Where the run tells how far it is."""

    @property
    def is_live(self) -> bool:
        """Say whether a terminal is at the other end."""
        ...

    def begin(self, what: str) -> None:
        """Something is being worked on; replaced by the next begin or step."""
        ...

    def step(self, what: str, seconds: float) -> None:
        """A step is done."""
        ...

    def note(self, line: str) -> None:
        """Tell something out of the ordinary, such as a restart."""
        ...

    def stations(self, rows: Sequence[Station]) -> None:
        """Show counts and yen at each station now."""
        ...

    def show(self, what: RenderableType) -> None:
        """Print something that stays."""
        ...

    def close(self) -> None:
        """End the display; later calls print plainly."""
        ...


class PlainProgress:
    """Lines, for logs and pipes; stations at most every PLAIN_INTERVAL_S."""

    is_live = False

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = Console(file=stream or sys.stdout, width=120, highlight=False)
        self._last_stations = float("-inf")

    def begin(self, what: str) -> None:
        """Say nothing: the step's line follows."""

    def step(self, what: str, seconds: float) -> None:
        """One line a step."""
        self._print(f"{seconds:6.1f} s  {what}")

    def note(self, line: str) -> None:
        """One line."""
        self._print(f"       !  {line}")

    def stations(self, rows: Sequence[Station]) -> None:
        """One line with all stations, not more often than people read."""
        now = time.monotonic()
        if now - self._last_stations < PLAIN_INTERVAL_S:
            return
        self._last_stations = now
        self._print("          " + " · ".join(_station_text(row) for row in rows))

    def show(self, what: RenderableType) -> None:
        """Print it."""
        self._console.print(what)

    def close(self) -> None:
        """Nothing is held."""

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


class LiveProgress:
    """A terminal's display that redraws itself in place."""

    is_live = True

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._lock = threading.Lock()
        self._steps: list[tuple[str, float]] = []
        self._current: tuple[str, float] | None = None
        self._notes: list[str] = []
        self._stations: Sequence[Station] = ()
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=5)
        self._live.start()

    def begin(self, what: str) -> None:
        """Show it with a running time."""
        with self._lock:
            self._current = (what, time.monotonic())

    def step(self, what: str, seconds: float) -> None:
        """Add it to the steps done."""
        with self._lock:
            self._steps.append((what, seconds))
            self._current = None

    def note(self, line: str) -> None:
        """Keep the last few."""
        with self._lock:
            self._notes = [*self._notes, line][-NOTES_SHOWN:]

    def stations(self, rows: Sequence[Station]) -> None:
        """Replace the table."""
        with self._lock:
            self._stations = tuple(rows)

    def show(self, what: RenderableType) -> None:
        """Print it above the display."""
        self._console.print(what)

    def close(self) -> None:
        """Leave the last picture on the screen."""
        self._live.stop()

    def _render(self) -> RenderableType:
        with self._lock:
            steps = Table.grid(padding=(0, 2))
            for what, seconds in self._steps:
                steps.add_row(Text("✓", "green"), what, Text(f"{seconds:.1f} s", "dim"))
            if self._current is not None:
                what, since = self._current
                running = f"{time.monotonic() - since:.0f} s"
                steps.add_row(Text("…", "yellow"), what, Text(running, "dim"))
            parts: list[RenderableType] = [steps]
            if self._stations:
                parts.append(_station_table(self._stations))
            parts += [Text(f"! {note}", "yellow") for note in self._notes]
        return Group(*parts)


def _station_text(row: Station) -> str:
    name, count, yen = row
    return " ".join(part for part in (name, _count_text(count), _yen_text(yen)) if part)


def _count_text(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _yen_text(yen: int | None) -> str:
    return "" if yen is None else f"¥{yen:,}"


def _station_table(rows: Sequence[Station]) -> Table:
    table = Table(box=None, padding=(0, 2))
    table.add_column("station")
    table.add_column("count", justify="right")
    table.add_column("yen", justify="right")
    for name, count, yen in rows:
        table.add_row(name, _count_text(count), _yen_text(yen))
    return table


def make_progress(*, plain: bool) -> Progress:
    """Choose by the terminal; `--plain` forces lines."""
    if plain or not sys.stdout.isatty():
        return PlainProgress()
    return LiveProgress()
