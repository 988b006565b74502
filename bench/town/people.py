"""The households of a synthetic nation: all follows from the seed and a household's number.

Fingerprints are drawn, not computed from names: the core holds no pepper and cannot tell. What must
agree agrees: a person, credential or account has one fingerprint in registers and forms.
"""

import hashlib
from datetime import date, timedelta
from typing import Final

import msgspec
import zengin_code

from bench.town.keys import nonce_of
from bench.town.mix import CYCLE, STRIDE, Kind, Place, TownPlan, cycle_of
from chassis.ids import claim_unit_id
from simulators.population.forms import half_width
from simulators.population.people import BANKS, FAMILY, GIVEN, SYLLABLES
from simulators.population.towns import TOWNS

SNAPSHOT: Final = "2020-04-27"
BASE_DATE: Final = date(2020, 4, 27)
BORN_AFTER: Final = 20200428
DIED_BEFORE: Final = 20200426
# Bytes of a household's draw; a person's follow.
HOUSEHOLD: Final = slice(0, 16)
CREDENTIAL: Final = slice(16, 32)
OTHER_CREDENTIAL: Final = slice(32, 48)
ACCOUNT: Final = slice(48, 64)
OTHER_ACCOUNT: Final = slice(64, 80)
APPLICATION: Final = slice(80, 100)
OTHER_APPLICATION: Final = slice(100, 120)
BODY: Final = slice(120, 152)
_FAMILY_AT, _TOWN_AT, _BRANCH_AT, PERSON_AT = 152, 153, 154, 156
PERSON_BYTES: Final = 36
PERSON_FINGERPRINT: Final = slice(16, 32)
_BORN_AT, _GIVEN_AT = 32, 34
NUMBERS: Final = 10_000_000
BRANCHES_DRAWN: Final = 64
_DAYS: Final = 1 << 16


class Home(msgspec.Struct, gc=False):
    """A household. `persons`: 36 bytes each: id, fingerprint, birthday, name."""

    number: int
    kind: Kind
    size: int
    rank: int
    draw: bytes
    unit: bytes
    persons: list[bytes]


class People:
    """Draws households."""

    def __init__(self, plan: TownPlan) -> None:
        self.cycle: tuple[Place, ...] = cycle_of(plan)
        self.seed_bytes = hashlib.blake2b(str(plan.seed).encode(), digest_size=4).digest()
        self.shift = int.from_bytes(self.seed_bytes, "big") % CYCLE
        families = sorted({f"{name}{a}{b}" for name in FAMILY for a in SYLLABLES for b in "アイウ"})
        givens = sorted({name + a for name in GIVEN for a in SYLLABLES})
        self._families = [half_width(name).encode("cp932") + b" " for name in families[:256]]
        self._givens = [half_width(name).encode("cp932") for name in givens[:256]]
        self._towns = [town.code for town in TOWNS for _ in range(town.weight)]
        self._born = [_day(each * 85 * 365 // _DAYS) for each in range(_DAYS)]
        self._branches = [
            bank + branch
            for bank in BANKS
            for branch in sorted(zengin_code.Bank.all[bank].branches)
        ]

    def home(self, number: int) -> Home:
        """Household `number`."""
        place = self.cycle[(number * STRIDE + self.shift) % CYCLE]
        size = place.size
        draw = hashlib.shake_128(self.seed_bytes + number.to_bytes(8, "big")).digest(
            PERSON_AT + PERSON_BYTES * size
        )
        ends = range(PERSON_AT, PERSON_AT + PERSON_BYTES * size, PERSON_BYTES)
        persons = [draw[at : at + PERSON_BYTES] for at in ends]
        unit = claim_unit_id(SNAPSHOT, draw[HOUSEHOLD])
        return Home(number, place.kind, size, place.rank, draw, unit, persons)

    def kind(self, number: int) -> Kind:
        """What household `number` does, without drawing it."""
        return self.cycle[(number * STRIDE + self.shift) % CYCLE].kind

    def name(self, home: Home, index: int) -> bytes:
        """A member's name as the register has it, half-width kana in cp932."""
        family = self._families[home.draw[_FAMILY_AT]]
        return family + self._givens[home.persons[index][_GIVEN_AT]]

    def town(self, home: Home) -> str:
        """The municipality's code."""
        at = int.from_bytes(home.draw[_TOWN_AT : _TOWN_AT + 2], "big")
        return self._towns[at % len(self._towns)]

    def born_on(self, home: Home, index: int) -> int:
        """YYYYMMDD."""
        if home.kind is Kind.BORN_AFTER and index == home.size - 1:
            return BORN_AFTER
        person = home.persons[index]
        return self._born[person[_BORN_AT] << 8 | person[_BORN_AT + 1]]

    def canonical(self, home: Home, *, other: bool = False) -> bytes:
        """The 15 digits of the household's account; no two households have the same."""
        number, block = home.number % NUMBERS, home.number // NUMBERS
        at = block * BRANCHES_DRAWN + home.draw[_BRANCH_AT] % BRANCHES_DRAWN
        kind = 2 if other else 1
        return f"{self._branches[at]}{kind}{number:07d}".encode("ascii")

    def account_fingerprint(self, home: Home, *, other: bool = False) -> bytes:
        """16 bytes; those who share an account share them, two and two within a cycle."""
        if home.kind is not Kind.SHARED:
            return home.draw[OTHER_ACCOUNT if other else ACCOUNT]
        pair = nonce_of(self.seed_bytes, home.number // CYCLE, home.rank // 2)
        return hashlib.blake2b(b"shared" + pair, digest_size=16).digest()


def _day(days_before: int) -> int:
    day = BASE_DATE - timedelta(days=days_before + 1)
    return day.year * 10_000 + day.month * 100 + day.day
