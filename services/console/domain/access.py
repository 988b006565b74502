"""Who may look at which case.

Invariants: a protected case (a person living apart for protection) does not exist for anybody but
its own case workers; a municipality's worker sees that municipality's cases; roles only add.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CASE_WORKER: Final = "case_worker"
PROTECTED_CASE_WORKER: Final = "protected_case_worker"
AUDITOR: Final = "auditor"
REGISTRAR: Final = "registrar"
OPERATOR: Final = "operator"
PAYMENTS_MAKER: Final = "payments_maker"
PAYMENTS_CHECKER: Final = "payments_checker"
PAYMENTS_VIEWER: Final = "payments_viewer"


@dataclass(frozen=True, slots=True)
class Actor:
    """A verified person. An empty municipality means all of them."""

    subject: str
    roles: frozenset[str]
    municipality_code: str = ""

    @property
    def sees_protected(self) -> bool:
        """Whether protected cases exist for this person."""
        return PROTECTED_CASE_WORKER in self.roles


class Sight(StrEnum):
    """What a person may know of one case."""

    VISIBLE = "visible"
    # Answered exactly as if there were no such case.
    HIDDEN = "hidden"
    # Another municipality's case.
    FOREIGN = "foreign"


def sight(actor: Actor, *, municipality_code: str, protected: bool) -> Sight:
    """A case whose municipality is not known yet (it was not found in any register, or is on its
    way there) may be seen by workers of every municipality: its trace holds nothing personal.
    """
    if protected and not actor.sees_protected:
        return Sight.HIDDEN
    if actor.municipality_code and municipality_code not in ("", actor.municipality_code):
        return Sight.FOREIGN
    return Sight.VISIBLE
