"""Edges of the rules that the ordinary way does not reach: late news, bounds, other households."""

import pytest
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2, payments_pb2, reviews_pb2

from services.eligibility.domain.claims import REVISIONS_MAX
from services.eligibility.domain.opened import Opened
from services.eligibility.tests.pipeline import REGISTERS, Pipeline
from services.eligibility.tests.playing import HOME, played
from services.eligibility.tests.town import (
    PROGRAMME,
    SEALER,
    Form,
    Home,
    form,
    home,
    id16,
    withdrawal,
)

ACCEPT = reviews_pb2.RESOLUTION_ACCEPT
IDENTIFIED = "applications.identified"


def test_opened_values_do_not_print_what_they_hold() -> None:
    assert repr(Opened(b"000100111234567", b"X", ())) == "Opened([sensitive])"


def test_a_household_that_the_complete_register_lacks_is_refused() -> None:
    pipeline = Pipeline()
    for record in HOME.credentials():
        pipeline.put("registry.credentials", record.credential.credential_fingerprint, record)
    pipeline.complete(*REGISTERS)
    application = pipeline.submit(form(HOME))
    assert pipeline.run().outcome(application) == "REFUSED NOT_IN_REGISTER"


def test_a_credential_of_somebody_who_is_not_in_the_household_is_refused() -> None:
    pipeline = Pipeline()
    record = HOME.credentials()[0]
    pipeline.put("registry.credentials", HOME.head.credential, record)
    pipeline.register(Home(1, HOME.members[1:]))
    pipeline.run()
    application = pipeline.submit(form(HOME))
    assert pipeline.run().outcome(application) == "REFUSED NOT_IN_REGISTER"


def test_an_older_version_of_a_household_does_not_replace_a_newer_one() -> None:
    pipeline = Pipeline()
    pipeline.put("registry.households", HOME.unit, HOME.household(2))
    pipeline.put("registry.households", HOME.unit, Home(1, HOME.members[:1]).household(1))
    for record in HOME.credentials():
        pipeline.put("registry.credentials", record.credential.credential_fingerprint, record)
    pipeline.complete(*REGISTERS)
    application = pipeline.submit(form(HOME))
    assert pipeline.run().outcome(application) == "APPROVED 300000"


def test_of_two_versions_of_a_registered_account_the_newer_counts_and_only_the_own() -> None:
    pipeline = Pipeline()
    for member, version, suspended in (
        (HOME.members[1], 1, True),
        (HOME.head, 2, False),
        (HOME.head, 1, True),
    ):
        record = HOME.registered_account(member, "5555555", suspended=suspended)
        record.version = version
        pipeline.put("registry.accounts", HOME.unit + member.resident_id, record)
    pipeline.register(HOME)
    application = pipeline.submit(form(HOME, payout="registered"))
    assert pipeline.run().outcome(application) == "APPROVED 300000"


def test_an_answer_about_a_revision_that_never_was_changes_nothing() -> None:
    pipeline = played(form(HOME))
    event = payments_pb2.PaymentEvent(
        event_id=id16("odd"),
        kind=payments_pb2.PAYMENT_EVENT_KIND_FROZEN,
        programme=PROGRAMME,
        claim_unit_id=HOME.unit,
        revision=9,
        version=1,
    )
    event.party.kind, event.party.party_id = common_pb2.PARTY_KIND_HEAD, HOME.unit
    pipeline.publish([event])
    late = pipeline.submit(withdrawal(HOME))
    assert pipeline.run().outcome(late) == "WITHDRAWN WITHDRAWN_BY_APPLICANT"


def read_again(pipeline: Pipeline, offset: int) -> int:
    """Dedup reads an identified application once more; how many records it then writes."""
    before = sum(map(len, pipeline.topics.values()))
    dedup = next(stage for stage in pipeline.stages if stage.name == "dedup")
    pipeline.feed(dedup, IDENTIFIED, offset)
    return sum(map(len, pipeline.topics.values())) - before


def test_a_record_read_twice_writes_the_same_claim_while_it_lives_and_nothing_after() -> None:
    pipeline = played(form(HOME))
    assert read_again(pipeline, 0) == 1
    pipeline.run()
    pipeline.submit(form(HOME, key="second", digits="7654321"))
    pipeline.run()
    assert read_again(pipeline, 0) == 0
    assert ("dedup", "application_repeated") in pipeline.meter.ignored_events


