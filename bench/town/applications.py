"""The applications of a synthetic nation as intake writes them."""

from typing import Final

from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2

from bench.town.keys import Seal, TownKeys, nonce_of
from bench.town.mix import Kind
from bench.town.people import (
    APPLICATION,
    BODY,
    CREDENTIAL,
    OTHER_APPLICATION,
    OTHER_CREDENTIAL,
    PERSON_FINGERPRINT,
    Home,
    People,
)
from bench.town.records import TownRecord
from chassis.ids import event_id
from services.intake.adapters.application_log import OWNER_KIND, STAGE, TOPIC

PROGRAMME: Final = "tokubetsu-teigaku-2020"
TYPE: Final = apps.ApplicationSubmitted.DESCRIPTOR.full_name
# 2020-05-11T00:00Z, and a pace at which 59.15 million households have come after 68 days.
FIRST_MS: Final = 1_589_155_200_000
PACE_MS: Final = 100
# 2020-09-01T00:00 in Asia/Tokyo: the day after the last.
CLOSED_MS: Final = 1_598_886_000_000
STRANGER: Final = b"\xcd\xcc\xb6\xc9\xcb\xc4"
_NO_SUCH_BRANCH: Final = b"0001999"
_ACCOUNT_PLACE, _CONTACT_PLACE, _PLACES_A_RECORD = 128, 129, 2

_Payout = str


