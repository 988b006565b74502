"""Application forms as people fill them in: the same facts in many notations."""

import unicodedata
from collections.abc import Iterable
from random import Random
from typing import Any

from simulators.population.people import YUCHO, BankAccount, Household, Person

Body = dict[str, Any]

_HIRAGANA_SHIFT = 0x60
_SMALL_TO_LARGE = str.maketrans("ァィゥェォッャュョヮ", "アイウエオツヤユヨワ")
_FULL_WIDTH_DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")


def _half_width_table() -> dict[str, str]:
    table = {}
    for code in range(0xFF66, 0xFF9E):
        plain = chr(code)
        table[unicodedata.normalize("NFKC", plain)] = plain
        for mark in "ﾞﾟ":
            composed = unicodedata.normalize("NFKC", plain + mark)
            if len(composed) == 1:
                table[composed] = plain + mark
    return table


_HALF_WIDTH = _half_width_table()


def half_width(name: str) -> str:
    return "".join(_HALF_WIDTH.get(char, char) for char in name).replace("　", " ")


def hiragana(name: str) -> str:
    return "".join(
        chr(ord(char) - _HIRAGANA_SHIFT) if "ァ" <= char <= "ヴ" else char for char in name
    )


def large_kana(name: str) -> str:
    return name.translate(_SMALL_TO_LARGE)


def without_space(name: str) -> str:
    return name.replace("　", "")


def padded(name: str) -> str:
    return f" {name.replace('　', '　　')} "


# Notations that mean the same and must need no human: 60 % of the applications of 2020 had such.
TRIVIAL_NAMES = (half_width, hiragana, large_kana, without_space, padded)


def persons_of(
    persons: Iterable[Person], *, opted_out: frozenset[int] = frozenset()
) -> list[dict[str, object]]:
    return [
        {
            "name_kana": person.name_kana,
            "born_on": person.born_on.isoformat(),
            "opted_out": index in opted_out,
        }
        for index, person in enumerate(persons)
    ]


def account_payout(account: BankAccount) -> dict[str, str]:
    return {
        "kind": "account",
        "bank_code": account.bank_code,
        "branch_code": account.branch_code,
        "account_type": {"1": "ordinary", "2": "current", "4": "savings"}[account.account_type],
        "account_number": account.account_number,
        "holder_kana": account.holder_kana,
    }


def yucho_payout(account: BankAccount) -> dict[str, str]:
    """The notation printed in a Yucho passbook: 記号 and 番号."""
    assert account.bank_code == YUCHO, "only Yucho accounts have a symbol"
    return {
        "kind": "yucho",
        "symbol": f"1{account.branch_code[:2]}30",
        "number": f"{int(account.account_number)}1",
        "holder_kana": account.holder_kana,
    }


def application(household: Household, *, rng: Random, yucho_symbol: bool = False) -> Body:
    """A head's faultless form for the whole household."""
    account = household.account
    return {
        "intent": "apply",
        "capacity": "head",
        "persons": persons_of(household.persons),
        "persons_complete": True,
        "payout": yucho_payout(account) if yucho_symbol else account_payout(account),
        "contact": contact(household, rng),
        "language": "en" if rng.random() < 0.03 else "ja",
    }


def contact(household: Household, rng: Random) -> dict[str, str]:
    token = household.household_id.hex[:12]
    if rng.random() < 0.7:
        return {"email": f"shiken-{token}@kyufu.example"}
    return {"phone": f"+8100{int(token, 16) % 10**8:08d}"}


def trivially_different(body: Body, rng: Random) -> Body:
    """The same form in another notation: widths, scripts, spaces, unpadded numbers."""
    rewrite = rng.choice(TRIVIAL_NAMES)
    persons = [{**person, "name_kana": rewrite(person["name_kana"])} for person in body["persons"]]
    payout = dict(body["payout"])
    payout["holder_kana"] = rng.choice(TRIVIAL_NAMES)(payout["holder_kana"])
    if payout["kind"] == "account":
        number = payout["account_number"]
        payout["account_number"] = rng.choice(
            (number.lstrip("0"), number.translate(_FULL_WIDTH_DIGITS), f" {number} ")
        )
    return {**body, "persons": persons, "payout": payout}
