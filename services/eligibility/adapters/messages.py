"""Contracts to the rules' words and back, for what all stages share.

Invariants: a value that no rule could take raises InvalidMessage with a constant reason, before any
rule sees it; what rules only carry is taken over byte for byte.
"""

from collections.abc import Sequence

from kyufu.events.v1 import applications_pb2, common_pb2, payments_pb2, reviews_pb2

from chassis.streams import InvalidMessage
from services.eligibility.domain.words import (
    NO_PARTY,
    Application,
    Capacity,
    ClaimedPerson,
    Decided,
    HoldChanged,
    Intent,
    Party,
    PartyKind,
    PayoutKind,
    Reason,
    Resolution,
    ReviewOpened,
)

ID_BYTES = 16
APPLICATION_ID_BYTES = 20
# 9999-01-01T00:00Z: later instants have no legal day.
TIME_MS_END = 253_370_764_800_000
_INTENT_OF = {int(each): each for each in Intent}
_CAPACITY_OF = {int(each): each for each in Capacity}
_REASON_OF = {int(each): each for each in Reason}
_APPLY, _UNSPECIFIED = int(Intent.APPLY), int(Capacity.UNSPECIFIED)
_PARTY_KIND_OF = {int(each): each for each in PartyKind}
_RESOLUTIONS = frozenset(int(each) for each in Resolution)
_PAYOUTS = {
    None: PayoutKind.NONE,
    "account": PayoutKind.ACCOUNT,
    "registered_account": PayoutKind.REGISTERED_ACCOUNT,
    "cash": PayoutKind.CASH,
}


def require(condition: bool, reason: str) -> None:
    """Raises InvalidMessage unless the message can be taken."""
    if not condition:
        raise InvalidMessage(reason)


def check_application(message: applications_pb2.ApplicationSubmitted) -> None:
    """Whether the rules can take this application at all."""
    # Each application passes here twice: what `require` would cost a line is paid by the bad alone.
    fault = _fault_of(message)
    if fault:
        raise InvalidMessage(fault)


def _fault_of(message: applications_pb2.ApplicationSubmitted) -> str:
    if len(message.application_id) != APPLICATION_ID_BYTES:
        return "bad_application_id"
    if len(message.event_id) != ID_BYTES:
        return "bad_event_id"
    if len(message.credential_fingerprint) != ID_BYTES:
        return "bad_credential"
    intent, capacity = message.intent, message.capacity
    if intent not in _INTENT_OF or capacity not in _CAPACITY_OF:
        return "unknown_enum"
    submitted_at_ms, payout = message.submitted_at_ms, message.WhichOneof("payout")
    if submitted_at_ms <= 0:
        return "no_time"
    if submitted_at_ms >= TIME_MS_END:
        return "no_such_time"
    if intent == _APPLY:
        if payout is None:
            return "no_payout"
        if capacity == _UNSPECIFIED:
            return "unknown_enum"
    if payout == "account" and len(message.account.account_fingerprint) != ID_BYTES:
        return "bad_account"
    return ""


def check_resolution(message: reviews_pb2.ReviewResolved) -> None:
    """Whether a resolution can be taken."""
    require(message.resolution in _RESOLUTIONS, "unknown_enum")
    require(len(message.review_id) == ID_BYTES, "bad_review_id")
    reasons_of(message.reasons)


def application_of(message: applications_pb2.ApplicationSubmitted, raw: bytes) -> Application:
    """An application as the rules read it; `raw` is the message's own bytes."""
    return Application(
        event_id=message.event_id,
        application_id=message.application_id,
        programme=message.programme,
        intent=_INTENT_OF[message.intent],
        capacity=_CAPACITY_OF[message.capacity],
        credential_fingerprint=message.credential_fingerprint,
        persons=tuple(
            [ClaimedPerson(each.person_fingerprint, each.opted_out) for each in message.persons]
        ),
        persons_complete=message.persons_complete,
        payout=_PAYOUTS[message.WhichOneof("payout")],
        account_fingerprint=message.account.account_fingerprint,
        body_digest=message.body_digest,
        submitted_at_ms=message.submitted_at_ms,
        raw=raw,
    )


def reasons_of(numbers: Sequence[int]) -> tuple[Reason, ...]:
    """Typed reasons; an unknown number makes the message invalid."""
    if not numbers:
        return ()
    try:
        return tuple([_REASON_OF[number] for number in numbers])
    except KeyError as error:
        raise InvalidMessage("unknown_enum") from error


def check_party(message: common_pb2.Party) -> None:
    """Whether `party_of` can read it."""
    require(message.kind in _PARTY_KIND_OF, "unknown_enum")


def party_of(message: common_pb2.Party) -> Party:
    """A party; one that no event names is NO_PARTY."""
    kind = _PARTY_KIND_OF.get(message.kind)
    if kind is None:
        raise InvalidMessage("unknown_enum")
    return NO_PARTY if kind is PartyKind.UNSPECIFIED else Party(kind, message.party_id)


