"""Imports a register: check every line, seal what is personal, write the good ones, close it.

Importing the same file twice is harmless: records are keyed by id and carry the snapshot's version.
Counts add up: lines = loaded + refused, whatever was refused.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import Message

from services.eligibility.domain.register_lines import (
    COLUMNS,
    AccountLine,
    CredentialLine,
    LineRefused,
    PersonLine,
    Row,
    SeparationLine,
    check_household,
    read_account,
    read_credential,
    read_person,
    read_separation,
)
from services.eligibility.ports import RecordMaker, RegisterSink

BATCH_RECORDS: Final = 1_000
ERRORS_MAX: Final = 1_000
LINE_CHARS_MAX: Final = 4_096
HOUSEHOLD_LINES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class LineError:
    """One refused line: where, which column, why."""

    line: int
    field: str
    reason: str


@dataclass(slots=True)
class Report:
    """What became of a file."""

    lines: int = 0
    loaded: int = 0
    refused: int = 0
    errors: list[LineError] = field(default_factory=list)

    def refuse(self, line: int, problem: LineRefused) -> None:
        """Count a refused line; the first ERRORS_MAX are kept."""
        self.refused += 1
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(LineError(line, problem.field, problem.reason))


class ImportRefused(Exception):
    """The file as a whole cannot be read; the reason is constant."""


class RegisterImport:
    """One file of one register. Feed it lines of text, then close it."""

    def __init__(
        self, register: str, records: RecordMaker, sink: RegisterSink, *, municipality: str | None
    ) -> None:
        self.report = Report()
        self._register = register
        self._records = records
        self._sink = sink
        self._municipality = municipality
        self._columns: Sequence[str] | None = None
        self._line = 0
        self._batch: list[tuple[bytes, Message]] = []
        self._batch_lines = 0
        self._household: list[tuple[int, PersonLine | LineRefused, str]] = []
        self._households_seen: set[str] = set()
        self._residents: set[bytes] = set()
        self._owners: dict[tuple[str, str, str], bytes] = {}
        self._readers: dict[str, Callable[[int, Row], None]] = {
            "households": self._take_person,
            "credentials": self._take_credential,
            "accounts": self._take_account,
            "separations": self._take_separation,
        }

    def feed(self, lines: Iterable[str]) -> None:
        """Take lines in order; the first is the header."""
        take = self._readers[self._register]
        for line, row in self._rows(lines):
            take(line, row)
            if len(self._batch) >= BATCH_RECORDS:
                self._write()

    def close(self, *, complete: bool) -> Report:
        """Write what is left and, with `complete`, the record that closes every partition."""
        if self._columns is None:
            raise ImportRefused("no_header")
        self._end_household()
        self._write()
        if complete:
            self._sink.complete(self._register)
        return self.report

    def _rows(self, lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
        for text in lines:
            self._line += 1
            if self._columns is None:
                self._columns = self._header(text)
                continue
            if not text:
                continue
            self.report.lines += 1
            cells = next(csv.reader([text]), []) if len(text) <= LINE_CHARS_MAX else []
            if len(cells) != len(self._columns):
                self._take_broken(LineRefused("", "wrong_number_of_columns"))
                continue
            yield self._line, dict(zip(self._columns, cells, strict=True))

    def _header(self, text: str) -> Sequence[str]:
        found = next(csv.reader([text]), [])
        if sorted(found) != sorted(COLUMNS[self._register]):
            raise ImportRefused("wrong_header")
        return found

    def _take_broken(self, problem: LineRefused) -> None:
        if self._register == "households" and self._household:
            self._household.append((self._line, problem, self._household[-1][2]))
        else:
            self.report.refuse(self._line, problem)

    def _add(self, key: bytes, message: Message, lines: int = 1) -> None:
        self._batch.append((key, message))
        self._batch_lines += lines

    def _write(self) -> None:
        self._sink.write(self._batch)
        self.report.loaded += self._batch_lines
        self._batch, self._batch_lines = [], 0

    def _require_own(self, municipality_code: str) -> None:
        if self._municipality is not None and municipality_code != self._municipality:
            raise LineRefused("municipality_code", "not_your_municipality")

    # -- households -------------------------------------------------------------------------

    def _take_person(self, line: int, row: Row) -> None:
        household = row["household_id"]
        if self._household and self._household[-1][2] != household:
            self._end_household()
        try:
            if household in self._households_seen:
                raise LineRefused("household_id", "household_not_contiguous")
            if len(self._household) >= HOUSEHOLD_LINES_MAX:
                raise LineRefused("household_id", "household_too_large")
            person = read_person(row)
            self._require_own(person.municipality_code)
            known = (p.resident_id for _, p, _ in self._household if isinstance(p, PersonLine))
            if person.resident_id in self._residents:
                raise LineRefused("resident_id", "person_in_two_households")
            if person.resident_id in known:
                raise LineRefused("resident_id", "person_twice")
        except LineRefused as problem:
            self._household.append((line, problem, household))
        else:
            self._household.append((line, person, household))

    def _end_household(self) -> None:
        """Judge the household that has just ended; all its lines load, or none."""
        lines, self._household = self._household, []
        if not lines:
            return
        self._households_seen.add(lines[0][2])
        persons = tuple(entry for _, entry, _ in lines if isinstance(entry, PersonLine))
        whole = check_household(persons) if len(persons) == len(lines) else None
        if whole is None and len(persons) == len(lines):
            self._residents.update(person.resident_id for person in persons)
            key, message = self._records.household(persons)
            self._add(key, message, len(lines))
            return
        for line, entry, _ in lines:
            refused = entry if isinstance(entry, LineRefused) else whole
            self.report.refuse(line, refused or LineRefused("household_id", "household_refused"))

    # -- the other registers ----------------------------------------------------------------

    def _take_credential(self, line: int, row: Row) -> None:
        def read() -> tuple[bytes, Message]:
            entry: CredentialLine = read_credential(row)
            self._require_own(entry.municipality_code)
            name = (entry.kind, entry.issuer, entry.serial)
            if self._owners.setdefault(name, entry.resident_id) != entry.resident_id:
                raise LineRefused("serial", "credential_of_two_residents")
            return self._records.credential(entry)

        self._take(line, read)

    def _take_account(self, line: int, row: Row) -> None:
        def read() -> tuple[bytes, Message]:
            entry: AccountLine = read_account(row)
            return self._records.account(entry)

        self._take(line, read)

    def _take_separation(self, line: int, row: Row) -> None:
        def read() -> tuple[bytes, Message]:
            entry: SeparationLine = read_separation(row)
            household = entry.household_id.hex()
            if household in self._households_seen:
                # The second record would put the first one's persons back with the head.
                raise LineRefused("household_id", "household_separated_twice")
            if not self._residents.isdisjoint(entry.resident_ids):
                raise LineRefused("resident_ids", "person_in_two_separations")
            self._residents.update(entry.resident_ids)
            self._households_seen.add(household)
            return self._records.separation(entry)

        self._take(line, read)

    def _take(self, line: int, read: Callable[[], tuple[bytes, Message]]) -> None:
        try:
            key, message = read()
        except LineRefused as problem:
            self.report.refuse(line, problem)
        else:
            self._add(key, message)
