"""What the households of a nation do, in fixed shares, and how each must end.

A cycle of 10,000 households holds every kind and size in its exact share; which household has which
place in the cycle follows from the seed. So the exact outcome counts of any number of households
follow from counting whole cycles and the rest, and no household need be remembered.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Final

CYCLE: Final = 10_000
# Coprime to the cycle: neighbours differ.
STRIDE: Final = 7_919
# Households by number of members among 10,000. Mean 2.142: 126.7 million people in the
# 59.15 million households that were paid in 2020.
SIZES: Final = {1: 4115, 2: 2735, 3: 1530, 4: 1090, 5: 360, 6: 105, 7: 65}

Outcome = tuple[str, str, str]
"""Stage, outcome, and the reasons joined by a space."""


class Kind(Enum):
    """What a household does."""

    PLAIN = auto()
    # the same application sent twice: the second is ignored
    RETRY = auto()
    # the same claim once more under another application id
    AGAIN = auto()
    UNKNOWN_CREDENTIAL = auto()
    BRANCH_UNKNOWN = auto()
    WRONG_HOLDER = auto()
    # -- what only the whole core takes
    CORRECTED = auto()
    WITHDRAWN = auto()
    SHARED = auto()
    OPTED_OUT = auto()
    ALL_OPTED_OUT = auto()
    OMITTED = auto()
    UNKNOWN_MEMBER = auto()
    CASH = auto()
    REGISTERED = auto()
    NO_REGISTERED = auto()
    NOT_HEAD = auto()
    PROXY = auto()
    SEPARATED = auto()
    SEPARATION_UNPROVEN = auto()
    BORN_AFTER = auto()
    DIED_BEFORE = auto()
    WINDOW_CLOSED = auto()
    # another body under the first one's application id
    CONFLICT = auto()
    # sent before the registers are loaded
    EARLY = auto()


_APPROVED: Final = ("DECIDE", "APPROVED", "")
_AGAIN: Final = ("DEDUP", "REFUSED", "ALREADY_CLAIMED")

# A shared account is another matter: see `expected`.
OUTCOMES: Final[Mapping[Kind, tuple[Outcome, ...]]] = {
    Kind.PLAIN: (_APPROVED,),
    Kind.RETRY: (_APPROVED,),
    Kind.AGAIN: (_APPROVED, _AGAIN),
    Kind.UNKNOWN_CREDENTIAL: (("IDENTIFY", "REFUSED", "NOT_IN_REGISTER"),),
    Kind.BRANCH_UNKNOWN: (("DECIDE", "REFUSED", "ACCOUNT_INVALID"),),
    Kind.WRONG_HOLDER: (("DECIDE", "WAITING", "HOLDER_MISMATCH"),),
    Kind.CORRECTED: (_APPROVED, _APPROVED),
    Kind.WITHDRAWN: (_APPROVED, ("DEDUP", "WITHDRAWN", "WITHDRAWN_BY_APPLICANT")),
    Kind.OPTED_OUT: (("DECIDE", "APPROVED", "OPTED_OUT"),),
    Kind.ALL_OPTED_OUT: (("DECIDE", "REFUSED", "NOTHING_CLAIMED"),),
    Kind.OMITTED: (("DECIDE", "WAITING", "MEMBER_OMITTED"),),
    Kind.UNKNOWN_MEMBER: (("DECIDE", "WAITING", "MEMBER_UNKNOWN"),),
    Kind.CASH: (_APPROVED,),
    Kind.REGISTERED: (_APPROVED,),
    Kind.NO_REGISTERED: (("DEDUP", "REFUSED", "NO_REGISTERED_ACCOUNT"),),
    Kind.NOT_HEAD: (("DEDUP", "REFUSED", "APPLICANT_NOT_HEAD"),),
    Kind.PROXY: (("DEDUP", "WAITING", "PROXY_UNPROVEN"),),
    Kind.SEPARATED: (("DECIDE", "APPROVED", "DECIDED_SEPARATELY"), _APPROVED),
    Kind.SEPARATION_UNPROVEN: (("DEDUP", "WAITING", "SEPARATION_UNPROVEN"),),
    Kind.BORN_AFTER: (("DECIDE", "APPROVED", "MEMBER_NOT_ELIGIBLE"),),
    Kind.DIED_BEFORE: (("DECIDE", "APPROVED", "MEMBER_NOT_ELIGIBLE"),),
    Kind.WINDOW_CLOSED: (("DECIDE", "REFUSED", "WINDOW_CLOSED"),),
    Kind.CONFLICT: (_APPROVED,),
    Kind.EARLY: (_APPROVED,),
}
SHARED_FIRST: Final = _APPROVED
SHARED_LATER: Final = ("DECIDE", "WAITING", "ACCOUNT_SHARED")

# Kinds whose household sends a second record, later, under the first one's credential.
TWICE: Final = frozenset({Kind.RETRY, Kind.AGAIN, Kind.CORRECTED, Kind.WITHDRAWN, Kind.CONFLICT})
# Kinds that need a second member.
_TWO_MEMBERS: Final = frozenset(
    {
        Kind.OPTED_OUT, Kind.OMITTED, Kind.NOT_HEAD, Kind.PROXY, Kind.SEPARATED,
        Kind.SEPARATION_UNPROVEN, Kind.BORN_AFTER, Kind.DIED_BEFORE,
    }
)  # fmt: skip
_SHARED_SIZE: Final = 2
# The last member is not paid for: opted out, living apart (and paid apart), or not eligible.
_ONE_LESS: Final = frozenset({Kind.OPTED_OUT, Kind.BORN_AFTER, Kind.DIED_BEFORE})

# Among 10,000 households. The sum of refusals is near the tenth that 高松市 reported in 2020.
_DEFECTS: Final = {
    Kind.UNKNOWN_CREDENTIAL: 200,
    Kind.BRANCH_UNKNOWN: 200,
    Kind.WRONG_HOLDER: 200,
}
_EXTENDED: Final = {
    Kind.CORRECTED: 100, Kind.WITHDRAWN: 50, Kind.SHARED: 60, Kind.OPTED_OUT: 100,
    Kind.ALL_OPTED_OUT: 30, Kind.OMITTED: 100, Kind.UNKNOWN_MEMBER: 100, Kind.CASH: 100,
    Kind.REGISTERED: 200, Kind.NO_REGISTERED: 50, Kind.NOT_HEAD: 100, Kind.PROXY: 50,
    Kind.SEPARATED: 30, Kind.SEPARATION_UNPROVEN: 20, Kind.BORN_AFTER: 50, Kind.DIED_BEFORE: 50,
    Kind.WINDOW_CLOSED: 30, Kind.CONFLICT: 50, Kind.EARLY: 100,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TownPlan:
    """How many households, and what they do. `duplicate_share`: of the households, how many send
    something twice: half of them the same application, half a second one. `partitions`: of every
    topic of the core.
    """

    households: int
    seed: int
    duplicate_share: float = 0.05
    defects: bool = True
    extended: bool = False
    partitions: int = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the cycle. `rank`: the how-manieth of its kind."""

    kind: Kind
    size: int
    rank: int


