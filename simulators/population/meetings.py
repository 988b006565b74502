"""Defects in which applications meet: repeated, corrected, shared, merged, withdrawn, separated."""

from simulators.population.forms import (
    account_payout,
    application,
    contact,
    persons_of,
    yucho_payout,
)
from simulators.population.plan import Desk, Phase, Scenario, StaffAnswer
from simulators.population.scenarios import STAFF_ANSWERS, expect_approved, new_scenario

PAPER_FORM_LINES = 10


def http_retry(desk: Desk, scenario_id: int) -> Scenario:
    """The frontend sends the same request again, as after a lost answer: one application."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "http_retry", household)
    body = application(household, rng=desk.rng)
    first = desk.online(scenario, desk.card(scenario, household, household.head), body)
    desk.again(scenario, first, body, status=202)
    expect_approved(scenario, len(household.persons))
    return scenario


def key_reused(desk: Desk, scenario_id: int) -> Scenario:
    """The same key with another body is refused at the door: 422."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "key_reused", household)
    body = application(household, rng=desk.rng)
    first = desk.online(scenario, desk.card(scenario, household, household.head), body)
    desk.again(scenario, first, {**body, "language": "en-GB"}, status=422)
    expect_approved(scenario, len(household.persons))
    return scenario


def duplicate_channel(desk: Desk, scenario_id: int) -> Scenario:
    """Online and by mail: both were paid in 2020, in 13 towns and more."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "duplicate_channel", household)
    body = application(household, rng=desk.rng)
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    desk.paper(scenario, household, body)
    expect_approved(scenario, len(household.persons))
    scenario.expected["refused ALREADY_CLAIMED"] += 1
    return scenario


def duplicate_repeated(desk: Desk, scenario_id: int) -> Scenario:
    """The mail of confirmation is late, so people apply again and again (up to 15 times)."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "duplicate_repeated", household)
    body = application(household, rng=desk.rng)
    card = desk.card(scenario, household, household.head)
    times = desk.rng.choice((2, 3, 5, 15))
    for _ in range(times):
        desk.online(scenario, card, body)
    expect_approved(scenario, len(household.persons))
    scenario.expected["refused ALREADY_CLAIMED"] += times - 1
    return scenario


def two_notations(desk: Desk, scenario_id: int) -> Scenario:
    """One account, once as Yucho 記号番号 and once converted: still one claim."""
    household = desk.people.household(yucho=True)
    scenario = new_scenario(scenario_id, "two_notations", household)
    body = application(household, rng=desk.rng, yucho_symbol=True)
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    desk.paper(scenario, household, {**body, "payout": account_payout(household.account)})
    expect_approved(scenario, len(household.persons))
    scenario.expected["refused ALREADY_CLAIMED"] += 1
    return scenario


def corrected_account(desk: Desk, scenario_id: int) -> Scenario:
    """A second application with another account, in time: it takes the first one's place."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "corrected_account", household)
    body = application(household, rng=desk.rng)
    other = desk.people.account(household.head.name_kana)
    card = desk.card(scenario, household, household.head)
    desk.online(scenario, card, {**body, "payout": account_payout(other)})
    desk.online(scenario, card, body)
    scenario.expected["superseded"] += 1
    expect_approved(scenario, len(household.persons))
    return scenario


def withdrawn(desk: Desk, scenario_id: int) -> Scenario:
    """Applied and withdrawn before any bank file."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "withdrawn", household)
    card = desk.card(scenario, household, household.head)
    desk.online(scenario, card, application(household, rng=desk.rng))
    desk.online(scenario, card, {"intent": "withdraw", "language": "ja"})
    scenario.expected["withdrawn"] += 2
    return scenario


def large_household(desk: Desk, scenario_id: int) -> Scenario:
    """More members than a form has lines: two forms, one claim."""
    household = desk.people.household(size=12)
    scenario = new_scenario(scenario_id, "large_household", household)
    body = application(household, rng=desk.rng)
    lines = body["persons"]
    for part in (lines[:PAPER_FORM_LINES], lines[PAPER_FORM_LINES:]):
        desk.paper(scenario, household, {**body, "persons": part, "persons_complete": False})
    scenario.expected["superseded"] += 1
    expect_approved(scenario, len(household.persons))
    return scenario


def late_resubmission(desk: Desk, scenario_id: int) -> Scenario:
    """Another account after the payment stands in a bank file: refused, and paid once."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "late_resubmission", household)
    body = application(household, rng=desk.rng)
    card = desk.card(scenario, household, household.head)
    desk.online(scenario, card, body)
    other = account_payout(desk.people.account(household.head.name_kana))
    desk.online(scenario, card, {**body, "payout": other}, phase=Phase.LATE)
    expect_approved(scenario, len(household.persons))
    scenario.expected["refused TOO_LATE_TO_CHANGE"] += 1
    return scenario


def account_shared(desk: Desk, scenario_id: int) -> Scenario:
    """Two households of the same holder's name give one account, one of them as 記号番号.

    Whoever comes second waits, and the first payment is held until a case worker has looked.
    """
    first = desk.people.household(yucho=True, size=2)
    second = desk.people.household(size=2)
    scenario = new_scenario(scenario_id, "account_shared", first, second)
    answer = desk.rng.choice(STAFF_ANSWERS)
    for household in (first, second):
        body = application(household, rng=desk.rng)
        notation = account_payout if household is first else yucho_payout
        # Each names its own head as holder, so that the account alone is what they share.
        body["payout"] = {**notation(first.account), "holder_kana": household.head.name_kana}
        desk.online(scenario, desk.card(scenario, household, household.head), body)
    scenario.staff = answer
    expect_approved(scenario, 2, paid=answer is not StaffAnswer.LEAVE)
    if answer is StaffAnswer.ACCEPT:
        expect_approved(scenario, 2)
    elif answer is StaffAnswer.REFUSE:
        scenario.expected["refused REVIEW_REFUSED"] += 1
    else:
        scenario.expected["waiting ACCOUNT_SHARED"] += 1
    return scenario


def dv_pair(desk: Desk, scenario_id: int) -> Scenario:
    """A member who fled applies for herself and a child; the head applies for all of them."""
    household = desk.people.household(size=4)
    scenario = new_scenario(scenario_id, "dv_pair", household)
    fled = household.persons[1:3]
    scenario.separated.append((household, fled))
    own_account = desk.people.account(fled[0].name_kana)
    separate = {
        "intent": "apply",
        "capacity": "separated",
        "persons": persons_of(fled),
        "persons_complete": True,
        "payout": account_payout(own_account),
        "contact": {"email": f"shiken-{fled[0].resident_id.hex[:12]}@kyufu.example"},
        "language": "ja",
    }
    desk.online(scenario, desk.card(scenario, household, fled[0]), separate)
    desk.online(
        scenario,
        desk.card(scenario, household, household.head),
        {**application(household, rng=desk.rng), "contact": contact(household, desk.rng)},
    )
    expect_approved(scenario, 2)
    expect_approved(scenario, 2)
    return scenario
