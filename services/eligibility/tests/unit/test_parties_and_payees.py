"""Two parties of one household, cash, and what a second look at the same account finds."""

from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import reviews_pb2

from services.eligibility.tests.pipeline import Pipeline
from services.eligibility.tests.playing import HOME, lose_store, played
from services.eligibility.tests.town import Form, Home, form, home, withdrawal

ACCEPT, REFUSE = reviews_pb2.RESOLUTION_ACCEPT, reviews_pb2.RESOLUTION_REFUSE
HEAD, SECOND, THIRD = HOME.members
CASH = form(HOME, payout="cash")


def apart(by: Form, *, version: int = 1) -> Pipeline:
    """The second member lives apart; then this form comes."""
    pipeline = Pipeline()
    record = HOME.separation(SECOND, version=version)
    pipeline.put("registry.separations", HOME.unit, record)
    pipeline.register(HOME)
    pipeline.run()
    pipeline.submit(by)
    return pipeline.run()


def test_an_older_word_on_who_lives_apart_changes_nothing() -> None:
    pipeline = apart(form(HOME), version=2)
    pipeline.put("registry.separations", HOME.unit, HOME.separation(THIRD, version=1))
    assert pipeline.run().outcome(form(HOME)) == "APPROVED 200000"
    assert len(pipeline.topics["applications.deduplicated"]) == 1


def test_two_parties_of_one_household_may_use_one_account() -> None:
    pipeline = apart(form(HOME, digits="1111111"))
    hers = Form(
        SECOND, (SECOND,), digits="1111111", holder=SECOND, capacity=apps.CAPACITY_SEPARATED
    )
    pipeline.submit(hers)
    assert pipeline.run().outcome(hers) == "APPROVED 100000"


def test_a_register_that_knows_another_party_outweighs_what_a_person_saw() -> None:
    hers = Form(SECOND, (SECOND,), digits="9999999", capacity=apps.CAPACITY_SEPARATED)
    pipeline = played(hers)
    assert pipeline.outcome(hers) == "WAITING SEPARATION_UNPROVEN"
    pipeline.put("registry.separations", HOME.unit, HOME.separation(THIRD))
    pipeline.run()
    pipeline.answer_last_review(ACCEPT)
    assert pipeline.outcome(hers) == "WAITING SEPARATION_UNPROVEN"
    theirs = Form(THIRD, (THIRD,), digits="8888888", capacity=apps.CAPACITY_SEPARATED)
    pipeline.submit(theirs)
    assert pipeline.run().outcome(theirs) == "APPROVED 100000"


def test_cash_twice_is_the_same_payee_and_an_account_is_another() -> None:
    again, account = CASH.but(key="again"), form(HOME, key="account")
    pipeline = played(CASH, again, account)
    assert pipeline.outcome(again) == "REFUSED ALREADY_CLAIMED"
    assert pipeline.outcome(CASH) == "SUPERSEDED REPLACED_BY_REVISION"
    assert pipeline.outcome(account) == "APPROVED 300000"


def test_cash_is_looked_at_and_refused_without_an_account_that_it_used() -> None:
    omitted = CASH.but(persons=(HEAD,))
    pipeline = played(omitted)
    assert pipeline.outcome(omitted) == "WAITING MEMBER_OMITTED"
    assert pipeline.answer_last_review(REFUSE).outcome(omitted) == (
        "REFUSED REVIEW_REFUSED MEMBER_OMITTED"
    )
    assert "holds.v1" not in pipeline.topics


def test_an_application_after_a_withdrawal_that_nobody_answered_yet_is_a_new_claim() -> None:
    again = form(HOME, key="again")
    pipeline = played(form(HOME))
    pipeline.submit(withdrawal(HOME))
    pipeline.submit(again)
    assert pipeline.run().outcome(form(HOME)) == "WITHDRAWN WITHDRAWN_BY_APPLICANT"
    assert pipeline.outcome(again) == "APPROVED 300000"
    assert not pipeline.holds_on(HOME)


def test_a_second_question_about_one_account_holds_nobody_twice() -> None:
    """The newcomer corrects the list while a person looks; the correction is refused alone."""
    first, newcomer = home(4), home(5)
    asked = form(newcomer, digits="1111111")
    corrected = asked.but(key="corrected", opted_out=frozenset(newcomer.members[1:]))
    pipeline = played(form(first, digits="1111111"), asked, corrected, homes=(first, newcomer))
    assert pipeline.outcome(corrected) == "WAITING ACCOUNT_SHARED"
    assert len(pipeline.holds_on(first)) == 1
    pipeline.answer_last_review(REFUSE)
    assert not pipeline.holds_on(first)
    pipeline.resolve(pipeline.reviews()[0], ACCEPT)
    assert pipeline.run().outcome(asked) == "APPROVED 200000"
    assert not pipeline.holds_on(first)


def test_older_news_than_the_register_had_does_not_come_back_with_a_lost_store() -> None:
    """Compaction keeps the record that came last, not the newest version."""
    pipeline = Pipeline()
    for version, suspended in ((2, False), (1, True)):
        record = HOME.registered_account(HEAD, "5555555", suspended=suspended)
        record.version = version
        pipeline.put("registry.accounts", HOME.unit + HEAD.resident_id, record)
    pipeline.put("registry.households", HOME.unit, HOME.household(2))
    alone = Home(HOME.number, (HEAD,)).household(1)
    pipeline.put("registry.households", HOME.unit, alone)
    for member, version in ((SECOND, 2), (THIRD, 1)):
        record = HOME.separation(member, version=version)
        pipeline.put("registry.separations", HOME.unit, record)
    for credential in HOME.credentials():
        key = credential.credential.credential_fingerprint
        pipeline.put("registry.credentials", key, credential)
    pipeline.register()
    pipeline.run()
    before = pipeline.states["dedup"].values
    lose_store(pipeline, "dedup")
    assert pipeline.states["dedup"].values == before
    application = pipeline.submit(form(HOME, payout="registered"))
    assert pipeline.run().outcome(application) == "APPROVED 200000"
