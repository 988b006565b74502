"""How dedup's claims stand in state: a hot record a claim unit, and a cold one an application.

Hot is what every look needs. Each byte string stands in it once, in a table that numbers point
into, and the claim unit's own id, which a head's party bears, not at all: a household with one
claim takes about 165 bytes without its key. Cold is what only an ending, a replay or a separation
needs: the application as it came, and a sealed registered account. It is written once, when a
revision is accepted, and read only for those.
Invariant: values begin with the version of their layout; another one is an error, never a guess.
"""

from typing import Any, Final

import msgspec

from services.eligibility.domain.claims import (
    Listing,
    PartyClaims,
    Revision,
    RevisionKind,
    Seen,
    Standing,
    Unit,
)
from services.eligibility.domain.words import Party, PartyKind, PayoutKind, Reason, Record, State

LAYOUT: Final = 2
_LAYOUT_BYTE: Final = bytes((LAYOUT,))


class Cold(Record, frozen=True):
    """What a revision was made of. `raw`: the application, `account`: sealed; opaque here."""

    raw: bytes
    account: bytes


class UnknownLayout(Exception):
    """A value was written by another version of the code."""


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_cold = msgspec.msgpack.Decoder(Cold)
_NO_COLD: Final = Cold(b"", b"")


def unit_key(claim_unit_id: bytes, programme: str) -> bytes:
    """Where the claims of a claim unit stand."""
    return b"u" + claim_unit_id + programme.encode()


def cold_key(claim_unit_id: bytes, application_id: bytes) -> bytes:
    """Where an application and its account stand."""
    return b"b" + claim_unit_id + application_id


def load_unit(state: State, claim_unit_id: bytes, programme: str) -> Unit:
    """The claims of a claim unit; `raw` and `account` of their revisions are left out."""
    value = state.get(unit_key(claim_unit_id, programme))
    return Unit() if value is None else decode_unit(value, claim_unit_id)


def save_unit(state: State, claim_unit_id: bytes, programme: str, unit: Unit) -> None:
    """Write the claims of a claim unit, and what is new of them also into the cold."""
    for claims in unit.parties:
        for revision in claims.revisions:
            if revision.raw:
                cold = _LAYOUT_BYTE + _pack(Cold(revision.raw, revision.account))
                state.put(cold_key(claim_unit_id, revision.application_id), cold)
    state.put(unit_key(claim_unit_id, programme), encode_unit(unit, claim_unit_id))


def load_cold(state: State, claim_unit_id: bytes, application_id: bytes) -> Cold:
    """What the application's revisions were made of."""
    value = state.get(cold_key(claim_unit_id, application_id))
    return _NO_COLD if value is None else _cold.decode(_body(value))


def encode_unit(unit: Unit, claim_unit_id: bytes) -> bytes:
    """A claim unit's hot record. Entry 0 of the table, the claim unit's id, is left out."""
    table: dict[bytes, int] = {claim_unit_id: 0}

    place = table.setdefault

    def at(content: bytes) -> int:
        return place(content, len(table))

    parties = [
        (
            claims.party.kind,
            at(claims.party.party_id),
            [_flat(r, at) for r in claims.revisions],
        )
        for claims in unit.parties
    ]
    seen = [
        (
            at(each.application_id), at(each.body_digest), each.position, at(each.party_id),
            each.revision, at(each.review_id),
        )
        for each in unit.seen
    ]  # fmt: skip
    return _LAYOUT_BYTE + _pack((list(table)[1:], parties, seen))


def decode_unit(value: bytes, claim_unit_id: bytes) -> Unit:
    """A claim unit of its hot record."""
    others, parties, seen = _unpack(_body(value))
    table = (claim_unit_id, *others)
    return Unit(
        tuple(
            PartyClaims(
                Party(PartyKind(kind), table[party]), tuple(_revision(r, table) for r in revisions)
            )
            for kind, party, revisions in parties
        ),
        tuple(
            Seen(table[application], table[digest], position, table[party], revision, table[review])
            for application, digest, position, party, revision, review in seen
        ),
    )


def _flat(revision: Revision, at: Any) -> tuple[Any, ...]:
    listing = revision.listing
    return (
        revision.number, revision.replaces, revision.kind, revision.standing,
        at(revision.application_id), at(revision.cause), revision.submitted_at_ms,
        at(revision.resident_id), revision.payout, at(revision.account_fingerprint),
        [at(each) for each in sorted(listing.named)],
        [at(each) for each in sorted(listing.opted_out)] if listing.opted_out else (),
        listing.unknown, listing.apart, listing.complete, revision.register_version,
        revision.waived, revision.holding, revision.payment_version,
        revision.merged,
    )  # fmt: skip


def _revision(flat: list[Any], table: tuple[bytes, ...]) -> Revision:
    (
        number, replaces, kind, standing, application, cause, submitted_at_ms, resident, payout,
        account, named, opted_out, unknown, apart, complete, register_version, waived, holding,
        payment_version, merged,
    ) = flat  # fmt: skip
    return Revision(
        number=number,
        replaces=replaces,
        kind=RevisionKind(kind),
        standing=Standing(standing),
        application_id=table[application],
        cause=table[cause],
        submitted_at_ms=submitted_at_ms,
        resident_id=table[resident],
        payout=PayoutKind(payout),
        account_fingerprint=table[account],
        account=b"",
        listing=Listing(
            frozenset(table[each] for each in named),
            frozenset(table[each] for each in opted_out),
            unknown,
            apart,
            complete,
        ),
        register_version=register_version,
        raw=b"",
        waived=tuple(Reason(each) for each in waived),
        holding=holding,
        payment_version=payment_version,
        merged=merged,
    )


def _body(value: bytes) -> bytes:
    if value[0] != LAYOUT:
        raise UnknownLayout(f"state of dedup has layout {value[0]}, this code reads {LAYOUT}")
    return value[1:]
