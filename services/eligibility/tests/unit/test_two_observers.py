"""A household with a separated member, seen twice: once the member applies, once she does not.

The head's side must not be able to tell the two apart (INV of the protected topics): everything on
topics that are not protected and concerns the head is compared byte by byte.
"""

from collections.abc import Iterator

import pytest
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2, payments_pb2, reviews_pb2

from services.eligibility.tests.pipeline import Pipeline
from services.eligibility.tests.town import Form, form, home

FAMILY = home(1, 4)
HEAD, FLED, CHILD, OTHER = FAMILY.members
HERS = Form(FLED, (FLED, CHILD), key="hers", digits="9999999", capacity=apps.CAPACITY_SEPARATED)
HIS_STEPS = ("apply", "same again", "correct", "withdraw")


def seen_by_the_head(pipeline: Pipeline) -> Iterator[tuple[str, bytes, bytes]]:
    """Records on open topics behind identify; of holds, those that stop the head's payment."""
    for topic, records in sorted(pipeline.topics.items()):
        private = topic.endswith(".protected") or topic.startswith(("registry.", "reviews.res"))
        if private or topic in ("applications.submitted", "applications.identified"):
            continue
        for record in records:
            if isinstance(record.message, payments_pb2.Hold):
                assert record.message.party_id in (FAMILY.unit, FLED.resident_id)
                if record.message.party_id != FAMILY.unit:
                    continue
            yield topic, record.key, record.message.SerializeToString(deterministic=True)


def play(steps: tuple[Form, ...], *, hers_at: int | None) -> Pipeline:
    pipeline = Pipeline()
    pipeline.put("registry.separations", FAMILY.unit, FAMILY.separation(FLED, CHILD))
    pipeline.register(FAMILY)
    pipeline.run()
    for number, step in enumerate(steps):
        if hers_at == number:
            pipeline.submit(HERS)
            pipeline.run()
        pipeline.put("applications.submitted", step.applicant.credential, SUBMITTED[step.key])
        pipeline.run()
    if hers_at == len(steps):
        pipeline.submit(HERS)
        pipeline.run()
    return pipeline


STEPS = (
    form(FAMILY, key="apply"),
    form(FAMILY, key="same again"),
    form(FAMILY, key="correct", digits="7654321"),
    Form(HEAD, (), key="withdraw", intent=apps.INTENT_WITHDRAW, capacity=0),
)
# Sealed once, so that the runs differ in nothing but her application.
SUBMITTED = {step.key: step.submitted() for step in STEPS}


@pytest.mark.parametrize("hers_at", range(len(STEPS) + 1))
@pytest.mark.parametrize("his_steps", range(1, len(STEPS) + 1))
def test_the_head_sees_the_same_whether_or_not_the_separated_member_applies(
    his_steps: int, hers_at: int
) -> None:
    steps = STEPS[:his_steps]
    without = list(seen_by_the_head(play(steps, hers_at=None)))
    with_her = list(seen_by_the_head(play(steps, hers_at=min(hers_at, his_steps))))
    assert with_her == without


def test_both_parties_are_paid_for_their_own_persons_and_the_head_gets_a_neutral_reason() -> None:
    pipeline = play(STEPS[:1], hers_at=1)
    his, hers = pipeline.latest(STEPS[0]), pipeline.latest(HERS)
    assert his is not None
    assert hers is not None
    assert (his.amount_yen, hers.amount_yen) == (200_000, 200_000)
    assert list(his.reasons) == [common_pb2.REASON_DECIDED_SEPARATELY]
    paid = {item.beneficiary_id for item in his.items} & {i.beneficiary_id for i in hers.items}
    assert not paid


def test_nothing_of_the_separated_party_is_on_an_open_topic() -> None:
    pipeline = play(STEPS[:1], hers_at=0)
    for topic, _, value in seen_by_the_head(pipeline):
        assert HERS.application_id not in value, topic
        assert FLED.resident_id not in value, topic


