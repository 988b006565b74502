"""What becomes of applications that meet: repeated, corrected, merged, withdrawn, sharing."""

import pytest
from kyufu.events.v1 import payments_pb2, reviews_pb2

from services.eligibility.domain.claims import SEEN_MAX, Seen, Unit
from services.eligibility.tests.playing import HOME, played
from services.eligibility.tests.town import Form, form, home, withdrawal

ACCEPT, REFUSE = reviews_pb2.RESOLUTION_ACCEPT, reviews_pb2.RESOLUTION_REFUSE
HEAD, SECOND, THIRD = HOME.members
SECOND_FORM = form(HOME, key="second")
TWO_APPLICATIONS = [
    ("the same again", SECOND_FORM, "APPROVED 300000", "REFUSED ALREADY_CLAIMED"),
    (
        "another account",
        SECOND_FORM.but(digits="7654321"),
        "SUPERSEDED REPLACED_BY_REVISION",
        "APPROVED 300000",
    ),
    (
        "another opt-out",
        SECOND_FORM.but(opted_out=frozenset({THIRD})),
        "SUPERSEDED REPLACED_BY_REVISION",
        "APPROVED 200000",
    ),
    (
        "a correction that is refused",
        SECOND_FORM.but(branch="0001999"),
        "APPROVED 300000",
        "REFUSED ACCOUNT_INVALID",
    ),
    (
        "a correction that waits",
        SECOND_FORM.but(holder=THIRD, digits="7654321"),
        "APPROVED 300000",
        "WAITING HOLDER_MISMATCH",
    ),
    (
        "withdrawn",
        withdrawal(HOME),
        "WITHDRAWN WITHDRAWN_BY_APPLICANT",
        "WITHDRAWN WITHDRAWN_BY_APPLICANT",
    ),
]


@pytest.mark.parametrize(
    ("second", "first_ends", "second_ends"),
    [row[1:] for row in TWO_APPLICATIONS],
    ids=[row[0] for row in TWO_APPLICATIONS],
)
@pytest.mark.parametrize("together", [False, True], ids=["one after the other", "at once"])
def test_a_second_application_of_the_same_head(
    second: Form, first_ends: str, second_ends: str, together: bool
) -> None:
    first = form(HOME)
    pipeline = played()
    for each in (first, second):
        pipeline.submit(each)
        if not together:
            pipeline.run()
    pipeline.run()
    assert (pipeline.outcome(first), pipeline.outcome(second)) == (first_ends, second_ends)
    assert bool(pipeline.holds_on(HOME)) == second_ends.startswith("WAITING")


LATE = [
    ("another account", SECOND_FORM.but(digits="7654321"), "REFUSED TOO_LATE_TO_CHANGE"),
    ("the same again", SECOND_FORM, "REFUSED ALREADY_CLAIMED"),
    ("a withdrawal", withdrawal(HOME), "REFUSED TOO_LATE_TO_CHANGE"),
]


@pytest.mark.parametrize(("late", "outcome"), [r[1:] for r in LATE], ids=[r[0] for r in LATE])
def test_after_the_payment_stands_in_a_file_nothing_changes(late: Form, outcome: str) -> None:
    first = form(HOME)
    pipeline = played(first)
    pipeline.freeze(HOME)
    pipeline.run()
    pipeline.submit(late)
    pipeline.run()
    assert pipeline.outcome(late) == outcome
    assert pipeline.outcome(first) == "APPROVED 300000"
    assert not pipeline.holds_on(HOME)


@pytest.mark.parametrize(
    "late", [SECOND_FORM.but(digits="7654321"), withdrawal(HOME)], ids=["correction", "withdrawal"]
)
def test_a_change_that_payments_refuses_leaves_the_first_claim(late: Form) -> None:
    """The file is frozen while the change is on its way: dedup learns of it too late."""
    first = form(HOME)
    pipeline = played(first)
    pipeline.submit(late)
    events = pipeline.payments.move(HOME.unit, HOME.unit, "FROZEN")
    pipeline.run()
    pipeline.publish(events)
    pipeline.run()
    assert pipeline.outcome(late) == "REFUSED TOO_LATE_TO_CHANGE"
    assert pipeline.outcome(first) == "APPROVED 300000"
    assert not pipeline.holds_on(HOME)


RETURNED = [
    ("another account", SECOND_FORM.but(digits="7654321"), "APPROVED 300000"),
    ("the same account", SECOND_FORM, "REFUSED ALREADY_CLAIMED"),
    (
        "another account and other persons",
        SECOND_FORM.but(digits="7654321", opted_out=frozenset({THIRD})),
        "REFUSED TOO_LATE_TO_CHANGE",
    ),
]


@pytest.mark.parametrize(
    ("new", "outcome"), [r[1:] for r in RETURNED], ids=[r[0] for r in RETURNED]
)
def test_a_return_opens_the_account_alone(new: Form, outcome: str) -> None:
    pipeline = played(form(HOME))
    pipeline.freeze(HOME)
    pipeline.give_back(HOME)
    pipeline.run()
    pipeline.submit(new)
    assert pipeline.run().outcome(new) == outcome


