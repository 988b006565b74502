"""What the population will do and how it must end: scenarios, attempts, expected ends."""

import uuid
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from simulators.cards import Card, CardAuthority
from simulators.population.forms import Body
from simulators.population.people import Household, People, Person

PROGRAMME = "tokubetsu-teigaku-2020"
YEN_PER_PERSON = 100_000


class Phase(Enum):
    """When an attempt is made: at the opening, or after the first bank files were frozen."""

    OPENING = "opening"
    LATE = "late"


class StaffAnswer(Enum):
    """What the case worker does with the review that the scenario opens."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class PaperForm:
    municipality_code: str
    form_number: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST. Attempts of a scenario are made in order, each after the answer to the last."""

    scenario_id: int
    label: str
    phase: Phase
    client_id: str
    credential: Card | PaperForm
    idempotency_key: str
    body: Body
    expected_status: int = 202


@dataclass(frozen=True, slots=True)
class CardEntry:
    """A line of credentials.csv: the register knows this card's holder."""

    card: Card
    person: Person
    household: Household


@dataclass(slots=True)
class Scenario:
    """Households, what they do, and the end that the system must reach.

    `expected` counts the last outcomes of the scenario's accepted applications, such as
    {"approved": 1, "refused ALREADY_CLAIMED": 1}. `approved_yen` is decided and stands at the end;
    `paid_yen` is what stays with the payees; `bank_result` is what the bank says of the account.
    """

    scenario_id: int
    label: str
    households: list[Household]
    attempts: list[Attempt] = field(default_factory=list)
    expected: Counter[str] = field(default_factory=Counter)
    approved_yen: int = 0
    paid_yen: int = 0
    staff: StaffAnswer | None = None
    bank_result: str = "paid"
    cards: list[CardEntry] = field(default_factory=list)
    separated: list[tuple[Household, tuple[Person, ...]]] = field(default_factory=list)


class Desk:
    """What a scenario is built with: people, cards, random draws and its own attempts."""

    def __init__(self, people: People, authority: CardAuthority, rng: Random) -> None:
        self.people = people
        self.authority = authority
        self.rng = rng

    def key(self) -> str:
        return uuid.UUID(int=self.rng.getrandbits(128), version=4).hex

    def card(self, scenario: Scenario, household: Household, person: Person) -> Card:
        card = self.authority.issue()
        scenario.cards.append(CardEntry(card, person, household))
        return card

    def online(
        self,
        scenario: Scenario,
        card: Card,
        body: Body,
        *,
        phase: Phase = Phase.OPENING,
        key: str | None = None,
        expected_status: int = 202,
    ) -> Attempt:
        client = "smartphone" if self.rng.random() < 0.6 else "portal"
        return self._attempt(scenario, client, card, body, phase, key, expected_status)

    def paper(
        self,
        scenario: Scenario,
        household: Household,
        body: Body,
        *,
        phase: Phase = Phase.OPENING,
    ) -> Attempt:
        town = household.municipality_code
        form = PaperForm(town, household.form_number)
        return self._attempt(scenario, f"paper-{town}", form, body, phase, None, 202)

    def again(self, scenario: Scenario, attempt: Attempt, body: Body, *, status: int) -> None:
        """The same client with the same Idempotency-Key once more."""
        self._attempt(
            scenario,
            attempt.client_id,
            attempt.credential,
            body,
            attempt.phase,
            attempt.idempotency_key,
            status,
        )

    def _attempt(
        self,
        scenario: Scenario,
        client_id: str,
        credential: Card | PaperForm,
        body: Body,
        phase: Phase,
        key: str | None,
        expected_status: int,
    ) -> Attempt:
        attempt = Attempt(
            scenario_id=scenario.scenario_id,
            label=scenario.label,
            phase=phase,
            client_id=client_id,
            credential=credential,
            idempotency_key=key or self.key(),
            body=body,
            expected_status=expected_status,
        )
        scenario.attempts.append(attempt)
        return attempt