def party_message(party: Party) -> common_pb2.Party:
    """A party on the wire."""
    return common_pb2.Party(
        kind=common_pb2.PartyKind.ValueType(party.kind), party_id=party.party_id
    )


def numbers_of(reasons: tuple[Reason, ...]) -> list[common_pb2.Reason.ValueType]:
    """Reasons on the wire."""
    return [common_pb2.Reason.ValueType(reason) for reason in reasons] if reasons else []


class Submissions:
    """Parsed applications of one batch by their bytes: an application is parsed once."""

    def __init__(self) -> None:
        self._parsed: dict[bytes, applications_pb2.ApplicationSubmitted] = {}
        self._accounts: dict[bytes, common_pb2.AccountPayout] = {}

    def remember(self, message: applications_pb2.ApplicationSubmitted) -> bytes:
        """The message's bytes."""
        raw = message.SerializeToString(deterministic=True)
        self._parsed[raw] = message
        return raw

    def keep(self, handle: bytes, message: applications_pb2.ApplicationSubmitted) -> bytes:
        """Find the message under bytes that the caller has at hand: its own, or the id of the one
        event that carries it, which must then never be parsed or stored as an application.
        """
        self._parsed[handle] = message
        return handle

    def get(self, raw: bytes) -> applications_pb2.ApplicationSubmitted:
        """The message of these bytes."""
        message = self._parsed.get(raw)
        if message is None:
            message = applications_pb2.ApplicationSubmitted.FromString(raw)
            self._parsed[raw] = message
        return message

    def keep_account(self, handle: bytes, account: common_pb2.AccountPayout) -> bytes:
        """As `keep`, for the account of a claim."""
        self._accounts[handle] = account
        return handle

    def account(self, raw: bytes) -> common_pb2.AccountPayout:
        """The account of these bytes, or under this handle."""
        known = self._accounts.get(raw)
        return common_pb2.AccountPayout.FromString(raw) if known is None else known


def decided_message(
    decided: Decided, submissions: Submissions
) -> applications_pb2.ApplicationDecided:
    """An outcome on the wire, with client, channel, contact and language of the application."""
    application = submissions.get(decided.raw)
    message = applications_pb2.ApplicationDecided(
        event_id=decided.event_id,
        causing_event_id=decided.causing_event_id,
        application_id=decided.application_id,
        programme=decided.programme,
        client_id=application.client_id,
        channel=application.channel,
        claim_unit_id=decided.claim_unit_id,
        revision=decided.revision,
        replaces_revision=decided.replaces_revision,
        outcome=common_pb2.Outcome.ValueType(decided.outcome),
        reasons=numbers_of(decided.reasons),
        amount_yen=sum(item.amount_yen for item in decided.items),
        language=application.language,
        municipality_code=decided.municipality_code,
        rule_version=decided.rule_version,
        snapshot_id=decided.snapshot_id,
        register_version=decided.register_version,
        submitted_at_ms=decided.submitted_at_ms,
        decided_at_ms=decided.decided_at_ms,
        stage=common_pb2.Stage.ValueType(decided.stage),
        review_id=decided.review_id,
    )
    if decided.party is not NO_PARTY and decided.party.party_id:
        party = message.party
        party.kind = common_pb2.PartyKind.ValueType(decided.party.kind)
        party.party_id = decided.party.party_id
    if application.HasField("contact"):
        message.contact.CopyFrom(application.contact)
    for item in decided.items:
        message.items.add(
            beneficiary_id=item.beneficiary_id,
            occurrence=item.occurrence,
            amount_yen=item.amount_yen,
        )
    if decided.account:
        message.account.CopyFrom(submissions.account(decided.account))
    elif decided.cash:
        message.cash.SetInParent()
    return message


def review_message(review: ReviewOpened, stage_event_type: str) -> reviews_pb2.ReviewOpened:
    """A question on the wire."""
    return reviews_pb2.ReviewOpened(
        event_id=review.review_id,
        causing_event_id=review.causing_event_id,
        review_id=review.review_id,
        stage=common_pb2.Stage.ValueType(review.stage),
        stage_key=review.stage_key,
        stage_event_type=stage_event_type,
        stage_event=review.stage_event,
        application_id=review.application_id,
        programme=review.programme,
        claim_unit_id=review.claim_unit_id,
        municipality_code=review.municipality_code,
        reasons=numbers_of(review.reasons),
        opened_at_ms=review.opened_at_ms,
        protected=review.protected,
    )


def hold_message(hold: HoldChanged) -> payments_pb2.Hold:
    """A hold on the wire."""
    return payments_pb2.Hold(
        event_id=hold.event_id,
        causing_event_id=hold.causing_event_id,
        hold_id=hold.hold_id,
        programme=hold.programme,
        claim_unit_id=hold.claim_unit_id,
        party_id=hold.party_id,
        cause=payments_pb2.HoldCause.ValueType(hold.cause),
        version=hold.version,
        active=hold.active,
        occurred_at_ms=hold.occurred_at_ms,
    )
