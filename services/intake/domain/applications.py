"""An application as intake hands it on, and the answers that a client can get.

Everything that could identify a person is either a fingerprint or marked as plaintext to be sealed.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NewType

ApplicationId = NewType("ApplicationId", bytes)
# Pairwise: the same citizen has another subject at another client.
Subject = NewType("Subject", bytes)


class Channel(StrEnum):
    """How an application came in; from the client's registration, never from the applicant."""

    ONLINE = "online"
    PAPER = "paper"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Client:
    """A registered frontend. `municipality_code` is set for paper and counter clients."""

    client_id: str
    channel: Channel
    scopes: frozenset[str]
    municipality_code: str | None


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme that takes applications."""

    programme_id: str


@dataclass(frozen=True, slots=True)
class ClaimedPerson:
    """A person of the form, by fingerprint alone."""

    fingerprint: bytes
    opted_out: bool


@dataclass(frozen=True, slots=True)
class AccountPayout:
    """`plaintext` is what gets sealed: 15 ASCII digits of the canonical account and the holder in
    half-width kana (cp932).
    """

    fingerprint: bytes
    plaintext: bytes


PayoutKind = Literal["registered_account", "cash"]


@dataclass(frozen=True, slots=True)
class Application:
    """What is published. `contact_plaintext` is JSON, to be sealed; None when there is none."""

    application_id: ApplicationId
    receipt_number: str
    programme_id: str
    client_id: str
    channel: Channel
    withdraw: bool
    capacity: Literal["head", "separated", "proxy"]
    credential_fingerprint: bytes
    persons: tuple[ClaimedPerson, ...]
    persons_complete: bool
    # None for a withdrawal.
    payout: AccountPayout | PayoutKind | None
    contact_plaintext: bytes | None
    language: str
    body_digest: bytes
    submitted_at_ms: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker holds the application: what the client is told."""

    application_id: ApplicationId
    receipt_number: str
    subject: Subject


class KeyUse(StrEnum):
    """What is known of an idempotency key."""

    FIRST = "first"
    # The same request again: it is published again, since the first attempt may have ended between
    # the table and the broker; dedup drops the second one.
    REPEATED = "repeated"
    REUSED = "reused"
    # The table could not be asked. The application is taken: a 202 needs the broker alone, and
    # dedup refuses a second body under one application id.
    UNCHECKED = "unchecked"
