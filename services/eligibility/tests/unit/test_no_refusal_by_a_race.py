"""A person's answer that comes before the registers or payments have spoken refuses nobody."""

import pytest
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import registry_pb2, reviews_pb2

from services.eligibility.tests.pipeline import REGISTERS, Pipeline
from services.eligibility.tests.playing import HOME, played
from services.eligibility.tests.town import MAY_11_MS, Form, form

ACCEPT = reviews_pb2.RESOLUTION_ACCEPT
HEAD, SECOND, _ = HOME.members
HOUR_MS = 3_720_000
REGISTERED = form(HOME, payout="registered")


def test_an_accepted_applicant_who_turned_out_to_live_apart_waits_for_the_heads_claim() -> None:
    hers = form(
        HOME, applicant=SECOND, persons=(SECOND,), digits="9999999", capacity=apps.CAPACITY_PROXY
    )
    pipeline = played(form(HOME), hers)
    assert pipeline.outcome(hers) == "WAITING PROXY_UNPROVEN"
    pipeline.put("registry.separations", HOME.unit, HOME.separation(SECOND))
    pipeline.step("dedup", "registry.separations")
    pipeline.resolve(pipeline.reviews()[-1], ACCEPT)
    pipeline.step("dedup", "reviews.resolved.dedup")
    # The partition of her account may well be ahead of that of the head's.
    while (ahead := ("link", "applications.deduplicated.protected")) in pipeline.ready():
        pipeline.step(*ahead)
    while ("payments", "") in pipeline.ready():
        pipeline.step("payments", "")
    pipeline.run()
    assert pipeline.outcome(form(HOME)) == "APPROVED 200000"
    assert pipeline.outcome(hers) == "APPROVED 100000"


def accepted_too_early(pipeline: Pipeline, application: Form, rounds: int = 2) -> Pipeline:
    """Its deadline passes and a person accepts, several times over, before the register comes."""
    pipeline.submit(application)
    for number in range(1, rounds + 1):
        pipeline.run()
        pipeline.tick(MAY_11_MS + number * HOUR_MS)
        pipeline.run()
        assert pipeline.outcome(application) == "WAITING REGISTER_INCOMPLETE"
        assert len({review.review_id for review in pipeline.reviews()}) == number
        pipeline.submit(application)
        pipeline.run()
        pipeline.answer_last_review(ACCEPT)
        pipeline.submit(application)
        pipeline.run()
        assert pipeline.outcome(application) == "WAITING REGISTER_INCOMPLETE"
    return pipeline


def test_a_credential_that_the_register_may_still_bring_is_waited_for_after_each_answer() -> None:
    pipeline = accepted_too_early(Pipeline(), form(HOME))
    pipeline.register(HOME)
    assert pipeline.run().outcome(form(HOME)) == "APPROVED 300000"


def test_a_credential_that_the_complete_register_lacks_is_refused_after_the_wait() -> None:
    pipeline = accepted_too_early(Pipeline(), form(HOME))
    pipeline.register()
    assert pipeline.run().outcome(form(HOME)) == "REFUSED NOT_IN_REGISTER"


def only(*registers: int) -> Pipeline:
    """Credentials are known; of the other registers these are complete."""
    pipeline = Pipeline()
    for record in HOME.credentials():
        pipeline.put("registry.credentials", record.credential.credential_fingerprint, record)
    pipeline.complete(registry_pb2.REGISTER_CREDENTIALS, *registers)
    return pipeline


def test_a_household_that_the_register_may_still_bring_is_waited_for_after_each_answer() -> None:
    pipeline = accepted_too_early(only(), form(HOME))
    pipeline.register(HOME)
    assert pipeline.run().outcome(form(HOME)) == "APPROVED 300000"


def test_an_account_that_the_register_may_still_bring_is_waited_for_after_each_answer() -> None:
    pipeline = only(registry_pb2.REGISTER_SEPARATIONS)
    pipeline.put("registry.households", HOME.unit, HOME.household())
    accepted_too_early(pipeline, REGISTERED)
    record = HOME.registered_account(HEAD, "5555555")
    pipeline.put("registry.accounts", HOME.unit + HEAD.resident_id, record)
    pipeline.complete(*REGISTERS)
    assert pipeline.run().outcome(REGISTERED) == "APPROVED 300000"


def test_an_account_that_the_complete_register_lacks_is_refused_after_the_wait() -> None:
    pipeline = only(registry_pb2.REGISTER_SEPARATIONS)
    pipeline.put("registry.households", HOME.unit, HOME.household())
    accepted_too_early(pipeline, REGISTERED)
    pipeline.complete(*REGISTERS)
    assert pipeline.run().outcome(REGISTERED) == "REFUSED NO_REGISTERED_ACCOUNT"


APPLICATIONS = 500
CHANGELOG_RECORD_BYTES_MAX = 1_000_000


@pytest.mark.parametrize(
    ("stage", "pipeline"),
    [("identify", Pipeline()), ("dedup", only().run())],
    ids=["identify", "dedup"],
)
def test_whoever_applies_without_end_before_the_register_comes_soon_meets_a_person(
    stage: str, pipeline: Pipeline
) -> None:
    """All that waits for one record stands in one value, which a broker must still take."""
    forms = [pipeline.submit(form(HOME, key=str(number))) for number in range(APPLICATIONS)]
    pipeline.run()
    state = pipeline.states[stage]
    assert max(map(len, state.values.values())) < CHANGELOG_RECORD_BYTES_MAX
    reviewed = {review.application_id for review in pipeline.reviews()}
    asked = [each for each in forms if each.application_id in reviewed]
    assert 0 < len(pipeline.reviews()) == len(asked) < APPLICATIONS
    pipeline.resolve(pipeline.reviews()[0], ACCEPT)
    assert pipeline.run().outcome(asked[0]) == "WAITING REGISTER_INCOMPLETE"
    assert len(pipeline.reviews()) == len(asked) + 1
    pipeline.register(HOME)
    pipeline.run()
    assert pipeline.outcome(forms[0]) == "APPROVED 300000"
    answered = {each.application_id for each in pipeline.decisions()}
    assert answered == {each.application_id for each in forms}
    pipeline.resolve(pipeline.reviews()[1], ACCEPT)
    assert pipeline.run().outcome(asked[1]) == "REFUSED ALREADY_CLAIMED"
