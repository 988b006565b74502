"""What becomes of applications on the whole way in memory, as tables that a policy person reads."""

import pytest
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2, reviews_pb2

from services.eligibility.tests.pipeline import REGISTERS, Pipeline
from services.eligibility.tests.playing import HOME, played
from services.eligibility.tests.town import Form, Home, Member, form, home, withdrawal

ACCEPT, REFUSE = reviews_pb2.RESOLUTION_ACCEPT, reviews_pb2.RESOLUTION_REFUSE
STRANGER = Member("ﾖｿﾉﾋﾄ")
DAY_MS = 86_400_000
# 2020-05-01T00:00 and 2020-09-01T00:00 in Tokyo
OPENS_MS, CLOSED_MS = 1_588_258_800_000, 1_598_886_000_000


HEAD, SECOND, THIRD = HOME.members

ONE_APPLICATION = [
    ("everybody named", form(HOME), "APPROVED 300000"),
    ("cash at the counter", form(HOME, payout="cash"), "APPROVED 300000"),
    ("one opted out", form(HOME, opted_out=frozenset({THIRD})), "APPROVED 200000"),
    ("all opted out", form(HOME, opted_out=frozenset(HOME.members)), "REFUSED NOTHING_CLAIMED"),
    ("a member left out", form(HOME, persons=(HEAD, SECOND)), "WAITING MEMBER_OMITTED"),
    ("a stranger named", form(HOME, persons=(*HOME.members, STRANGER)), "WAITING MEMBER_UNKNOWN"),
    ("holder is another", form(HOME, holder=SECOND), "WAITING HOLDER_MISMATCH"),
    (
        "two questions, one review",
        form(HOME, holder=SECOND, persons=(HEAD,)),
        "WAITING HOLDER_MISMATCH MEMBER_OMITTED",
    ),
    ("no such branch", form(HOME, branch="0001999"), "REFUSED ACCOUNT_INVALID"),
    ("no account registered", form(HOME, payout="registered"), "REFUSED NO_REGISTERED_ACCOUNT"),
    ("another member as head", form(HOME, applicant=SECOND), "REFUSED APPLICANT_NOT_HEAD"),
    (
        "a member for the head",
        form(HOME, applicant=SECOND, capacity=apps.CAPACITY_PROXY),
        "WAITING PROXY_UNPROVEN",
    ),
    (
        "apart without evidence",
        form(HOME, applicant=SECOND, persons=(SECOND,), capacity=apps.CAPACITY_SEPARATED),
        "WAITING SEPARATION_UNPROVEN",
    ),
    ("card unknown", form(HOME, applicant=STRANGER), "REFUSED NOT_IN_REGISTER"),
    ("last ms before opening", form(HOME, submitted_at_ms=OPENS_MS - 1), "REFUSED WINDOW_CLOSED"),
    ("first ms of opening", form(HOME, submitted_at_ms=OPENS_MS), "APPROVED 300000"),
    ("last ms of the window", form(HOME, submitted_at_ms=CLOSED_MS - 1), "APPROVED 300000"),
    ("first ms after it", form(HOME, submitted_at_ms=CLOSED_MS), "REFUSED WINDOW_CLOSED"),
    ("nothing to withdraw", withdrawal(HOME), "REFUSED NOTHING_TO_WITHDRAW"),
]


@pytest.mark.parametrize(
    ("application", "outcome"),
    [row[1:] for row in ONE_APPLICATION],
    ids=[row[0] for row in ONE_APPLICATION],
)
def test_one_application_ends_as_the_table_says(application: Form, outcome: str) -> None:
    assert played(application).outcome(application) == outcome


BIRTHS_AND_DEATHS = [
    ("born on the base date", 20200427, 0, "APPROVED 200000"),
    ("born the day after", 20200428, 0, "APPROVED 100000"),
    ("died the day before", 19300101, 20200426, "APPROVED 100000"),
    ("died on the base date", 19300101, 20200427, "APPROVED 200000"),
    ("died after it", 19300101, 20200501, "APPROVED 200000"),
]


@pytest.mark.parametrize(
    ("born_on", "died_on", "outcome"),
    [row[1:] for row in BIRTHS_AND_DEATHS],
    ids=[row[0] for row in BIRTHS_AND_DEATHS],
)
def test_births_and_deaths_around_the_base_date(born_on: int, died_on: int, outcome: str) -> None:
    family = Home(7, (HEAD, Member("ｺ", born_on, died_on)))
    application = form(family)
    assert played(application, homes=(family,)).outcome(application) == outcome


