"""What the sealed values of a claim say once they are opened: an account and whom it belongs to.

Invariant: a name or a number never reaches a log; `repr` shows neither.
"""

from collections.abc import Callable
from typing import Final

from services.eligibility.domain.words import Record

CANONICAL_BYTES: Final = 15
_BANK, _BRANCH = slice(0, 4), slice(4, 7)


class Opened(Record, frozen=True):
    """What the sealed values of one claim held: the account (15 digits), its holder and the
    names in the register that may receive, half-width kana: the applicant's and, where a proxy
    applies, the head's (代理申請: the money goes to the head's account or to the proxy's).
    """

    canonical: bytes
    holder: bytes
    payees: tuple[bytes, ...]

    def __repr__(self) -> str:
        return "Opened([sensitive])"

    def account_exists(self, branch_exists: Callable[[str, str], bool]) -> bool:
        """Whether the number can be an account's, at a branch that `branch_exists` knows by its
        bank's four digits and its own three.
        """
        digits, holder = self.canonical, self.holder
        if len(digits) != CANONICAL_BYTES or not digits.isdigit():
            return False
        # A further digit is no name: the number would be paid to cut short.
        if not holder or holder[:1].isdigit():
            return False
        text = digits.decode("ascii")
        return branch_exists(text[_BANK], text[_BRANCH])

    def may_receive(self) -> bool:
        """Whether the holder is one of the payees: names without spaces; nothing is no name."""
        holder = self.holder
        if holder in self.payees and not holder.isspace():
            return bool(holder)
        mine = holder.replace(b" ", b"")
        return bool(mine) and any(mine == payee.replace(b" ", b"") for payee in self.payees)