def test_two_partial_lists_of_one_household_make_one_claim() -> None:
    large = home(3, 12)
    first = form(large, persons=large.members[:10], complete=False)
    second = form(large, persons=large.members[10:], complete=False, key="second")
    pipeline = played(first, second, homes=(large,))
    assert pipeline.outcome(first) == "SUPERSEDED MERGED_INTO_REVISION"
    assert pipeline.outcome(second) == "APPROVED 1200000"
    pipeline.answer_last_review(ACCEPT)
    assert pipeline.outcome(first) == "SUPERSEDED MERGED_INTO_REVISION"
    retried = form(large, persons=large.members[:10], complete=False, key="third")
    pipeline.submit(retried)
    assert pipeline.run().outcome(retried) == "REFUSED ALREADY_CLAIMED"


@pytest.mark.parametrize(
    ("answer", "newcomer_ends", "held"),
    [
        (None, "WAITING ACCOUNT_SHARED", True),
        (ACCEPT, "APPROVED 200000", False),
        (REFUSE, "REFUSED REVIEW_REFUSED ACCOUNT_SHARED", False),
    ],
)
def test_whoever_comes_second_to_an_account_waits_and_the_first_is_held(
    answer: int | None, newcomer_ends: str, held: bool
) -> None:
    first_home, second_home = home(4), home(5)
    first = form(first_home, digits="1111111")
    second = form(second_home, digits="1111111")
    pipeline = played(first, second, homes=(first_home, second_home))
    if answer is not None:
        pipeline.answer_last_review(answer)
    assert pipeline.outcome(first) == "APPROVED 200000"
    assert pipeline.outcome(second) == newcomer_ends
    assert bool(pipeline.holds_on(first_home)) is held


def test_an_account_that_was_corrected_away_is_free_for_its_owner() -> None:
    first_home, second_home = home(4), home(5)
    mistyped = form(first_home, digits="1111111")
    corrected = form(first_home, digits="2222222", key="second")
    owner = form(second_home, digits="1111111")
    pipeline = played(mistyped, corrected, owner, homes=(first_home, second_home))
    assert pipeline.outcome(owner) == "APPROVED 200000"


def test_a_refused_newcomer_who_comes_again_holds_the_first_again() -> None:
    first_home, second_home = home(4), home(5)
    first = form(first_home, digits="1111111")
    again = form(second_home, digits="1111111", key="again")
    pipeline = played(
        first, form(second_home, digits="1111111"), homes=(first_home, second_home)
    ).answer_last_review(REFUSE)
    assert not pipeline.holds_on(first_home)
    pipeline.submit(again)
    assert pipeline.run().outcome(again) == "WAITING ACCOUNT_SHARED"
    assert pipeline.holds_on(first_home)
    assert not pipeline.answer_last_review(ACCEPT).holds_on(first_home)


def test_an_old_review_resolved_late_does_not_take_the_account_from_its_owner() -> None:
    first_home, second_home = home(4), home(5)
    mistyped = form(first_home, digits="1111111", holder=first_home.members[1])
    pipeline = played(mistyped, homes=(first_home, second_home))
    questioned = pipeline.reviews()[-1]
    pipeline.submit(form(first_home, digits="2222222", key="second"))
    pipeline.run()
    pipeline.resolve(questioned, ACCEPT)
    assert pipeline.run().outcome(mistyped) == "SUPERSEDED REPLACED_BY_REVISION"
    owner = form(second_home, digits="1111111")
    pipeline.submit(owner)
    assert pipeline.run().outcome(owner) == "APPROVED 200000"


def test_an_old_cancellation_heard_again_does_not_end_a_later_withdrawal() -> None:
    second, late = form(HOME, key="second"), withdrawal(HOME, key="late")
    pipeline = played(form(HOME), withdrawal(HOME), second)
    cancelled = next(
        record
        for record in pipeline.topics["payments.events"]
        if isinstance(record.message, payments_pb2.PaymentEvent)
        and record.message.kind == payments_pb2.PAYMENT_EVENT_KIND_CANCELLED
    )
    pipeline.submit(late)
    frozen = pipeline.payments.move(HOME.unit, HOME.unit, "FROZEN")
    pipeline.put(cancelled.topic, cancelled.key, cancelled.message)
    pipeline.run()
    pipeline.publish(frozen)
    pipeline.run()
    assert pipeline.outcome(late) == "REFUSED TOO_LATE_TO_CHANGE"
    assert pipeline.outcome(second) == "APPROVED 300000"


@pytest.mark.parametrize(
    ("first", "kept"),
    [
        (Seen(b"first", b"", 0, revision=1), True),
        (Seen(b"first", b"", 0, review_id=b"r"), True),
        (Seen(b"first", b"", 0), False),
    ],
    ids=["a revision", "an open review", "refused here"],
)
def test_only_what_ended_here_is_forgotten_when_too_much_came(first: Seen, kept: bool) -> None:
    unit = Unit(seen=(first,))
    for number in range(SEEN_MAX):
        unit = unit.with_seen(Seen(b"%d" % number, b"", number))
    assert len(unit.seen) == SEEN_MAX
    assert (unit.find_seen(b"first") is not None) is kept