class Applications:
    """Writes a household's first and second record."""

    def __init__(self, people: People, keys: TownKeys) -> None:
        self._people = people
        self._account = Seal(keys, "account", OWNER_KIND, 20, "account")
        self._contact = Seal(keys, "contact", OWNER_KIND, 20, "contact")
        self._blanks: dict[tuple[int, _Payout], apps.ApplicationSubmitted] = {}

    def first(self, home: Home) -> TownRecord:
        """What every household sends."""
        kind = home.kind
        if kind is Kind.CASH:
            payout = "cash"
        elif kind in (Kind.REGISTERED, Kind.NO_REGISTERED):
            payout = "registered_account"
        else:
            payout = "account"
        capacity = apps.CAPACITY_HEAD
        if kind is Kind.PROXY:
            capacity = apps.CAPACITY_PROXY
        elif kind is Kind.SEPARATION_UNPROVEN:
            capacity = apps.CAPACITY_SEPARATED
        return self._record(home, payout=payout, capacity=capacity)

    def second(self, home: Home) -> TownRecord:
        """What those send who send something twice, and the separated member's own form."""
        kind = home.kind
        if kind is Kind.RETRY:
            return self._record(home, attempt=1)
        if kind is Kind.AGAIN:
            return self._record(home, attempt=1, other_id=True)
        if kind is Kind.CONFLICT:
            return self._record(home, attempt=1, other_account=True)
        if kind is Kind.CORRECTED:
            return self._record(home, attempt=1, other_id=True, other_account=True)
        if kind is Kind.WITHDRAWN:
            return self._record(home, attempt=1, other_id=True, payout="withdraw")
        return self._record(
            home, attempt=1, other_id=True, other_account=True, capacity=apps.CAPACITY_SEPARATED
        )

    def _record(
        self,
        home: Home,
        *,
        payout: _Payout = "account",
        capacity: apps.Capacity.ValueType = apps.CAPACITY_HEAD,
        attempt: int = 0,
        other_id: bool = False,
        other_account: bool = False,
    ) -> TownRecord:
        apart = capacity == apps.CAPACITY_SEPARATED and home.kind is Kind.SEPARATED
        fingerprints = self._persons(home, apart=apart, withdraw=payout == "withdraw")
        message = self._blank(len(fingerprints), payout)
        draw = home.draw
        application_id = draw[OTHER_APPLICATION if other_id else APPLICATION]
        credential = draw[OTHER_CREDENTIAL if apart else CREDENTIAL]
        message.event_id = event_id(application_id, 0, STAGE, b"", 0)
        message.application_id = application_id
        message.credential_fingerprint = credential
        message.capacity = capacity
        message.body_digest = draw[BODY] if not (other_id or other_account) else draw[BODY][::-1]
        message.submitted_at_ms = (
            CLOSED_MS if home.kind is Kind.WINDOW_CLOSED else FIRST_MS + home.number * PACE_MS
        )
        message.receipt_number = _receipt(application_id)
        for person, fingerprint in zip(message.persons, fingerprints, strict=True):
            person.person_fingerprint = fingerprint
            person.opted_out = home.kind is Kind.ALL_OPTED_OUT
        if home.kind is Kind.OPTED_OUT:
            message.persons[-1].opted_out = True
        self._seal(message, home, payout, attempt, other_account=other_account, apart=apart)
        return TownRecord(TOPIC, credential, message.SerializeToString(), TYPE, None)

    def _persons(self, home: Home, *, apart: bool, withdraw: bool) -> list[bytes]:
        """Whom the form names, by fingerprint."""
        if withdraw:
            return []
        drawn = home.persons
        if apart:
            drawn = drawn[-1:]
        elif home.kind is Kind.OMITTED:
            drawn = drawn[:-1]
        named = [person[PERSON_FINGERPRINT] for person in drawn]
        if home.kind is Kind.UNKNOWN_MEMBER:
            named.append(home.draw[BODY][:16])
        return named

    def _seal(
        self,
        message: apps.ApplicationSubmitted,
        home: Home,
        payout: _Payout,
        attempt: int,
        *,
        other_account: bool,
        apart: bool,
    ) -> None:
        people, owner_id = self._people, message.application_id
        seed_bytes, place = people.seed_bytes, attempt * _PLACES_A_RECORD
        if payout == "account":
            account = message.account
            account.account_fingerprint = people.account_fingerprint(home, other=other_account)
            canonical = people.canonical(home, other=other_account)
            if home.kind is Kind.BRANCH_UNKNOWN:
                canonical = _NO_SUCH_BRANCH + canonical[len(_NO_SUCH_BRANCH) :]
            # A proxy's form and a stranger's name both go to somebody who is not asked about here.
            holder = STRANGER if home.kind is Kind.WRONG_HOLDER else people.name(home, -apart)
            nonce = nonce_of(seed_bytes, home.number, _ACCOUNT_PLACE + place)
            self._account.fill(account.account, owner_id, nonce, canonical + holder)
        nonce = nonce_of(seed_bytes, home.number, _CONTACT_PLACE + place)
        contact = b'{"email": "shiken-%012x@kyufu.example"}' % home.number
        self._contact.fill(message.contact, owner_id, nonce, contact)

    def _blank(self, persons: int, payout: _Payout) -> apps.ApplicationSubmitted:
        message = self._blanks.get((persons, payout))
        if message is None:
            message = self._blanks[persons, payout] = self._new_blank(persons, payout)
        return message

    def _new_blank(self, persons: int, payout: _Payout) -> apps.ApplicationSubmitted:
        withdraw = payout == "withdraw"
        message = apps.ApplicationSubmitted(
            programme=PROGRAMME,
            client_id="portal",
            channel=common_pb2.CHANNEL_ONLINE,
            intent=apps.INTENT_WITHDRAW if withdraw else apps.INTENT_APPLY,
            persons=[apps.ClaimedPerson() for _ in range(persons)],
            persons_complete=True,
            contact=self._contact.blank,
            language="ja",
        )
        if payout == "account":
            message.account.account.CopyFrom(self._account.blank)
        elif payout == "registered_account":
            message.registered_account.SetInParent()
        elif payout == "cash":
            message.cash.SetInParent()
        return message


def _receipt(application_id: bytes) -> str:
    """As long as a receipt number; its check digits are not looked at behind intake."""
    digits = f"{int.from_bytes(application_id[:8], 'big'):020d}"
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:]}"