def test_evidence_that_comes_after_the_heads_claim_takes_the_persons_out_of_it() -> None:
    pipeline = Pipeline()
    pipeline.register(FAMILY)
    pipeline.submit(STEPS[0])
    assert pipeline.run().outcome(STEPS[0]) == "APPROVED 400000"
    pipeline.put("registry.separations", FAMILY.unit, FAMILY.separation(FLED, CHILD))
    assert pipeline.run().outcome(STEPS[0]) == "APPROVED 200000"
    pipeline.submit(HERS)
    assert pipeline.run().outcome(HERS) == "APPROVED 200000"
    assert not pipeline.holds_on(FAMILY)


def test_evidence_that_comes_when_the_file_is_frozen_changes_nothing_for_the_head() -> None:
    pipeline = Pipeline()
    pipeline.register(FAMILY)
    pipeline.submit(STEPS[0])
    pipeline.run()
    pipeline.freeze(FAMILY)
    pipeline.run()
    pipeline.put("registry.separations", FAMILY.unit, FAMILY.separation(FLED, CHILD))
    assert pipeline.run().outcome(STEPS[0]) == "APPROVED 400000"
    assert not pipeline.holds_on(FAMILY)


@pytest.mark.parametrize("evidence", [False, True], ids=["by her own word", "by the register"])
@pytest.mark.parametrize("answer", [None, reviews_pb2.RESOLUTION_REFUSE])
def test_what_becomes_of_her_application_before_the_registers_are_complete_is_protected(
    answer: int | None, evidence: bool
) -> None:
    pipeline = Pipeline()
    hers = HERS.but(capacity=apps.CAPACITY_HEAD) if evidence else HERS
    pipeline.register(FAMILY, complete=False)
    if evidence:
        pipeline.put("registry.separations", FAMILY.unit, FAMILY.separation(FLED, CHILD))
    pipeline.submit(hers)
    pipeline.run()
    pipeline.tick(hers.submitted_at_ms + 3_720_000)
    pipeline.run()
    if answer is not None:
        pipeline.answer_last_review(answer)
    assert pipeline.reviews()[-1].protected
    assert {topic for topic, _, _ in seen_by_the_head(pipeline)} == {"clock.ticks"}


def test_a_head_named_on_her_form_stays_the_head_when_a_person_accepts_it() -> None:
    pipeline = Pipeline()
    pipeline.register(FAMILY)
    hers = HERS.but(persons=(FLED, CHILD, HEAD))
    pipeline.submit(hers)
    pipeline.run()
    pipeline.answer_last_review(reviews_pb2.RESOLUTION_ACCEPT)
    pipeline.submit(STEPS[0])
    pipeline.run()
    his = pipeline.latest(STEPS[0])
    assert his is not None
    assert his.party.kind == common_pb2.PARTY_KIND_HEAD
    assert (pipeline.outcome(STEPS[0]), pipeline.outcome(hers)) == (
        "APPROVED 200000",
        "APPROVED 200000",
    )


def run_hers_first(pipeline: Pipeline) -> None:
    """Until nothing moves; what is protected, and payments, is always ahead of what is not."""
    while ready := pipeline.ready():
        pipeline.step(
            *max(ready, key=lambda each: (each[1].endswith(".protected"), each[0] == "payments"))
        )


@pytest.mark.parametrize("proven_by", ["the register", "a person"])
def test_her_claim_is_not_refused_because_the_heads_is_still_being_set_apart(
    proven_by: str,
) -> None:
    pipeline = Pipeline()
    pipeline.register(FAMILY)
    pipeline.submit(STEPS[0])
    assert pipeline.run().outcome(STEPS[0]) == "APPROVED 400000"
    if proven_by == "the register":
        pipeline.put("registry.separations", FAMILY.unit, FAMILY.separation(FLED, CHILD))
        pipeline.step("dedup", "registry.separations")
        pipeline.submit(HERS)
    else:
        pipeline.submit(HERS)
        pipeline.run()
        pipeline.resolve(pipeline.reviews()[-1], reviews_pb2.RESOLUTION_ACCEPT)
    run_hers_first(pipeline)
    assert (pipeline.outcome(STEPS[0]), pipeline.outcome(HERS)) == (
        "APPROVED 200000",
        "APPROVED 200000",
    )
    assert not pipeline.holds_on(FAMILY)
