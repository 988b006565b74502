"""Builds the whole population and writes what the world outside Kyufu knows of it.

Registers as CSV (for `kyufu registers import`), the bank's knowledge of its accounts, and the plan
with its expected ends.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from simulators.cards import CardAuthority
from simulators.population import meetings, scenarios
from simulators.population.people import Household, People
from simulators.population.plan import Desk, Scenario

VALID_FROM = "2019-01-01"
VALID_UNTIL = "2028-12-31"
PAPER_VALID_UNTIL = "2021-03-31"


@dataclass(frozen=True, slots=True)
class Kind:
    """`per_thousand`: scenarios of this kind among 1,000 households; at least one from 200 on."""

    build: Callable[[Desk, int], Scenario]
    per_thousand: float


# Shares are this project's choice. The sum of refusable ones is near the 10 % that 高松市 reported
# in 2020; the trivial 60 % lie within `clean`.
KINDS = (
    Kind(scenarios.yucho_notation, 60),
    Kind(scenarios.registered_account, 20),
    Kind(scenarios.no_registered_account, 5),
    Kind(scenarios.not_head, 15),
    Kind(scenarios.not_in_register, 5),
    Kind(scenarios.branch_unknown, 15),
    Kind(scenarios.wrong_holder, 15),
    Kind(scenarios.member_omitted, 15),
    Kind(scenarios.member_unknown, 10),
    Kind(scenarios.proxy, 5),
    Kind(scenarios.opted_out, 10),
    Kind(scenarios.all_opted_out, 5),
    Kind(scenarios.born_after, 5),
    Kind(scenarios.born_on_base_date, 5),
    Kind(scenarios.died_before, 5),
    Kind(scenarios.account_closed, 15),
    Kind(meetings.http_retry, 30),
    Kind(meetings.key_reused, 5),
    Kind(meetings.duplicate_channel, 30),
    Kind(meetings.duplicate_repeated, 20),
    Kind(meetings.two_notations, 10),
    Kind(meetings.corrected_account, 15),
    Kind(meetings.withdrawn, 5),
    Kind(meetings.large_household, 2),
    Kind(meetings.late_resubmission, 10),
    Kind(meetings.account_shared, 5),
    Kind(meetings.dv_pair, 5),
)
ONE_OF_EACH_FROM = 200


@dataclass(frozen=True, slots=True)
class World:
    scenarios: tuple[Scenario, ...]

    @property
    def households(self) -> Iterator[Household]:
        return (household for scenario in self.scenarios for household in scenario.households)


def build_world(*, households: int, seed: int, ca_pem: bytes, ca_key_pem: bytes) -> World:
    """About `households` households (scenarios of two count twice), shuffled, all from the seed."""
    rng = Random(seed)
    authority = CardAuthority(ca_pem=ca_pem, ca_key_pem=ca_key_pem, rng=rng)
    desk = Desk(People(rng), authority, rng)
    order: list[Callable[[Desk, int], Scenario]] = []
    for kind in KINDS:
        number = round(households * kind.per_thousand / 1000)
        if households >= ONE_OF_EACH_FROM:
            number = max(number, 1)
        order += [kind.build] * number
    order += [scenarios.clean] * max(households - len(order), 0)
    rng.shuffle(order)
    return World(tuple(build(desk, number) for number, build in enumerate(order)))


def write_registers(world: World, folder: Path) -> None:
    """households.csv, credentials.csv, accounts.csv, separations.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "households.csv",
        "household_id,municipality_code,resident_id,name_kana,born_on,died_on,is_head",
        (
            (
                household.household_id,
                household.municipality_code,
                person.resident_id,
                person.name_kana,
                person.born_on,
                person.died_on or "",
                int(person.is_head),
            )
            for household in world.households
            for person in household.persons
        ),
    )
    _write(
        folder / "credentials.csv",
        "kind,issuer,serial,resident_id,household_id,municipality_code,valid_from,valid_until",
        _credential_rows(world),
    )
    _write(
        folder / "accounts.csv",
        "resident_id,household_id,bank_code,branch_code,account_type,account_number,"
        "holder_kana,suspended",
        (
            (
                household.head.resident_id,
                household.household_id,
                household.account.bank_code,
                household.account.branch_code,
                household.account.account_type,
                household.account.account_number,
                household.account.holder_kana,
                0,
            )
            for household in world.households
            if household.has_registered_account
        ),
    )
    _write(
        folder / "separations.csv",
        "household_id,resident_ids,evidence",
        (
            (
                household.household_id,
                " ".join(str(person.resident_id) for person in persons),
                "protection_order",
            )
            for scenario in world.scenarios
            for household, persons in scenario.separated
        ),
    )


def _credential_rows(world: World) -> Iterator[tuple[object, ...]]:
    for scenario in world.scenarios:
        for entry in scenario.cards:
            yield (
                "card",
                entry.card.issuer,
                entry.card.serial,
                entry.person.resident_id,
                entry.household.household_id,
                entry.household.municipality_code,
                VALID_FROM,
                VALID_UNTIL,
            )
        for household in scenario.households:
            yield (
                "paper",
                household.municipality_code,
                household.form_number,
                household.head.resident_id,
                household.household_id,
                household.municipality_code,
                VALID_FROM,
                PAPER_VALID_UNTIL,
            )


def write_bank_knowledge(world: World, path: Path) -> None:
    """What the bank knows of accounts and we do not: canonical account → why it cannot credit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    refused = {
        household.account.canonical: scenario.bank_result
        for scenario in world.scenarios
        if scenario.bank_result != "paid"
        for household in scenario.households
    }
    path.write_text(json.dumps(refused, indent=1), encoding="utf-8")


def write_canaries(world: World, path: Path) -> None:
    """Canonical accounts of the whole population: they must stand in no log, key or header."""
    lines = (household.account.canonical for household in world.households)
    path.write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")


def _write(path: Path, header: str, rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
