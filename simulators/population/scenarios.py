"""Ordinary applications and the defects of 2020 that the form itself carries.

Each function builds one labelled scenario and states the end that it must reach. Defects that need
two applications or two households stand in `meetings.py`.
"""

from datetime import date

from simulators.population.forms import application, persons_of, trivially_different
from simulators.population.people import BASE_DATE, Household, with_person
from simulators.population.plan import YEN_PER_PERSON, Desk, Scenario, StaffAnswer

TRIVIAL_SHARE = 0.6
ONLINE_SHARE = 0.65
STAFF_ANSWERS = (StaffAnswer.ACCEPT, StaffAnswer.REFUSE, StaffAnswer.LEAVE)


def new_scenario(scenario_id: int, label: str, household: Household, *more: Household) -> Scenario:
    return Scenario(scenario_id, label, [household, *more])


def expect_approved(scenario: Scenario, persons: int, *, paid: bool = True) -> None:
    scenario.expected["approved"] += 1
    scenario.approved_yen += persons * YEN_PER_PERSON
    if paid:
        scenario.paid_yen += persons * YEN_PER_PERSON


def expect_review(scenario: Scenario, persons: int, reason: str, answer: StaffAnswer) -> None:
    """The application waits for a case worker, who answers as the scenario says."""
    scenario.staff = answer
    if answer is StaffAnswer.ACCEPT:
        expect_approved(scenario, persons)
    elif answer is StaffAnswer.REFUSE:
        scenario.expected["refused REVIEW_REFUSED"] += 1
    else:
        scenario.expected[f"waiting {reason}"] += 1


def clean(desk: Desk, scenario_id: int) -> Scenario:
    """A faultless claim, six of ten in another notation, online or on paper."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "clean", household)
    body = application(household, rng=desk.rng)
    if desk.rng.random() < TRIVIAL_SHARE:
        scenario.label = "trivial_notation"
        body = trivially_different(body, desk.rng)
    if desk.rng.random() < ONLINE_SHARE:
        desk.online(scenario, desk.card(scenario, household, household.head), body)
    else:
        desk.paper(scenario, household, body)
    expect_approved(scenario, len(household.persons))
    return scenario


def yucho_notation(desk: Desk, scenario_id: int) -> Scenario:
    """The account in the notation of the Yucho passbook (記号番号)."""
    household = desk.people.household(yucho=True)
    scenario = new_scenario(scenario_id, "yucho_notation", household)
    body = application(household, rng=desk.rng, yucho_symbol=True)
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    expect_approved(scenario, len(household.persons))
    return scenario


def registered_account(desk: Desk, scenario_id: int) -> Scenario:
    """The head asks for the account registered with the state (公金受取口座)."""
    household = desk.people.household()
    household = _with_registered_account(household)
    scenario = new_scenario(scenario_id, "registered_account", household)
    body = {**application(household, rng=desk.rng), "payout": {"kind": "registered_account"}}
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    expect_approved(scenario, len(household.persons))
    return scenario


def _with_registered_account(household: Household) -> Household:
    return Household(
        household.household_id,
        household.municipality_code,
        household.persons,
        household.account,
        household.form_number,
        has_registered_account=True,
    )


def no_registered_account(desk: Desk, scenario_id: int) -> Scenario:
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "no_registered_account", household)
    body = {**application(household, rng=desk.rng), "payout": {"kind": "registered_account"}}
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    scenario.expected["refused NO_REGISTERED_ACCOUNT"] += 1
    return scenario


def not_head(desk: Desk, scenario_id: int) -> Scenario:
    """Another member applies as if head: 世帯主 alone may."""
    household = desk.people.household(size=desk.rng.choice((2, 3, 4)))
    scenario = new_scenario(scenario_id, "not_head", household)
    body = application(household, rng=desk.rng)
    desk.online(scenario, desk.card(scenario, household, household.persons[1]), body)
    scenario.expected["refused APPLICANT_NOT_HEAD"] += 1
    return scenario


def not_in_register(desk: Desk, scenario_id: int) -> Scenario:
    """A valid card that no register of the base date knows."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "not_in_register", household)
    desk.online(scenario, desk.authority.issue(), application(household, rng=desk.rng))
    scenario.expected["refused NOT_IN_REGISTER"] += 1
    return scenario


def branch_unknown(desk: Desk, scenario_id: int) -> Scenario:
    household = desk.people.household(yucho=False)
    scenario = new_scenario(scenario_id, "branch_unknown", household)
    body = application(household, rng=desk.rng)
    body["payout"] = {**body["payout"], "bank_code": "0001", "branch_code": "999"}
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    scenario.expected["refused ACCOUNT_INVALID"] += 1
    return scenario


