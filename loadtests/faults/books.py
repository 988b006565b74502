"""What a fault run has sent and what it found: the auditor's books.

Nothing of the services is imported: the auditor would otherwise repeat their mistakes.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

FIRST_HOP = "applications.identified"
Outcome = tuple[str, str, str]
"""Stage, outcome, and the reasons joined by a space."""
Place = tuple[str, int, int]
"""Topic, partition, offset."""
Submission = tuple[bytes, bytes]
"""Event id of an application as submitted, and a digest of its content."""


@dataclass(frozen=True, slots=True)
class Written:
    """One committed record of an output topic. `decision` is set on decided topics."""

    place: Place
    event_id: bytes
    cause: bytes
    value: bytes
    application: bytes = b""
    """Digest of the application that it carries on, where it carries one as submitted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one committed ApplicationDecided says."""

    place: Place
    application_id: bytes
    outcome: Outcome
    claim: tuple[str, bytes, int, bytes]
    """Programme, claim unit, kind and id of the party."""
    amount_yen: int
    items_yen: int
    cause: bytes = b""


@dataclass(slots=True)
class Sent:
    """Everything a run has put in. `submissions` counts how often each content was sent: a retry
    has the event id of the first sending, and other sealed bytes.
    """

    applications: set[bytes] = field(default_factory=set)
    submissions: Counter[Submission] = field(default_factory=Counter)
    poison: set[Place] = field(default_factory=set)
    expected: Mapping[Outcome, int] = field(default_factory=dict)
    expected_yen: int = 0


@dataclass(slots=True)
class Found:
    """Everything that is committed when a run has come to rest."""

    written: list[Written] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    dead_letters: list[Place] = field(default_factory=list)