def cycle_of(plan: TownPlan) -> tuple[Place, ...]:
    """The 10,000 places of a plan, in an order that is the same for every seed."""
    rng = Random(CYCLE)
    sizes = [size for size, count in SIZES.items() for _ in range(count)]
    rng.shuffle(sizes)
    free = list(range(CYCLE))
    rng.shuffle(free)
    kinds = dict.fromkeys(range(CYCLE), Kind.PLAIN)
    ranks: dict[int, int] = {}
    for kind, count in _counts(plan).items():
        fitting = [each for each in free if _fits(kind, sizes[each])][:count]
        for rank, each in enumerate(fitting):
            kinds[each], ranks[each] = kind, rank
        taken = set(fitting)
        free = [each for each in free if each not in taken]
    return tuple(Place(kinds[at], sizes[at], ranks.get(at, 0)) for at in range(CYCLE))


def _fits(kind: Kind, size: int) -> bool:
    """Who shares an account has the same size as the other: either may come first."""
    if kind is Kind.SHARED:
        return size == _SHARED_SIZE
    return kind not in _TWO_MEMBERS or size > 1


def _counts(plan: TownPlan) -> dict[Kind, int]:
    duplicates = round(plan.duplicate_share * CYCLE)
    counts = {Kind.RETRY: duplicates // 2, Kind.AGAIN: duplicates - duplicates // 2}
    if plan.defects:
        counts |= _DEFECTS
    if plan.extended:
        counts |= _EXTENDED
    if sum(counts.values()) > CYCLE:
        raise ValueError("the shares of a plan are more than all households")
    return counts


@dataclass(frozen=True, slots=True)
class Expected:
    """What the core must have written when all is decided and nobody has answered anything."""

    outcomes: Counter[Outcome]
    approved_persons: int
    applications: int
    persons: int


def expected_of(plan: TownPlan, cycle: tuple[Place, ...], shift: int) -> Expected:
    """Exact for any number of households, in the time of one cycle."""
    whole, rest = divmod(plan.households, CYCLE)
    outcomes: Counter[Outcome] = Counter()
    numbers = [0, 0, 0]
    for places, times in (
        (cycle, whole),
        ([cycle[(number * STRIDE + shift) % CYCLE] for number in range(rest)], 1),
    ):
        found, these = _expected(places)
        for outcome, count in found.items():
            outcomes[outcome] += count * times
        numbers = [sum_ + each * times for sum_, each in zip(numbers, these, strict=True)]
    return Expected(+outcomes, *numbers)


def _expected(places: "tuple[Place, ...] | list[Place]") -> tuple[Counter[Outcome], list[int]]:
    outcomes: Counter[Outcome] = Counter()
    approved = applications = persons = 0
    accounts: set[int] = set()
    for place in places:
        persons += place.size
        applications += 1 + (place.kind in TWICE or place.kind is Kind.SEPARATED)
        ends = OUTCOMES.get(place.kind)
        if ends is None:
            # A pair shares an account: whoever comes first is paid, the other is looked at.
            ends = (SHARED_LATER if place.rank // 2 in accounts else SHARED_FIRST,)
            accounts.add(place.rank // 2)
        outcomes.update(ends)
        paid = place.size - (place.kind in _ONE_LESS)
        times = sum(end[1] == "APPROVED" for end in ends)
        # Head and separated member share the household's persons between two approvals.
        approved += paid * (1 if place.kind is Kind.SEPARATED else times)
    return outcomes, [approved, applications, persons]
