"""What answers of link and payments do when they come twice, too late or in an odd order.

The table plays single answers on claims made by hand: the ordinary way brings some of these orders
only after a rebalance or a second writer.
"""

import pytest

from chassis.ids import event_id
from services.eligibility.domain import feedback
from services.eligibility.domain.claim_states import Cold
from services.eligibility.domain.claims import (
    Listing,
    PartyClaims,
    Revision,
    RevisionKind,
    Standing,
)
from services.eligibility.domain.emitting import Emitter, Output, Release
from services.eligibility.domain.feedback import Answer, Feedback
from services.eligibility.domain.parties import head_party
from services.eligibility.domain.words import Decided, HoldChanged, PayoutKind, Reason
from services.eligibility.tests.town import PROGRAMME, id16

UNIT = id16("unit")
PARTY = head_party(UNIT)
CLAIM, WITHDRAWAL = RevisionKind.CLAIM, RevisionKind.WITHDRAWAL
EMITTER = Emitter(
    event_ids=event_id,
    programme=PROGRAMME,
    claim_unit_id=UNIT,
    municipality_code="131016",
    snapshot_id="2020-04-27",
    rule_version="1",
    causing_event_id=id16("answer"),
    at_ms=1,
    cold_of=lambda _: Cold(b"application", b""),
)


def revision(
    number: int,
    standing: Standing,
    kind: RevisionKind = CLAIM,
    *,
    application: int = 0,
    payment_version: int = 0,
) -> Revision:
    return Revision(
        number=number,
        replaces=number - 1,
        kind=kind,
        standing=standing,
        application_id=b"application %d" % (application or number),
        cause=b"cause %d" % number,
        submitted_at_ms=1,
        resident_id=id16("head"),
        payout=PayoutKind.ACCOUNT,
        account_fingerprint=b"account %d" % number,
        account=b"",
        listing=Listing(frozenset({id16("head")}), frozenset(), 0, False, True),
        register_version=1,
        raw=b"",
        holding=number > 1 and standing is Standing.OPEN,
        payment_version=payment_version,
    )


def word(output: Output) -> str:
    if isinstance(output, Decided):
        return f"{output.revision} {output.outcome.name} {output.reasons[0].name}"
    if isinstance(output, HoldChanged):
        return "hold" if output.active else "hold cleared"
    assert isinstance(output, Release)
    return f"{output.revision} released"


OPEN, PLANNED, LOCKED = Standing.OPEN, Standing.PLANNED, Standing.LOCKED
REPLACED_BY = "REPLACED_BY_REVISION"
GONE_ON = (
    revision(1, Standing.SUPERSEDED, application=1),
    revision(2, Standing.SUPERSEDED, application=1),
    revision(3, PLANNED),
)
ANSWERS = [
    (
        "news of a payment older than the last is dropped",
        (revision(1, LOCKED, payment_version=3),),
        Feedback(Answer.PLANNED, b"", 1, version=1),
        ["LOCKED"],
        [],
    ),
    (
        "a later revision is planned before payments says that it replaced the earlier",
        (revision(1, PLANNED, payment_version=1), revision(2, OPEN)),
        Feedback(Answer.PLANNED, b"", 2, version=1),
        ["PLANNED", "PLANNED"],
        ["hold cleared"],
    ),
    (
        "a withdrawal that never took effect ends without a word of its own",
        (revision(1, OPEN), revision(2, OPEN, WITHDRAWAL), revision(3, OPEN)),
        Feedback(Answer.PLANNED, b"", 3, version=1),
        ["SUPERSEDED", "SUPERSEDED", "PLANNED"],
        ["hold cleared", f"1 SUPERSEDED {REPLACED_BY}", "1 released", "hold cleared"],
    ),
    (
        "a refusal of what was replaced is overruled",
        (revision(1, Standing.SUPERSEDED), revision(2, PLANNED)),
        Feedback(Answer.REFUSED_BY_RULES, b"", 1),
        ["SUPERSEDED", "PLANNED"],
        [f"1 SUPERSEDED {REPLACED_BY}", "1 released"],
    ),
    (
        "the end of an application that went on is that of its last revision",
        GONE_ON,
        Feedback(Answer.REFUSED_BY_RULES, b"", 1),
        ["SUPERSEDED", "SUPERSEDED", "PLANNED"],
        [f"2 SUPERSEDED {REPLACED_BY}", "1 released"],
    ),
    (
        "a refusal of what was withdrawn is overruled",
        (revision(1, Standing.WITHDRAWN), revision(2, Standing.WITHDRAWN, WITHDRAWAL)),
        Feedback(Answer.REFUSED_BY_RULES, b"", 1),
        ["WITHDRAWN", "WITHDRAWN"],
        ["1 WITHDRAWN WITHDRAWN_BY_APPLICANT", "1 released"],
    ),
    (
        "a refusal heard twice is said once",
        (revision(1, Standing.REFUSED),),
        Feedback(Answer.REFUSED_BY_RULES, b"", 1),
        ["REFUSED"],
        ["1 released"],
    ),
    (
        "a withdrawal that payments calls refused for no reason came too late",
        (revision(1, LOCKED), revision(2, OPEN, WITHDRAWAL)),
        Feedback(Answer.DECISION_REFUSED, b"", 2),
        ["LOCKED", "REFUSED"],
        ["2 REFUSED TOO_LATE_TO_CHANGE", "hold cleared"],
    ),
    (
        "a cancellation without a withdrawal changes nothing",
        (revision(1, PLANNED),),
        Feedback(Answer.CANCELLED, b"", 1),
        ["PLANNED"],
        [],
    ),
    (
        "an answer about a revision that never was changes nothing",
        (revision(1, PLANNED),),
        Feedback(Answer.REPLACED, b"", 7),
        ["PLANNED"],
        [],
    ),
]


@pytest.mark.parametrize(
    ("revisions", "answer", "standings", "words"),
    [row[1:] for row in ANSWERS],
    ids=[row[0] for row in ANSWERS],
)
def test_an_answer_does_what_the_table_says(
    revisions: tuple[Revision, ...], answer: Feedback, standings: list[str], words: list[str]
) -> None:
    claims, outputs = feedback.take(PartyClaims(PARTY, revisions), answer, EMITTER)
    assert [each.standing.name for each in claims.revisions] == standings
    assert [word(each) for each in outputs] == words


@pytest.mark.parametrize("answer", list(Answer))
@pytest.mark.parametrize("standing", list(Standing))
@pytest.mark.parametrize("kind", list(RevisionKind))
def test_the_same_answer_heard_twice_changes_the_claims_once(
    answer: Answer, standing: Standing, kind: RevisionKind
) -> None:
    before = PartyClaims(PARTY, (revision(1, PLANNED), revision(2, standing, kind)))
    heard = Feedback(answer, b"", 2, version=2, refusal=Reason.ALREADY_CLAIMED)
    once, _ = feedback.take(before, heard, EMITTER)
    twice, again = feedback.take(once, heard, EMITTER)
    assert twice == once
    assert not [each for each in again if isinstance(each, HoldChanged)]
