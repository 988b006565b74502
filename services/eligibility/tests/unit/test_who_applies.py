"""identify: whose credential it is, from when until when, and what a case worker's answer does."""

import pytest
from kyufu.events.v1 import registry_pb2, reviews_pb2

from services.eligibility.adapters.messages import TIME_MS_END
from services.eligibility.tests.pipeline import Pipeline
from services.eligibility.tests.playing import HOME, lose_store, played
from services.eligibility.tests.town import MAY_11_MS, Home, Member, form, home

ACCEPT, REFUSE = reviews_pb2.RESOLUTION_ACCEPT, reviews_pb2.RESOLUTION_REFUSE
HEAD, SECOND, _ = HOME.members
DEADLINE_MS = MAY_11_MS + 3_720_000
CREDENTIALS = registry_pb2.REGISTER_CREDENTIALS


def card(
    owner: Member = HEAD, version: int = 1, valid_from: int = 20160101, valid_until: int = 0
) -> registry_pb2.RegistryRecord:
    """The head's card as the register gives it to `owner`."""
    record = HOME.credentials(version)[0]
    record.credential.resident_id = owner.resident_id
    record.credential.valid_from, record.credential.valid_until = valid_from, valid_until
    return record


def put_card(pipeline: Pipeline, record: registry_pb2.RegistryRecord) -> Pipeline:
    pipeline.put("registry.credentials", HEAD.credential, record)
    return pipeline.run()


VALIDITY = [
    ("begins on the day", 20200511, 0, "APPROVED 300000"),
    ("begins the day after", 20200512, 0, "REFUSED NOT_IN_REGISTER"),
    ("ends on the day", 20160101, 20200511, "APPROVED 300000"),
    ("ended the day before", 20160101, 20200510, "REFUSED NOT_IN_REGISTER"),
]


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "outcome"),
    [r[1:] for r in VALIDITY],
    ids=[r[0] for r in VALIDITY],
)
def test_a_credential_counts_on_the_legal_day_of_submission(
    valid_from: int, valid_until: int, outcome: str
) -> None:
    pipeline = put_card(played(), card(version=2, valid_from=valid_from, valid_until=valid_until))
    application = pipeline.submit(form(HOME))
    assert pipeline.run().outcome(application) == outcome


OWNERS = [
    ("the same record twice", [card()], "APPROVED 300000"),
    ("two owners in one version", [card(SECOND)], "WAITING CLAIM_DISPUTED"),
    ("a newer version settles it", [card(SECOND), card(version=2)], "APPROVED 300000"),
    ("a newer owner, then old news", [card(SECOND, 2), card()], "REFUSED APPLICANT_NOT_HEAD"),
]


@pytest.mark.parametrize(
    ("records", "outcome"), [r[1:] for r in OWNERS], ids=[r[0] for r in OWNERS]
)
def test_whose_a_credential_is(records: list[registry_pb2.RegistryRecord], outcome: str) -> None:
    pipeline = played()
    for record in records:
        put_card(pipeline, record)
    application = pipeline.submit(form(HOME))
    assert pipeline.run().outcome(application) == outcome


@pytest.mark.parametrize(
    ("records", "outcome"), [r[1:] for r in OWNERS], ids=[r[0] for r in OWNERS]
)
def test_whose_a_credential_is_stays_so_after_the_store_was_lost(
    records: list[registry_pb2.RegistryRecord], outcome: str
) -> None:
    pipeline = played()
    del pipeline.topics["registry.credentials"][0]
    for record in (card(), *records):
        put_card(pipeline, record)
    lose_store(pipeline)
    application = pipeline.submit(form(HOME))
    assert pipeline.run().outcome(application) == outcome


def test_a_credential_disputed_in_two_versions_is_read_again_from_the_whole_log() -> None:
    pipeline = played()
    for record in (card(SECOND), card(version=2), card(SECOND, 2)):
        put_card(pipeline, record)
    pipeline.topics["registry.credentials"] = [
        each._replace(key=bytes((number,)))
        for number, each in enumerate(pipeline.topics["registry.credentials"])
    ]
    lose_store(pipeline)
    application = pipeline.submit(form(HOME))
    assert pipeline.run().outcome(application) == "WAITING CLAIM_DISPUTED"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(ACCEPT, "APPROVED 300000"), (REFUSE, "REFUSED REVIEW_REFUSED CLAIM_DISPUTED")],
)
def test_a_disputed_credential_is_decided_by_a_person_once(answer: int, outcome: str) -> None:
    pipeline = put_card(played(), card(SECOND))
    application = pipeline.submit(form(HOME))
    pipeline.run()
    pipeline.submit(application)
    pipeline.run()
    assert len(pipeline.reviews()) == 1
    assert ("identify", "application_repeated") in pipeline.meter.ignored_events
    assert pipeline.answer_last_review(answer).outcome(application) == outcome
    assert pipeline.answer_last_review(REFUSE).outcome(application) == outcome
    assert ("identify", "resolution_repeated") in pipeline.meter.ignored_events


def waiting_for_the_register(*homes: Home) -> Pipeline:
    """The head's application has waited for credentials until its deadline."""
    pipeline = Pipeline()
    pipeline.submit(form(HOME))
    pipeline.run()
    pipeline.tick(DEADLINE_MS)
    pipeline.run()
    assert pipeline.outcome(form(HOME)) == "WAITING REGISTER_INCOMPLETE"
    pipeline.register(*homes, complete=False)
    return pipeline.run()


def test_who_is_not_in_the_complete_register_is_refused_though_a_person_accepted() -> None:
    pipeline = waiting_for_the_register()
    pipeline.complete(CREDENTIALS)
    pipeline.run()
    assert pipeline.answer_last_review(ACCEPT).outcome(form(HOME)) == "REFUSED NOT_IN_REGISTER"


def test_a_tick_older_than_the_last_changes_nothing() -> None:
    pipeline = waiting_for_the_register()
    pipeline.submit(form(home(2)))
    pipeline.run()
    pipeline.tick(DEADLINE_MS)
    pipeline.tick(DEADLINE_MS - 1)
    assert pipeline.run().outcome(form(home(2))) == "NONE"


def test_an_application_of_1970_does_not_delay_the_deadlines_of_others() -> None:
    pipeline = Pipeline()
    old = pipeline.submit(form(home(2), submitted_at_ms=1))
    pipeline.submit(form(HOME))
    pipeline.run()
    pipeline.tick(DEADLINE_MS)
    pipeline.run()
    assert pipeline.outcome(old) == "WAITING REGISTER_INCOMPLETE"
    assert pipeline.outcome(form(HOME)) == "WAITING REGISTER_INCOMPLETE"


def test_an_application_of_a_far_year_does_not_hold_up_the_closing_of_a_register() -> None:
    """A look at every minute until then would take hours; the test would not end."""
    pipeline = Pipeline()
    far = pipeline.submit(form(HOME, submitted_at_ms=TIME_MS_END - 1))
    ordinary = pipeline.submit(form(home(2)))
    pipeline.run()
    pipeline.register(HOME, home(2))
    pipeline.run()
    assert pipeline.outcome(far) == "REFUSED WINDOW_CLOSED"
    assert pipeline.outcome(ordinary) == "APPROVED 200000"
