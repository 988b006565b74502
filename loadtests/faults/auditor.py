"""Compares what was sent with what is committed. Pure, so that it can be tried on forged books."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from loadtests.faults.books import FIRST_HOP, Decision, Found, Sent, Submission, Written

ACTIVE = frozenset({"APPROVED", "WAITING"})
SHOWN_MAX = 5
# The stage that answers an application at the first hop instead of writing it on.
FIRST_STAGE = "IDENTIFY"


@dataclass(frozen=True, slots=True)
class Audit:
    """`findings` is empty where all is as it must be. `repeats` are records that came again with
    the same id and the same content: a finding only where transactions are on.
    """

    decided: int
    lost: int
    duplicates: int
    repeats: int
    findings: tuple[str, ...]


def audit(sent: Sent, found: Found, *, transactions: bool = True) -> Audit:
    """All invariants of a run that has come to rest."""
    latest = latest_decisions(found.decisions)
    lost = sent.applications - latest.keys()
    repeats, conflicting = repeated(sent, found.written)
    unanswered, alien = first_hop(sent, found)
    findings = [
        *_named("applications without an outcome", lost),
        *_named("outcomes of applications never sent", latest.keys() - sent.applications),
        *_named("submissions without an answer at the first hop", unanswered),
        *_named("contents at the first hop that nobody sent", alien),
        *_named("event ids with two contents", conflicting),
        *_named("households with two active claims", _two_claims(latest.values())),
        *_named("decisions whose items do not sum to the amount", _wrong_sums(latest.values())),
        *_totals(sent, latest.values()),
        *_dead_letters(sent, found, exact=transactions),
    ]
    if transactions:
        findings += _named("event ids committed too often", repeats)
    return Audit(
        decided=len(latest),
        lost=len(lost) + len(unanswered),
        duplicates=len(conflicting) + (len(repeats) if transactions else 0),
        repeats=sum(repeats.values()),
        findings=tuple(findings),
    )


def latest_decisions(decisions: Iterable[Decision]) -> dict[bytes, Decision]:
    """The last outcome of each application; all of one lie on one partition, in offset order."""
    latest: dict[bytes, Decision] = {}
    for decision in sorted(decisions, key=lambda each: each.place):
        latest[decision.application_id] = decision
    return latest


def repeated(sent: Sent, written: Iterable[Written]) -> tuple[Counter[bytes], set[bytes]]:
    """How often too often each event id is committed, and ids that carry two contents.

    An application that was sent twice is rightly identified twice, each time as it was sent; dedup
    drops the second.
    """
    records: defaultdict[tuple[str, bytes, bytes], list[Written]] = defaultdict(list)
    for each in written:
        records[each.place[0], each.event_id, each.application].append(each)
    repeats: Counter[bytes] = Counter()
    conflicting = set()
    for (topic, event_id, application), same in records.items():
        first = topic == FIRST_HOP
        allowed = max(1, sent.submissions[same[0].cause, application] if first else 1)
        if len(same) > allowed:
            repeats[event_id] += len(same) - allowed
        if len({each.value for each in same}) > 1:
            conflicting.add(event_id)
    return repeats, conflicting


def first_hop(sent: Sent, found: Found) -> tuple[list[bytes], set[bytes]]:
    """Event ids once for each sending that was not answered, and ids of contents never sent.

    Each sending is written on with its own content, or the first stage itself has decided the
    event. It holds where the register was complete before the first application: an application
    that has to wait for the register waits once, however often it was sent.
    """
    decided = {each.cause for each in found.decisions if each.outcome[0] == FIRST_STAGE}
    written = Counter(
        (each.cause, each.application) for each in found.written if each.place[0] == FIRST_HOP
    )
    missing: Counter[Submission] = sent.submissions - written
    unanswered = [event_id for event_id, _ in missing.elements() if event_id not in decided]
    return unanswered, {cause for cause, _ in written.keys() - sent.submissions.keys()}


def _two_claims(decisions: Iterable[Decision]) -> set[bytes]:
    active = Counter(
        each.claim for each in decisions if each.outcome[1] in ACTIVE and each.claim[1]
    )
    return {claim[1] for claim, count in active.items() if count > 1}


def _wrong_sums(decisions: Iterable[Decision]) -> set[bytes]:
    return {each.application_id for each in decisions if each.amount_yen != each.items_yen}


def _totals(sent: Sent, decisions: Iterable[Decision]) -> list[str]:
    decisions = list(decisions)
    outcomes = Counter(each.outcome for each in decisions)
    yen = sum(each.amount_yen for each in decisions if each.outcome[1] == "APPROVED")
    findings = [
        f"outcome {' '.join(outcome)}: {outcomes[outcome]} for {sent.expected.get(outcome, 0)}"
        for outcome in sorted(outcomes.keys() | sent.expected.keys())
        if outcomes[outcome] != sent.expected.get(outcome, 0)
    ]
    if yen != sent.expected_yen:
        findings.append(f"approved {yen} yen for {sent.expected_yen}")
    return findings


def _dead_letters(sent: Sent, found: Found, *, exact: bool) -> list[str]:
    letters = Counter(found.dead_letters)
    findings = _named("poison without a dead letter", sent.poison - letters.keys())
    findings += _named("dead letters of sound records", letters.keys() - sent.poison)
    if exact:
        findings += _named("dead letters twice", {p for p, count in letters.items() if count > 1})
    return findings


def _named(what: str, them: Iterable[object]) -> list[str]:
    """One finding with the first of them, or none. Ids are digests: nobody is named by them."""
    shown = sorted(each.hex() if isinstance(each, bytes) else str(each) for each in them)
    if not shown:
        return []
    return [f"{what}: {len(shown)} ({', '.join(shown[:SHOWN_MAX])})"]
