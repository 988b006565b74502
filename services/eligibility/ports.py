"""What the stages and the importer need from outside."""

from collections.abc import Sequence
from typing import Protocol

from google.protobuf.message import Message

from services.eligibility.domain.register_lines import (
    AccountLine,
    CredentialLine,
    PersonLine,
    SeparationLine,
)


class StageMeter(Protocol):
    """Counts what a stage does; never by person."""

    def outcome(self, stage: str, outcome: str, age_s: float) -> None:
        """An application got an outcome, or went on ("onward")."""

    def ignored(self, stage: str, what: str) -> None:
        """Something changed nothing."""


class RegisterSink(Protocol):
    """Where good lines of a register go."""

    def write(self, records: Sequence[tuple[bytes, Message]]) -> None:
        """Write records (key, message) in order; returns when all are durable."""

    def complete(self, register: str) -> None:
        """Close the register in every partition: what is not there by now does not exist."""


class RecordMaker(Protocol):
    """Makes register records of checked lines: sealed, fingerprinted, keyed."""

    def household(self, persons: Sequence[PersonLine]) -> tuple[bytes, Message]:
        """Key and record of a whole household."""

    def credential(self, line: CredentialLine) -> tuple[bytes, Message]:
        """Key and record of a credential."""

    def account(self, line: AccountLine) -> tuple[bytes, Message]:
        """Key and record of a registered account."""

    def separation(self, line: SeparationLine) -> tuple[bytes, Message]:
        """Key and record of a separation."""


class RegisterMeter(Protocol):
    """Counts lines of imported registers."""

    def lines(self, register: str, result: str, count: int) -> None:
        """Lines that were loaded or refused."""


class Ticker(Protocol):
    """Writes the clock, in a thread of its own."""

    def start(self) -> None:
        """Begin to tick."""

    def stop(self) -> None:
        """End after the tick that is under way."""

    def check(self) -> str | None:
        """A readiness check."""

    def broken(self) -> str | None:
        """Why the process must end, if it must."""
