"""Who may see which case, and how a review may be answered, as tables."""

import pytest

from services.console import handlers
from services.console.domain.access import Actor, Sight, sight
from services.console.domain.reviews import Resolution, Review
from services.console.handlers import Refused, Why
from services.console.ports import DeadLetterEntry
from services.console.tests.fakes import FakeAudit, FakeLetters, FakeReviews, FakeSources
from services.console.tests.installation import OTHER_TOWN, TOWN

WORKER = Actor("worker", frozenset({"case_worker"}), TOWN)
EVERYWHERE = Actor("worker", frozenset({"case_worker"}))
PROTECTED = Actor("protected", frozenset({"protected_case_worker"}), TOWN)
ID = bytes(16)


@pytest.mark.parametrize(
    ("actor", "town", "protected", "expected"),
    [
        (WORKER, TOWN, False, Sight.VISIBLE),
        (WORKER, OTHER_TOWN, False, Sight.FOREIGN),
        (WORKER, "", False, Sight.VISIBLE),
        (EVERYWHERE, OTHER_TOWN, False, Sight.VISIBLE),
        (WORKER, TOWN, True, Sight.HIDDEN),
        # Hidden comes before foreign: nothing tells that the case exists elsewhere.
        (WORKER, OTHER_TOWN, True, Sight.HIDDEN),
        (EVERYWHERE, TOWN, True, Sight.HIDDEN),
        (PROTECTED, TOWN, True, Sight.VISIBLE),
        (PROTECTED, OTHER_TOWN, True, Sight.FOREIGN),
        (PROTECTED, TOWN, False, Sight.VISIBLE),
    ],
)
def test_a_case_is_seen_by_those_who_may(
    actor: Actor, town: str, protected: bool, expected: Sight
) -> None:
    assert sight(actor, municipality_code=town, protected=protected) is expected


def _review(*, protected: bool = False, resolution: Resolution | None = None) -> Review:
    return Review(
        review_id=ID, stage=4, application_id=bytes(20), programme="p", municipality_code=TOWN,
        reasons=("HOLDER_MISMATCH",), opened_at_ms=1, protected=protected, resolution=resolution,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("actor", "review", "expected"),
    [
        (WORKER, _review(), "accept"),
        (WORKER, _review(resolution=Resolution.ACCEPT), "accept"),
        (WORKER, _review(resolution=Resolution.REFUSE), Why.PRECONDITION),
        (WORKER, _review(protected=True), Why.NOT_FOUND),
        (PROTECTED, _review(protected=True), "accept"),
        (WORKER, None, Why.NOT_FOUND),
        (Actor("w", WORKER.roles, OTHER_TOWN), _review(), Why.NOT_ALLOWED),
    ],
)
def test_a_review_takes_one_answer_from_those_who_may_give_it(
    actor: Actor, review: Review | None, expected: str | Why
) -> None:
    audit = FakeAudit()
    reviews = FakeReviews(audit, {ID: review} if review else {})
    answer = handlers.resolve_review(
        actor, ID, Resolution.ACCEPT, at_ms=5, reviews=reviews, audit=audit
    )
    if isinstance(expected, Why):
        assert isinstance(answer, Refused)
        assert answer.why is expected
    else:
        assert isinstance(answer, Review)
        assert answer.resolution is Resolution.ACCEPT
    assert len(audit.entries) == 1, "every try is audited once"
    fresh = review is not None and review.resolution is None and not isinstance(expected, Why)
    assert len(reviews.published) == (1 if fresh else 0)


@pytest.mark.parametrize(
    ("replayed", "there", "written", "result"),
    [
        (False, True, 1, "replayed"),
        (True, True, 0, "already_replayed"),
        (False, False, 0, "gone"),
    ],
)
def test_a_dead_letter_is_put_back_once_and_only_while_its_record_is_there(
    replayed: bool, there: bool, written: int, result: str
) -> None:
    letter = DeadLetterEntry(ID, "t", 0, 0, b"", b"", "c", "undecodable", 1, replayed)
    letters, sources, audit = FakeLetters({ID: letter}), FakeSources(there), FakeAudit()
    actor = Actor("operator", frozenset({"operator"}))
    handlers.replay_dead_letter(actor, ID, at_ms=1, letters=letters, sources=sources, audit=audit)
    assert len(sources.written) == written
    assert audit.results() == [result]
