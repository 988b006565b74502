"""The bank's own books: append-only JSON lines, the only memory the bank has.

A file is taken once by its content: the same bytes again, under whatever name, are refused. Lines
are flushed and synced before any answer leaves, so that a killed bank knows what it said.
"""

import json
import os
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Books:
    """`books.jsonl`: one line per file taken or refused, and one per order of a taken file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._taken: dict[str, str] = {}
        self._refused: dict[tuple[str, str], str] = {}
        # what was booked for each order, by reference
        self.results: dict[str, str] = {}
        self._read_back()
        self._file = path.open("a", encoding="utf-8")

    def _read_back(self) -> None:
        """Reads the books; drops the tail of a write that a kill cut short.

        A file's orders count only with the `file_taken` line that closes their write.
        """
        if not self._path.exists():
            return
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        closed = 0
        orders: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            if not line.endswith("\n"):
                break
            entry = json.loads(line)
            if entry["entry"] == "order":
                orders[entry["reference"]] = entry["result"]
                continue
            if entry["entry"] == "file_taken":
                self._taken[entry["sha256"]] = entry["file"]
                self.results.update(orders)
                orders.clear()
            else:
                self._refused[(entry["file"], entry["sha256"])] = entry["rule"]
            closed = number
        if closed < len(lines):
            self._path.write_text("".join(lines[:closed]), encoding="utf-8")

    def taken_as(self, sha256: str) -> str | None:
        """Name under which these bytes were taken, if they were."""
        return self._taken.get(sha256)

    def take(self, *, file: str, sha256: str, orders: list[Row], yen: int) -> None:
        """Books the whole file in one write: all its orders, then the file itself."""
        entries = [{"entry": "order", "file": file, **order} for order in orders]
        taken = {
            "entry": "file_taken",
            "file": file,
            "sha256": sha256,
            "records": len(orders),
            "yen": yen,
        }
        self._append([*entries, taken])
        self._taken[sha256] = file
        self.results.update((order["reference"], order["result"]) for order in orders)

    def refuse(self, *, file: str, sha256: str, rule: str) -> None:
        if (file, sha256) not in self._refused:
            self._append([{"entry": "file_refused", "file": file, "sha256": sha256, "rule": rule}])
            self._refused[(file, sha256)] = rule

    def _append(self, entries: list[Row]) -> None:
        self._file.write("".join(json.dumps(entry) + "\n" for entry in entries))
        self._file.flush()
        os.fsync(self._file.fileno())
