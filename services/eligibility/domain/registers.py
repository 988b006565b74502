"""Register records in state, by snapshot: credentials for identify; households, registered accounts
and separations for dedup.

What follows from a record alone is loaded, not put: the registers' topics are kept, so nothing is
logged twice. Invariants: a record of a lower version never replaces a higher one; loading the same
record twice changes nothing; a register counts as complete in a partition only after its own
closing record.
"""

from enum import IntEnum
from typing import Final

import msgspec

from services.eligibility.domain.words import Record, State


class Register(IntEnum):
    """The registers of a snapshot; numbers as in `events.v1.Register`."""

    HOUSEHOLDS = 1
    CREDENTIALS = 2
    ACCOUNTS = 3
    SEPARATIONS = 4


class Credential(Record, frozen=True):
    """Whose credential it is. Dates YYYYMMDD inclusive; valid_until 0 = open.

    `disputed`: the same version of the register gave it to two residents.
    """

    version: int
    resident_id: bytes
    claim_unit_id: bytes
    municipality_code: str
    valid_from: int
    valid_until: int
    disputed: bool = False


class Person(Record, frozen=True):
    """One member of a household. died_on 0 = alive. `name_kana`: sealed, opaque here."""

    resident_id: bytes
    person_fingerprint: bytes
    born_on: int
    died_on: int
    is_head: bool
    name_kana: bytes


class Household(Record, frozen=True):
    """The household of the snapshot, in the order of the register."""

    snapshot_id: str
    version: int
    municipality_code: str
    persons: tuple[Person, ...]


class RegisteredAccount(Record, frozen=True):
    """公金受取口座 of one resident. `account`: sealed, opaque here."""

    version: int
    resident_id: bytes
    account_fingerprint: bytes
    account: bytes
    suspended: bool


class Separation(Record, frozen=True):
    """Persons living apart for protection: the applicant first, then who accompanies them."""

    version: int
    resident_ids: tuple[bytes, ...]


_encode = msgspec.msgpack.Encoder().encode
_credential = msgspec.msgpack.Decoder(Credential)
_household = msgspec.msgpack.Decoder(Household)
_accounts = msgspec.msgpack.Decoder(tuple[RegisteredAccount, ...])
_separation = msgspec.msgpack.Decoder(Separation)
_COMPLETE_PREFIX: Final = b"k"


def credential_key(snapshot_id: str, credential_fingerprint: bytes) -> bytes:
    """Where a credential's record stands."""
    return b"c" + snapshot_id.encode() + b"|" + credential_fingerprint


def dispute_key(snapshot_id: str, credential_fingerprint: bytes) -> bytes:
    """Where a credential stands that one version of the register gave to two residents."""
    return b"x" + snapshot_id.encode() + b"|" + credential_fingerprint


def household_key(claim_unit_id: bytes) -> bytes:
    """Where a household stands; the claim unit's id already names the snapshot."""
    return b"h" + claim_unit_id


def accounts_key(claim_unit_id: bytes) -> bytes:
    """Where the registered accounts of a household stand."""
    return b"a" + claim_unit_id


def separation_key(claim_unit_id: bytes) -> bytes:
    """Where the separation within a household stands."""
    return b"s" + claim_unit_id


def complete_key(snapshot_id: str, register: Register) -> bytes:
    """Where it stands that this partition of the register is complete."""
    return _COMPLETE_PREFIX + bytes((register,)) + snapshot_id.encode()


def set_complete(state: State, snapshot_id: str, register: Register) -> None:
    """What is not there by now does not exist."""
    state.load(complete_key(snapshot_id, register), b"\x01")


def is_complete(state: State, snapshot_id: str, register: Register) -> bool:
    """Whether this partition of the register has been closed."""
    return state.get(complete_key(snapshot_id, register)) is not None


def load_credential(
    state: State,
    snapshot_id: str,
    credential_fingerprint: bytes,
    record: Credential,
    *,
    again: bool = False,
) -> None:
    """Keep the newest version; the same version for another resident marks it as disputed.

    The compacted register keeps only the last owner of a version. The disputed record is therefore
    also put under a key of its own, which the changelog restores before registers are read
    `again`; then nothing is put.
    """
    key = credential_key(snapshot_id, credential_fingerprint)
    known = find_credential(state, snapshot_id, credential_fingerprint)
    if known is not None and known.version > record.version:
        _outlive(state, key, known, again=again)
        return
    same = known if known is not None and known.version == record.version else None
    if same is not None and not same.disputed and same.resident_id != record.resident_id:
        record = msgspec.structs.replace(same, disputed=True)
        if not again:
            state.put(dispute_key(snapshot_id, credential_fingerprint), _encode(record))
    else:
        record = record if same is None else same
        disputed = state.get(dispute_key(snapshot_id, credential_fingerprint))
        if disputed is not None and (was := _credential.decode(disputed)).version == record.version:
            record = was
    state.load(key, _encode(record))


def _outlive(state: State, key: bytes, value: object, *, again: bool) -> None:
    """Older news came after this value."""
    if not again:
        state.put(key, _encode(value))


def find_credential(
    state: State, snapshot_id: str, credential_fingerprint: bytes
) -> Credential | None:
    """The credential's record, if the register has it."""
    value = state.get(credential_key(snapshot_id, credential_fingerprint))
    return None if value is None else _credential.decode(value)


def load_household(
    state: State, claim_unit_id: bytes, record: Household, *, again: bool = False
) -> None:
    """Keep the newest version."""
    key, known = household_key(claim_unit_id), find_household(state, claim_unit_id)
    if known is None or record.version >= known.version:
        state.load(key, _encode(record))
    else:
        _outlive(state, key, known, again=again)


def find_household(state: State, claim_unit_id: bytes) -> Household | None:
    """The household, if the register has it."""
    value = state.get(household_key(claim_unit_id))
    return None if value is None else _household.decode(value)


def load_account(
    state: State, claim_unit_id: bytes, record: RegisteredAccount, *, again: bool = False
) -> None:
    """Keep the newest version of each resident's account."""
    key = accounts_key(claim_unit_id)
    value = state.get(key)
    known = () if value is None else _accounts.decode(value)
    mine = [each for each in known if each.resident_id == record.resident_id]
    if mine and mine[0].version > record.version:
        _outlive(state, key, known, again=again)
        return
    others = tuple(each for each in known if each.resident_id != record.resident_id)
    state.load(key, _encode((*others, record)))


def find_account(
    state: State, claim_unit_id: bytes, resident_id: bytes
) -> RegisteredAccount | None:
    """The resident's own registered account; never that of another member."""
    value = state.get(accounts_key(claim_unit_id))
    for account in () if value is None else _accounts.decode(value):
        if account.resident_id == resident_id:
            return account
    return None


def load_separation(
    state: State, claim_unit_id: bytes, record: Separation, *, again: bool = False
) -> bool:
    """Keep the newest version; tells whether anything changed."""
    key, known = separation_key(claim_unit_id), find_separation(state, claim_unit_id)
    if known is not None and known.version > record.version:
        _outlive(state, key, known, again=again)
        return False
    state.load(key, _encode(record))
    return known != record


def prove_separation(state: State, claim_unit_id: bytes, record: Separation) -> None:
    """Note what a person has seen and no register says; any record of the register overrules it."""
    state.put(separation_key(claim_unit_id), _encode(record))


def find_separation(state: State, claim_unit_id: bytes) -> Separation | None:
    """Who of the household lives apart, if anybody is known to."""
    value = state.get(separation_key(claim_unit_id))
    return None if value is None else _separation.decode(value)
