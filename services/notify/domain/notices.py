"""A notice from request to end: accepted, sent by the citizen's own channel, delivered or failed.

Invariants: one notice per (event, slot); a delivered or failed notice is never sent again; every
attempt has a bound (INV-9).
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import Final, NewType

Yen = NewType("Yen", int)

ADDRESS_LENGTH_MAX: Final = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_DIGEST_BYTES: Final = 16
_DOUBLINGS_MAX: Final = 20


class Template(StrEnum):
    """What is told. The value names the template in the data and in the records."""

    PAID = "paid"
    RETURNED = "returned"
    REFUSED = "refused"


class Channel(StrEnum):
    """How a notice leaves the house."""

    EMAIL = "email"
    SMS = "sms"


class Slot(IntEnum):
    """The half of the idempotency key beside the event. The contact stays sealed until sending, so
    "e-mail or SMS, whichever the contact is" is one slot: stricter than one notice of each.
    """

    CONTACT = 1


class State(IntEnum):
    """Where a notice stands, as stored."""

    PENDING = 0
    DELIVERED = 1
    FAILED = 2
    # The citizen gave no contact: nothing is sent, and the status page tells.
    NO_CONTACT = 3


@dataclass(frozen=True, slots=True)
class Notice:
    """One accepted request. `sealed_contact` is opaque here; empty means there is none."""

    event_id: bytes
    application_id: bytes
    template: Template
    language: str
    programme: str
    receipt_number: str
    amount_yen: Yen
    reasons: tuple[str, ...]
    sealed_contact: bytes = field(repr=False)
    traceparent: str | None = None

    @property
    def initial_state(self) -> State:
        """Without a contact a notice is counted and ends at once."""
        return State.PENDING if self.sealed_contact else State.NO_CONTACT

    def content_digest(self) -> bytes:
        """16 bytes over what would be told. Not over the contact: sealing it anew gives other
        bytes for the same address.
        """
        parts = (
            self.application_id.hex(), self.template.value, self.language, self.programme,
            str(self.amount_yen), ",".join(self.reasons),
        )  # fmt: skip
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        for part in parts:
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        return digest.digest()


class Accepted(StrEnum):
    """What became of a request for a notice."""

    CREATED = "created"
    EXISTS = "exists"
    # The same event asked for with another content: the first one stands, and it is alerted.
    EXISTS_WITH_DIFFERENT = "exists_with_different"


@dataclass(frozen=True, slots=True)
class Contact:
    """An opened contact; lives only while its notice is being sent."""

    channel: Channel
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoContact:
    """The sealed value held neither an e-mail address nor a telephone number."""


@dataclass(frozen=True, slots=True)
class BadContact:
    """The address cannot be used; `reason` is a constant. `channel` is known where the kind of the
    address was.
    """

    reason: str
    channel: Channel | None = None


def contact_from(fields: object) -> Contact | NoContact | BadContact:
    """Judge the opened contact: JSON {"email": …} or {"phone": …}; e-mail wins when both are there.

    An address that could break out of an SMTP command or is no E.164 number is refused here.
    """
    if not isinstance(fields, dict):
        return NoContact() if fields is None else BadContact("contact_malformed")
    email, phone = fields.get("email"), fields.get("phone")
    if isinstance(email, str) and email:
        if len(email) > ADDRESS_LENGTH_MAX or _EMAIL.fullmatch(email) is None:
            return BadContact("email_malformed", Channel.EMAIL)
        return Contact(Channel.EMAIL, email)
    if isinstance(phone, str) and phone:
        if _PHONE.fullmatch(phone) is None:
            return BadContact("phone_malformed", Channel.SMS)
        return Contact(Channel.SMS, phone)
    return NoContact()


def delivery_key(event_id: bytes, channel: Channel) -> str:
    """The name of this delivery at providers: the same whenever it is sent again."""
    return f"{event_id.hex()}-{channel.value}"


def message_id(event_id: bytes, channel: Channel, domain: str) -> str:
    """The Message-ID (RFC 5322, section 3.6.4) without its angle brackets."""
    return f"{delivery_key(event_id, channel)}@{domain}"


# -- what an attempt came to -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider has taken the message over. `by` names the provider for metrics."""

    by: str


@dataclass(frozen=True, slots=True)
class Refused:
    """No retry will help; `reason` is a constant."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not delivered, or not known to be; to be tried again. `may_hold` names the providers that may
    have the message, `unanswered` says that one of them was asked and did not say.
    """

    reason: str
    may_hold: frozenset[str] = frozenset()
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Silent:
    """There is nowhere to send to."""


Attempt = Delivered | Refused | Deferred | Silent


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Doubling pauses between attempts, up to a bound, and a bound on the attempts themselves."""

    attempts_max: int
    pause_first: timedelta
    pause_max: timedelta

    def pause_after(self, attempts: int) -> timedelta | None:
        """The pause after the `attempts`-th failed attempt; None when it was the last one."""
        if attempts >= self.attempts_max:
            return None
        doubled: timedelta = self.pause_first * (1 << min(attempts - 1, _DOUBLINGS_MAX))
        return min(doubled, self.pause_max)
