"""Persons, households and bank accounts of the synthetic population."""

import uuid
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

import zengin_code

from simulators.population.towns import TOWNS

BASE_DATE = date(2020, 4, 27)

# Share of households by number of members. Census of 2020 (国勢調査), with single households raised
# from .38 to .41 because the benefit ran on 住民基本台帳 households, which are more and smaller
# (mean 2.14; 59.15 million were paid).
HOUSEHOLD_SIZES = ((1, 0.41), (2, 0.27), (3, 0.155), (4, 0.11), (5, 0.037), (6, 0.011), (7, 0.007))

# Share of accounts at Yucho: an assumption (20-30 %; no published figure was found).
YUCHO_SHARE = 0.25
YUCHO = "9900"
BANKS = ("0001", "0005", "0009", "0010", "0017", "0116", "0149", "0177")

FAMILY = ("テスト", "テストアカ", "テストミドリ", "テストシロッコ", "テストヴァン", "テストヂキ")
GIVEN = ("ケンサ", "ショウコ", "ヨーコ", "タロウ", "キョウヘイ", "ジュン", "ミッチ", "ハルヴィ")
SYLLABLES = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロ"


@dataclass(frozen=True, slots=True)
class Person:
    """`name_kana` is full-width: family name, ideographic space, given name."""

    resident_id: uuid.UUID
    name_kana: str
    born_on: date
    died_on: date | None
    is_head: bool


@dataclass(frozen=True, slots=True)
class BankAccount:
    """As the register knows it; `account_type` 1 ordinary, 2 current, 4 savings."""

    bank_code: str
    branch_code: str
    account_type: str
    account_number: str
    holder_kana: str

    @property
    def canonical(self) -> str:
        return f"{self.bank_code}{self.branch_code}{self.account_type}{self.account_number}"


@dataclass(frozen=True, slots=True)
class Household:
    """`form_number` is printed on the paper form that the town mails to the household."""

    household_id: uuid.UUID
    municipality_code: str
    persons: tuple[Person, ...]
    account: BankAccount
    form_number: str
    has_registered_account: bool

    @property
    def head(self) -> Person:
        return self.persons[0]


class People:
    """Makes households; every draw comes from one seeded generator."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._branches = {code: sorted(zengin_code.Bank.all[code].branches) for code in BANKS}
        self._yucho = [c for c in sorted(zengin_code.Bank.all[YUCHO].branches) if c.endswith("8")]
        self._accounts_given: set[str] = set()

    def uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._rng.getrandbits(128), version=4)

    def name(self) -> str:
        rng = self._rng
        family = rng.choice(FAMILY) + "".join(rng.choices(SYLLABLES, k=2))
        given = rng.choice(GIVEN) + rng.choice(SYLLABLES)
        return f"{family}　{given}"

    def person(self, *, is_head: bool, family: str | None = None) -> Person:
        name = self.name()
        if family is not None:
            name = f"{family}　{name.split('　')[1]}"
        days = self._rng.randrange(20 * 365, 90 * 365) if is_head else self._rng.randrange(85 * 365)
        return Person(self.uuid(), name, BASE_DATE - timedelta(days=days), None, is_head)

    def account(self, holder_kana: str, *, yucho: bool | None = None) -> BankAccount:
        """A new account: no two calls give the same one."""
        rng = self._rng
        while True:
            if yucho if yucho is not None else rng.random() < YUCHO_SHARE:
                account = BankAccount(
                    YUCHO,
                    rng.choice(self._yucho),
                    "1",
                    f"{rng.randrange(1, 10**7):07d}",
                    holder_kana,
                )
            else:
                bank = rng.choice(BANKS)
                account = BankAccount(
                    bank,
                    rng.choice(self._branches[bank]),
                    "1",
                    f"{rng.randrange(1, 10**7):07d}",
                    holder_kana,
                )
            if account.canonical not in self._accounts_given:
                self._accounts_given.add(account.canonical)
                return account

    def household(self, *, size: int | None = None, yucho: bool | None = None) -> Household:
        rng = self._rng
        if size is None:
            sizes, shares = zip(*HOUSEHOLD_SIZES, strict=True)
            size = rng.choices(sizes, shares)[0]
        head = self.person(is_head=True)
        family = head.name_kana.split("　")[0]
        members = [self.person(is_head=False, family=family) for _ in range(size - 1)]
        town = rng.choices(TOWNS, [town.weight for town in TOWNS])[0]
        return Household(
            household_id=self.uuid(),
            municipality_code=town.code,
            persons=(head, *members),
            account=self.account(head.name_kana, yucho=yucho),
            form_number=f"{rng.randrange(10**12):012d}",
            has_registered_account=False,
        )


def with_person(household: Household, index: int, **changes: object) -> Household:
    """The same household with one person changed."""
    persons = list(household.persons)
    persons[index] = replace(persons[index], **changes)  # type: ignore[arg-type]
    return replace(household, persons=tuple(persons))
