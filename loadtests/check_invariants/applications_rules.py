"""INV-1, INV-2 and INV-6: applications from the clients' answers to their ends."""

import base64
from collections import Counter, defaultdict
from collections.abc import Iterator

from kyufu.events.v1 import common_pb2

from loadtests.check_invariants.evidence import Evidence, Row

ACCEPTED = 202
CONFLICT = 422
ALIVE_STATES = frozenset(
    {
        "planned", "held", "awaiting_budget", "frozen", "releasing", "sent", "unknown", "settled",
        "returned",
    }
)  # fmt: skip
ENDS_WITHOUT_MONEY = frozenset(
    {common_pb2.OUTCOME_REFUSED, common_pb2.OUTCOME_SUPERSEDED, common_pb2.OUTCOME_WITHDRAWN}
)


def text_of(application_id: bytes) -> str:
    return base64.b32encode(application_id).decode().lower()


def accepted_ids(evidence: Evidence) -> set[str]:
    return {row["application_id"] for row in evidence.history if row["status"] == ACCEPTED}


def inv_1(evidence: Evidence) -> Iterator[str]:
    """Every application answered 202 has exactly one outcome, and the ledger agrees with it."""
    last = {text_of(one): event for one, event in evidence.last_decided().items()}
    submitted = Counter(text_of(event.message.application_id) for event in evidence.submitted)
    reviews = {review.message.review_id for review in evidence.reviews}
    alive: defaultdict[str, list[Row]] = defaultdict(list)
    for row in evidence.payments:
        if row["state"] in ALIVE_STATES:
            alive[text_of(bytes(row["application_id"]))].append(row)
    for one in sorted(accepted_ids(evidence)):
        event = last.get(one)
        if not submitted[one]:
            yield f"{one}: answered 202 but not in applications.submitted"
        elif event is None:
            yield f"{one}: no outcome in applications.decided"
        elif event.outcome == common_pb2.OUTCOME_APPROVED:
            amounts = [row["amount_yen"] for row in alive[one]]
            if amounts != [event.amount_yen]:
                yield f"{one}: approved {event.amount_yen} yen, the ledger holds {amounts}"
        elif event.outcome == common_pb2.OUTCOME_WAITING:
            if event.review_id not in reviews:
                yield f"{one}: waits for review {event.review_id.hex()}, which nobody opened"
        elif event.outcome not in ENDS_WITHOUT_MONEY | {common_pb2.OUTCOME_DEAD_LETTERED}:
            yield f"{one}: outcome {event.outcome}"
        elif alive[one]:
            yield f"{one}: ended without money, yet the ledger holds a payment"


def inv_2(evidence: Evidence) -> Iterator[str]:
    """No application exists that no client attempted."""
    known = {row["application_id"] for row in evidence.history if row["application_id"]}
    for event in evidence.submitted:
        one = text_of(event.message.application_id)
        if one not in known:
            yield f"{one}: in applications.submitted, attempted by nobody"


def inv_6(evidence: Evidence) -> Iterator[str]:
    """Same client, programme, key and body: same id and receipt; another body: 422."""
    answers: defaultdict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in evidence.history:
        if row["status"] in (ACCEPTED, CONFLICT):
            answers[(row["client_id"], row["programme"], row["key"])].append(row)
    owners: dict[str, tuple[str, str, str]] = {}
    for key, rows in answers.items():
        taken = [row for row in rows if row["status"] == ACCEPTED]
        given = {(row["application_id"], row["receipt_number"]) for row in taken}
        bodies = {row["body_sha256"] for row in taken}
        if len(given) > 1 or len(bodies) > 1:
            yield f"key {key[2]} of {key[0]}: {len(given)} ids for {len(bodies)} bodies"
        for row in rows:
            if row["status"] == CONFLICT and row["body_sha256"] in bodies:
                yield f"key {key[2]} of {key[0]}: 422 for a body that was accepted"
        for one, _ in given:
            if owners.setdefault(one, key) != key:
                yield f"{one}: given to two keys"