def test_a_withdrawal_read_twice_writes_its_hold_and_outcome_again() -> None:
    pipeline = played(form(HOME))
    pipeline.submit(withdrawal(HOME))
    pipeline.step("identify", "applications.submitted")
    pipeline.step("dedup", IDENTIFIED)
    assert read_again(pipeline, 1) == 2
    assert pipeline.run().outcome(form(HOME)) == "WITHDRAWN WITHDRAWN_BY_APPLICANT"
    assert not pipeline.holds_on(HOME)


def test_of_two_parties_a_record_read_twice_is_sought_at_its_own() -> None:
    fled = HOME.members[1]
    pipeline = Pipeline()
    pipeline.put("registry.separations", HOME.unit, HOME.separation(fled))
    pipeline.register(HOME)
    pipeline.submit(form(HOME))
    hers = Form(fled, (fled,), digits="9999999", capacity=apps.CAPACITY_SEPARATED)
    pipeline.run()
    pipeline.submit(hers)
    pipeline.run()
    assert read_again(pipeline, 1) == 1
    assert pipeline.run().outcome(hers) == "APPROVED 100000"


def test_a_record_read_twice_after_evidence_came_does_not_write_the_old_claim() -> None:
    pipeline = played(form(HOME))
    pipeline.put("registry.separations", HOME.unit, HOME.separation(HOME.members[1]))
    assert pipeline.run().outcome(form(HOME)) == "APPROVED 200000"
    assert read_again(pipeline, 0) == 0


def test_a_claim_that_was_accepted_by_a_person_is_not_written_again_by_the_first_record() -> None:
    pipeline = Pipeline()
    pipeline.register(HOME)
    proxy = form(HOME, applicant=HOME.members[1], capacity=apps.CAPACITY_PROXY)
    pipeline.submit(proxy)
    pipeline.run()
    pipeline.answer_last_review(ACCEPT)
    assert read_again(pipeline, 0) == 0


def test_after_too_many_corrections_nothing_more_is_taken() -> None:
    pipeline = played()
    for number in range(REVISIONS_MAX):
        pipeline.submit(form(HOME, key=str(number), digits=f"{number % 2:07d}"))
        pipeline.run()
    late = pipeline.submit(form(HOME, key="late", digits="7654321"))
    last = pipeline.submit(withdrawal(HOME))
    pipeline.run()
    assert pipeline.outcome(late) == "REFUSED TOO_LATE_TO_CHANGE"
    assert pipeline.outcome(last) == "REFUSED TOO_LATE_TO_CHANGE"


WRONG_ACCOUNTS = [
    ("a digit short", b"00010011123456", "REFUSED ACCOUNT_INVALID"),
    ("empty", b"", "REFUSED ACCOUNT_INVALID"),
    ("letters", b"0001001112345AB", "REFUSED ACCOUNT_INVALID"),
    ("a digit too many", b"0001001112345678" + HOME.head.kana, "REFUSED ACCOUNT_INVALID"),
    ("no holder", b"000100111234567", "REFUSED ACCOUNT_INVALID"),
    ("a holder of spaces", b"000100111234567 ", "WAITING HOLDER_MISMATCH"),
]


@pytest.mark.parametrize(
    ("plain", "outcome"), [r[1:] for r in WRONG_ACCOUNTS], ids=[r[0] for r in WRONG_ACCOUNTS]
)
def test_an_account_of_the_wrong_form_is_refused_or_looked_at(plain: bytes, outcome: str) -> None:
    pipeline = played()
    application = form(HOME)
    message = application.submitted()
    owner = application.application_id
    message.account.account.CopyFrom(SEALER.seal("account", "application", owner, "account", plain))
    pipeline.put("applications.submitted", HOME.head.credential, message)
    assert pipeline.run().outcome(application) == outcome
    assert not pipeline.dead


def test_a_value_that_was_sealed_for_another_application_is_set_aside() -> None:
    pipeline = played()
    stolen, message = form(HOME, key="other").submitted(), form(HOME).submitted()
    message.account.account.CopyFrom(stolen.account.account)
    pipeline.put("applications.submitted", HOME.head.credential, message)
    pipeline.run()
    assert pipeline.dead == [("applications.deduplicated", "sealed_value_does_not_open")]


def test_a_person_in_two_households_is_paid_once() -> None:
    other = Home(2, (home(2).head, HOME.members[2]))
    first, second = form(HOME), form(other)
    pipeline = played(first, second, homes=(HOME, other))
    assert pipeline.outcome(first) == "APPROVED 300000"
    assert pipeline.outcome(second) == "REFUSED ALREADY_CLAIMED"