ANSWERS = [
    ("omitted, accepted: all are paid", form(HOME, persons=(HEAD,)), ACCEPT, "APPROVED 300000"),
    (
        "omitted, refused",
        form(HOME, persons=(HEAD,)),
        REFUSE,
        "REFUSED REVIEW_REFUSED MEMBER_OMITTED",
    ),
    (
        "stranger, accepted: the household alone",
        form(HOME, persons=(*HOME.members, STRANGER)),
        ACCEPT,
        "APPROVED 300000",
    ),
    ("other holder, accepted", form(HOME, holder=SECOND), ACCEPT, "APPROVED 300000"),
    (
        "proxy, accepted",
        form(HOME, applicant=SECOND, capacity=apps.CAPACITY_PROXY),
        ACCEPT,
        "APPROVED 300000",
    ),
    (
        "proxy, accepted, paid to the head",
        form(HOME, applicant=SECOND, holder=HEAD, capacity=apps.CAPACITY_PROXY),
        ACCEPT,
        "APPROVED 300000",
    ),
    (
        "proxy, refused",
        form(HOME, applicant=SECOND, capacity=apps.CAPACITY_PROXY),
        REFUSE,
        "REFUSED REVIEW_REFUSED PROXY_UNPROVEN",
    ),
    (
        "apart, evidence seen",
        form(HOME, applicant=SECOND, persons=(SECOND,), capacity=apps.CAPACITY_SEPARATED),
        ACCEPT,
        "APPROVED 100000",
    ),
]


def test_an_accepted_proxy_cannot_have_a_third_person_paid() -> None:
    application = form(HOME, applicant=SECOND, holder=THIRD, capacity=apps.CAPACITY_PROXY)
    pipeline = played(application).answer_last_review(ACCEPT)
    assert pipeline.outcome(application) == "WAITING HOLDER_MISMATCH"


@pytest.mark.parametrize(
    ("application", "answer", "outcome"), [r[1:] for r in ANSWERS], ids=[r[0] for r in ANSWERS]
)
def test_a_review_ends_as_the_case_worker_says(
    application: Form, answer: int, outcome: str
) -> None:
    pipeline = played(application).answer_last_review(answer)
    assert pipeline.outcome(application) == outcome
    again = len(pipeline.decisions())
    assert len(pipeline.answer_last_review(answer).decisions()) == again


@pytest.mark.parametrize(
    ("size", "outcome"), [(30, "APPROVED 3000000"), (31, "WAITING CAP_EXCEEDED")]
)
def test_above_the_cap_a_person_looks(size: int, outcome: str) -> None:
    large = home(6, size)
    application = form(large)
    assert played(application, homes=(large,)).outcome(application) == outcome


@pytest.mark.parametrize(
    ("suspended", "outcome"), [(False, "APPROVED 300000"), (True, "REFUSED NO_REGISTERED_ACCOUNT")]
)
def test_a_registered_account_is_used_unless_it_is_suspended(suspended: bool, outcome: str) -> None:
    application = form(HOME, payout="registered")
    pipeline = Pipeline()
    record = HOME.registered_account(HEAD, "5555555", suspended=suspended)
    pipeline.put("registry.accounts", HOME.unit + HEAD.resident_id, record)
    pipeline.register(HOME)
    pipeline.submit(application)
    assert pipeline.run().outcome(application) == outcome


def test_an_application_that_comes_before_its_register_waits_and_is_then_decided() -> None:
    application = form(HOME)
    pipeline = Pipeline()
    pipeline.submit(application)
    assert pipeline.run().outcome(application) == "NONE"
    pipeline.register(HOME, complete=False)
    assert pipeline.run().outcome(application) == "NONE"
    pipeline.complete(*REGISTERS)
    assert pipeline.run().outcome(application) == "APPROVED 300000"


def test_a_register_that_stays_incomplete_opens_a_review_at_the_deadline() -> None:
    application = form(HOME)
    pipeline = Pipeline()
    pipeline.submit(application)
    pipeline.run()
    pipeline.tick(application.submitted_at_ms + 3_500_000)
    assert pipeline.run().outcome(application) == "NONE"
    pipeline.tick(application.submitted_at_ms + 3_720_000)
    assert pipeline.run().outcome(application) == "WAITING REGISTER_INCOMPLETE"
    pipeline.register(HOME)
    pipeline.run()
    assert pipeline.answer_last_review(ACCEPT).outcome(application) == "APPROVED 300000"


def test_a_retry_of_the_same_request_changes_nothing() -> None:
    application = form(HOME)
    pipeline = played(application)
    before = len(pipeline.decisions())
    pipeline.submit(application)
    pipeline.run()
    assert len(pipeline.decisions()) == before
    assert ("dedup", "application_repeated") in pipeline.meter.ignored_events


def test_another_body_under_the_same_id_is_a_conflict_and_changes_nothing() -> None:
    application = form(HOME)
    pipeline = played(application, application.but(body="other", digits="7654321"))
    assert pipeline.outcome(application) == "APPROVED 300000"
    assert ("dedup", "idempotency_conflict") in pipeline.meter.ignored_events


def test_every_decision_names_rule_register_and_time() -> None:
    application = form(HOME)
    last = played(application).latest(application)
    assert last is not None
    assert last.rule_version == "tokubetsu-teigaku-2020/1"
    assert (last.snapshot_id, last.register_version) == ("2020-04-27", 1)
    assert last.decided_at_ms >= last.submitted_at_ms > 0
    assert last.amount_yen == sum(item.amount_yen for item in last.items)
    assert last.stage == common_pb2.STAGE_DECIDE