def wrong_holder(desk: Desk, scenario_id: int) -> Scenario:
    """The account is in somebody else's name: a case worker looks."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "wrong_holder", household)
    body = application(household, rng=desk.rng)
    body["payout"] = {**body["payout"], "holder_kana": desk.people.name()}
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    answer = desk.rng.choice(STAFF_ANSWERS)
    expect_review(scenario, len(household.persons), "HOLDER_MISMATCH", answer)
    return scenario


def member_omitted(desk: Desk, scenario_id: int) -> Scenario:
    """One member is not on the form and did not opt out. Accepted: everybody is paid."""
    household = desk.people.household(size=desk.rng.choice((2, 3, 4)))
    scenario = new_scenario(scenario_id, "member_omitted", household)
    body = application(household, rng=desk.rng)
    body["persons"] = body["persons"][:-1]
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    answer = desk.rng.choice(STAFF_ANSWERS)
    expect_review(scenario, len(household.persons), "MEMBER_OMITTED", answer)
    return scenario


def member_unknown(desk: Desk, scenario_id: int) -> Scenario:
    """Somebody on the form is not of the household. Accepted: the household alone is paid."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "member_unknown", household)
    body = application(household, rng=desk.rng)
    stranger = desk.people.person(is_head=False)
    body["persons"] = [*body["persons"], *persons_of([stranger])]
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    answer = desk.rng.choice(STAFF_ANSWERS)
    expect_review(scenario, len(household.persons), "MEMBER_UNKNOWN", answer)
    return scenario


def proxy(desk: Desk, scenario_id: int) -> Scenario:
    """代理申請: the proof is looked at by a case worker."""
    household = desk.people.household(size=desk.rng.choice((2, 3)))
    scenario = new_scenario(scenario_id, "proxy", household)
    body = {**application(household, rng=desk.rng), "capacity": "proxy"}
    desk.online(scenario, desk.card(scenario, household, household.persons[1]), body)
    answer = desk.rng.choice(STAFF_ANSWERS)
    expect_review(scenario, len(household.persons), "PROXY_UNPROVEN", answer)
    return scenario


def opted_out(desk: Desk, scenario_id: int) -> Scenario:
    """One member does not wish the benefit (受給を希望しない)."""
    household = desk.people.household(size=desk.rng.choice((2, 3, 4)))
    scenario = new_scenario(scenario_id, "opted_out", household)
    body = application(household, rng=desk.rng)
    last = len(household.persons) - 1
    body["persons"] = persons_of(household.persons, opted_out=frozenset({last}))
    desk.online(scenario, desk.card(scenario, household, household.head), body)
    expect_approved(scenario, last)
    return scenario


def all_opted_out(desk: Desk, scenario_id: int) -> Scenario:
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "all_opted_out", household)
    body = application(household, rng=desk.rng)
    everyone = frozenset(range(len(household.persons)))
    body["persons"] = persons_of(household.persons, opted_out=everyone)
    desk.paper(scenario, household, body)
    scenario.expected["refused NOTHING_CLAIMED"] += 1
    return scenario


def born_after(desk: Desk, scenario_id: int) -> Scenario:
    """A child born on the day after the base date is on the form: the others are paid."""
    household = desk.people.household(size=3)
    household = with_person(household, 2, born_on=date(2020, 4, 28))
    scenario = new_scenario(scenario_id, "born_after", household)
    desk.paper(scenario, household, application(household, rng=desk.rng))
    expect_approved(scenario, 2)
    return scenario


def born_on_base_date(desk: Desk, scenario_id: int) -> Scenario:
    household = desk.people.household(size=3)
    household = with_person(household, 2, born_on=BASE_DATE)
    scenario = new_scenario(scenario_id, "born_on_base_date", household)
    desk.paper(scenario, household, application(household, rng=desk.rng))
    expect_approved(scenario, 3)
    return scenario


def died_before(desk: Desk, scenario_id: int) -> Scenario:
    """A member died the day before the base date and is still on the form."""
    household = desk.people.household(size=2)
    household = with_person(household, 1, died_on=date(2020, 4, 26))
    scenario = new_scenario(scenario_id, "died_before", household)
    desk.online(
        scenario,
        desk.card(scenario, household, household.head),
        application(household, rng=desk.rng),
    )
    expect_approved(scenario, 1)
    return scenario


def account_closed(desk: Desk, scenario_id: int) -> Scenario:
    """Everything is right but the bank has closed the account: the money comes back."""
    household = desk.people.household()
    scenario = new_scenario(scenario_id, "account_closed", household)
    scenario.bank_result = desk.rng.choice(("account_closed", "no_account", "credit_blocked"))
    desk.online(
        scenario,
        desk.card(scenario, household, household.head),
        application(household, rng=desk.rng),
    )
    expect_approved(scenario, len(household.persons), paid=False)
    return scenario
