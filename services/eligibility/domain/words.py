"""Words that all stages share. Numbers of the enums are those of `kyufu.events.v1`.

Ids are raw bytes (16; applications 20), times are Unix milliseconds, dates integers YYYYMMDD in
Asia/Tokyo, money is whole yen. What the rules only carry and never read (contact, language,
sealed account) stays in `raw` and `account`, bytes that no rule opens.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final, NewType, Protocol

import msgspec

Yen = NewType("Yen", int)

# event_id(application_id, revision, stage, causing event, ordinal): the same cause gives the same
# id, so that a replay is harmless.
EventIds = Callable[[bytes, int, str, bytes, int], bytes]


class State(Protocol):
    """What a rule may ask of the state of its partition."""

    def get(self, key: bytes) -> bytes | None:
        """The value, or None."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set a value."""

    def load(self, key: bytes, value: bytes) -> None:
        """Set a value that follows from records of a register alone."""

    def delete(self, key: bytes) -> None:
        """Remove a value, if there is one."""


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value of the rules; in state it is a compact list. Fields are only added, at the end."""


class Stage(IntEnum):
    """Stations of the core."""

    IDENTIFY = 2
    DEDUP = 3
    LINK = 4
    DECIDE = 5


class Intent(IntEnum):
    """What the applicant wants."""

    APPLY = 1
    WITHDRAW = 2


class Capacity(IntEnum):
    """In what capacity the applicant says to act: a claim, not a fact."""

    UNSPECIFIED = 0
    HEAD = 1
    SEPARATED = 2
    PROXY = 3


class PayoutKind(IntEnum):
    """How money is to reach the payee."""

    NONE = 0
    ACCOUNT = 1
    REGISTERED_ACCOUNT = 2
    CASH = 3


class PartyKind(IntEnum):
    """Who within the claim unit claims."""

    UNSPECIFIED = 0
    HEAD = 1
    SEPARATED = 2


class Outcome(IntEnum):
    """What became of one (application, revision)."""

    APPROVED = 1
    REFUSED = 2
    SUPERSEDED = 3
    WITHDRAWN = 4
    WAITING = 5


class Reason(IntEnum):
    """Why. Neutral towards other persons."""

    NOT_IN_REGISTER = 1
    APPLICANT_NOT_HEAD = 2
    WINDOW_CLOSED = 3
    ALREADY_CLAIMED = 4
    TOO_LATE_TO_CHANGE = 5
    NOTHING_CLAIMED = 6
    MEMBER_UNKNOWN = 7
    MEMBER_OMITTED = 8
    MEMBER_NOT_ELIGIBLE = 9
    ACCOUNT_INVALID = 10
    HOLDER_MISMATCH = 11
    ACCOUNT_SHARED = 12
    NO_REGISTERED_ACCOUNT = 13
    SEPARATION_UNPROVEN = 14
    CLAIM_DISPUTED = 15
    REPLACED_BY_REVISION = 17
    MERGED_INTO_REVISION = 18
    WITHDRAWN_BY_APPLICANT = 19
    REGISTER_INCOMPLETE = 20
    DECIDED_SEPARATELY = 21
    REVIEW_REFUSED = 22
    NOTHING_TO_WITHDRAW = 23
    OPTED_OUT = 24
    PROXY_UNPROVEN = 25
    CAP_EXCEEDED = 26


class HoldCause(IntEnum):
    """Why money must not leave."""

    ACCOUNT_SHARED = 1
    REVISION_PENDING = 2


class Resolution(IntEnum):
    """What a case worker decided."""

    ACCEPT = 1
    REFUSE = 2


class Party(Record, frozen=True):
    """Head: the claim unit's id. Separated: the resident id of the party's applicant."""

    kind: PartyKind
    party_id: bytes

    @property
    def protected(self) -> bool:
        """Whether this party's events travel on the protected topics."""
        return self.kind is PartyKind.SEPARATED


NO_PARTY: Final = Party(PartyKind.UNSPECIFIED, b"")


class ClaimedPerson(Record, frozen=True):
    """One line of the form."""

    person_fingerprint: bytes
    opted_out: bool


class Application(Record, frozen=True):
    """What was submitted, as far as rules read it. `raw` is the whole message, opaque here."""

    event_id: bytes
    application_id: bytes
    programme: str
    intent: Intent
    capacity: Capacity
    credential_fingerprint: bytes
    persons: tuple[ClaimedPerson, ...]
    persons_complete: bool
    payout: PayoutKind
    account_fingerprint: bytes
    body_digest: bytes
    submitted_at_ms: int
    raw: bytes


class Item(Record, frozen=True):
    """One entitlement, unique among live ones by (programme, beneficiary, occurrence)."""

    beneficiary_id: bytes
    occurrence: str
    amount_yen: Yen


class Decided(Record, frozen=True):
    """An outcome. The adapter fills in client, channel, contact and language from `raw`."""

    event_id: bytes
    causing_event_id: bytes
    application_id: bytes
    programme: str
    stage: Stage
    outcome: Outcome
    reasons: tuple[Reason, ...]
    decided_at_ms: int
    submitted_at_ms: int
    raw: bytes
    claim_unit_id: bytes = b""
    party: Party = NO_PARTY
    revision: int = 0
    replaces_revision: int = 0
    items: tuple[Item, ...] = ()
    cash: bool = False
    account: bytes = b""
    municipality_code: str = ""
    rule_version: str = ""
    snapshot_id: str = ""
    register_version: int = 0
    review_id: bytes = b""
    protected: bool = False


class ReviewOpened(Record, frozen=True):
    """A question for a case worker. `stage_event` is what the stage was judging, opaque here."""

    review_id: bytes
    causing_event_id: bytes
    stage: Stage
    stage_key: bytes
    stage_event: bytes
    application_id: bytes
    programme: str
    reasons: tuple[Reason, ...]
    opened_at_ms: int
    claim_unit_id: bytes = b""
    municipality_code: str = ""
    protected: bool = False


class HoldChanged(Record, frozen=True):
    """A hold is set or cleared; the higher version is newer."""

    event_id: bytes
    causing_event_id: bytes
    hold_id: bytes
    programme: str
    claim_unit_id: bytes
    party_id: bytes
    cause: HoldCause
    version: int
    active: bool
    occurred_at_ms: int


class Ignored(Record, frozen=True):
    """Nothing is written; the word goes to a metric. A conflict is counted and alerted on."""

    stage: Stage
    what: str


class Ordinal(IntEnum):
    """Tells apart the events that one stage writes because of one event; part of their ids."""

    ONWARD = 0
    DECIDED = 1
    REVIEW = 2
    HOLD = 3
    HOLD_CLEARED = 4
    RELEASE = 5
    HOLD_ID = 6
