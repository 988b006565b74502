"""Banks and branches that exist, with the names that files carry.

Place in the flow: link asks whether an applicant's bank and branch exist; pay takes the names.
The data is the package ``zengin-code`` (the bank system's codes), read once on first use. Its
loaded banks are what exists: the package also carries branch files of banks that have been
merged away, and those do not count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from jpbank import kana


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch: three digits, its name, and the half-width kana that a file carries."""

    code: str
    name: str
    file_kana: str


@dataclass(frozen=True, slots=True)
class Bank:
    """One bank: four digits, its name, its file kana (at most 15 bytes), its branches by code."""

    code: str
    name: str
    file_kana: str
    branches: Mapping[str, Branch]


def _file_kana(text: str) -> str:
    """Fit the master's kana into the bank class: it has neither space nor full stop inside."""
    return kana.normalise(text.replace("．", ""), kana.CharacterClass.BANK_NAME)


@lru_cache(maxsize=1)
def _master() -> tuple[str, Mapping[str, Bank]]:
    import zengin_code  # on first use: reading 1,100 files takes some 0.3 s

    banks: dict[str, Bank] = {}
    for code, bank in zengin_code.Bank.all.items():
        branches = {
            branch_code: Branch(branch_code, branch.name, _file_kana(branch.kana))
            for branch_code, branch in bank.branches.items()
        }
        banks[code] = Bank(code, bank.name, _file_kana(bank.kana), MappingProxyType(branches))
    return str(zengin_code.__version__), MappingProxyType(banks)


def master_version() -> str:
    """Give the version of the data, to be recorded beside each decision that used it."""
    return _master()[0]


def all_banks() -> Mapping[str, Bank]:
    """Give every bank by its four digits."""
    return _master()[1]


def find_bank(bank_code: str) -> Bank | None:
    """Give the bank with this code, or None."""
    return all_banks().get(bank_code)


def find_branch(bank_code: str, branch_code: str) -> Branch | None:
    """Give the branch with these codes, or None where bank or branch does not exist."""
    bank = find_bank(bank_code)
    return None if bank is None else bank.branches.get(branch_code)


def bank_exists(bank_code: str) -> bool:
    """Tell whether a bank has this code."""
    return find_bank(bank_code) is not None


def branch_exists(bank_code: str, branch_code: str) -> bool:
    """Tell whether this bank has a branch with this code."""
    return find_branch(bank_code, branch_code) is not None
