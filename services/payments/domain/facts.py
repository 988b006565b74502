"""Plain values that cross the ports: what was asked for, what arrived, what stands where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestState:
    """What is known of a maker's request. `same` is False when the id was used for another."""

    same: bool
    completed: bool
    held_records: int


@dataclass(frozen=True, slots=True)
class BankAnswer:
    """One file of the bank and what was made of it."""

    file_name: str
    sha256: bytes
    batch_id: str
    kind: str
    taken: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """One file that the bank has put into its folder."""

    file_name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Station:
    """Money of one payer at one station."""

    programme: str
    municipality_code: str
    station: str
    payments: int
    amount_yen: int
