"""The outside checker finds what it says it finds: good evidence passes, each damage is named."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from kyufu.events.v1 import applications_pb2, common_pb2, payments_pb2

from loadtests.check_invariants.__main__ import check
from loadtests.check_invariants.evidence import BankFile, Evidence, Keyed
from loadtests.check_invariants.topics import is_end

PROGRAMME = "programme"
TOWN = "131016"
YEN = 200_000
APPLICATION = b"a" * 20
CLAIM_UNIT = b"c" * 16
PAYMENT = b"p" * 16
EVENT = b"e" * 16
REFERENCE = "0" * 19 + "1"
SHA256 = hashlib.sha256(b"file").digest()
APPLICATION_TEXT = base64.b32encode(APPLICATION).decode().lower()


def good() -> Evidence:
    """One application, approved, in one file, paid and told."""
    evidence = Evidence(Path("nowhere"), canary_bytes_scanned=1)
    evidence.history = [
        {
            "client_id": "portal", "programme": PROGRAMME, "key": "k", "body_sha256": "b",
            "status": 202, "application_id": APPLICATION_TEXT, "receipt_number": "1",
        }
    ]  # fmt: skip
    submitted = applications_pb2.ApplicationSubmitted(application_id=APPLICATION)
    evidence.submitted = [Keyed(b"k" * 16, "applications.submitted", 0, 0, submitted)]
    decided = applications_pb2.ApplicationDecided(
        application_id=APPLICATION,
        outcome=common_pb2.OUTCOME_APPROVED,
        amount_yen=YEN,
    )
    evidence.decided = [Keyed(CLAIM_UNIT, "applications.decided", 0, 0, decided)]
    paid = payments_pb2.PaymentEvent(event_id=EVENT, payment_id=PAYMENT)
    evidence.payment_events = [Keyed(CLAIM_UNIT, "payments.events", 0, 0, paid)]
    evidence.payments = [
        {
            "payment_id": PAYMENT, "application_id": APPLICATION, "programme": PROGRAMME,
            "municipality_code": TOWN, "amount_yen": YEN, "state": "settled", "batch_id": "f",
        }
    ]  # fmt: skip
    evidence.items = [
        {
            "programme": PROGRAMME, "beneficiary_id": b"r" * 16, "occurrence": "base",
            "payment_id": PAYMENT, "amount_yen": YEN, "live": True,
        }
    ]  # fmt: skip
    _add_bank(evidence)
    return evidence


def _add_bank(evidence: Evidence) -> None:
    """The file, its approval, the ledger's books, the bank's books and the mailbox."""
    evidence.batches = [
        {
            "batch_id": "f", "file_name": "f", "state": "reconciled", "records": 1,
            "amount_yen": YEN, "sha256": SHA256,
        }
    ]  # fmt: skip
    evidence.lines = [
        {"batch_id": "f", "line_number": 1, "reference": REFERENCE, "payment_id": PAYMENT,
         "amount_yen": YEN}
    ]  # fmt: skip
    evidence.approvals = [{"batch_id": "f", "sha256": SHA256, "maker": "m", "checker": "c"}]
    town = {"programme": PROGRAMME, "municipality_code": TOWN}
    evidence.transfers = [
        {**town, "debit": "appropriation", "credit": "settled", "amount_yen": YEN}
    ]
    evidence.balances = [
        {**town, "station": "appropriation", "amount_yen": -YEN, "payments": -1},
        {**town, "station": "settled", "amount_yen": YEN, "payments": 1},
    ]
    evidence.files = [BankFile("f", SHA256.hex(), [(1, REFERENCE, YEN)], 1, YEN)]
    evidence.books = [
        {"entry": "order", "file": "f", "line": 1, "reference": REFERENCE, "amount_yen": YEN,
         "result": "paid"},
        {"entry": "file_taken", "file": "f", "sha256": SHA256.hex(), "records": 1, "yen": YEN},
    ]  # fmt: skip
    evidence.mailboxes = [
        {
            "mailbox": "email", "id": f"<{EVENT.hex()}-email@kyufu.example>",
            "to_hash": "h", "body": "paid",
        }
    ]  # fmt: skip


def failed(evidence: Evidence) -> set[str]:
    verdicts, _ = check(evidence)
    return {name for name, verdict in verdicts.items() if verdict == "fail"}


def test_good_evidence_passes_every_rule() -> None:
    assert failed(good()) == set()


def lose_the_outcome(evidence: Evidence) -> None:
    evidence.decided.clear()


def lose_the_submission(evidence: Evidence) -> None:
    evidence.submitted.clear()


def pay_less_than_decided(evidence: Evidence) -> None:
    evidence.payments[0]["amount_yen"] = YEN - 1


def refuse_but_keep_the_payment(evidence: Evidence) -> None:
    evidence.decided[0].message.outcome = common_pb2.OUTCOME_REFUSED


def wait_for_nobody(evidence: Evidence) -> None:
    evidence.decided[0].message.outcome = common_pb2.OUTCOME_WAITING


def invent_an_application(evidence: Evidence) -> None:
    stranger = applications_pb2.ApplicationSubmitted(application_id=b"z" * 20)
    evidence.submitted.append(Keyed(b"k" * 16, "applications.submitted", 0, 1, stranger))


def double_the_live_item(evidence: Evidence) -> None:
    evidence.items.append(dict(evidence.items[0]))


def let_the_bank_pay_twice(evidence: Evidence) -> None:
    evidence.books.append(dict(evidence.books[0]))


def shift_a_balance(evidence: Evidence) -> None:
    evidence.balances[1]["amount_yen"] += 1


def drop_a_transfer(evidence: Evidence) -> None:
    evidence.transfers.clear()


def change_the_file(evidence: Evidence) -> None:
    old = evidence.files[0]
    evidence.files[0] = BankFile(old.name, "00" * 32, old.orders, 1, YEN)


def change_the_trailer(evidence: Evidence) -> None:
    old = evidence.files[0]
    evidence.files[0] = BankFile(old.name, old.sha256, old.orders, 2, YEN)


def approve_one_s_own(evidence: Evidence) -> None:
    evidence.approvals[0]["checker"] = "m"


def drop_the_approval(evidence: Evidence) -> None:
    evidence.approvals.clear()


def return_without_telling(evidence: Evidence) -> None:
    evidence.books[0]["result"] = "account_closed"


def reject_what_the_bank_took(evidence: Evidence) -> None:
    evidence.batches[0]["state"] = "file_rejected"


def void_what_the_bank_took(evidence: Evidence) -> None:
    evidence.batches[0]["state"] = "voided"


def give_a_second_id(evidence: Evidence) -> None:
    evidence.history.append({**evidence.history[0], "application_id": "other"})


def accept_another_body(evidence: Evidence) -> None:
    evidence.history.append({**evidence.history[0], "body_sha256": "other"})


def tell_twice_by_sms(evidence: Evidence) -> None:
    for mailbox in ("sms-a", "sms-b"):
        evidence.mailboxes.append({"mailbox": mailbox, "id": f"{EVENT.hex()}-sms"})


def tell_something_else_by_mail(evidence: Evidence) -> None:
    evidence.mailboxes.append({**evidence.mailboxes[0], "body": "refused"})


def tell_somebody_else_by_mail(evidence: Evidence) -> None:
    evidence.mailboxes.append({**evidence.mailboxes[0], "to_hash": "other"})


def tell_of_nothing(evidence: Evidence) -> None:
    evidence.mailboxes[0]["id"] = f"<{'ab' * 16}-email@kyufu.example>"


def leak(evidence: Evidence) -> None:
    evidence.canaries.append(("logs/intake.log", "mark at byte 0"))


DAMAGES: list[tuple[Callable[[Evidence], None], str]] = [
    (lose_the_outcome, "INV-1"),
    (lose_the_submission, "INV-1"),
    (pay_less_than_decided, "INV-1"),
    (refuse_but_keep_the_payment, "INV-1"),
    (wait_for_nobody, "INV-1"),
    (invent_an_application, "INV-2"),
    (double_the_live_item, "INV-3"),
    (let_the_bank_pay_twice, "INV-3"),
    (pay_less_than_decided, "INV-4"),
    (shift_a_balance, "INV-4"),
    (drop_a_transfer, "INV-4"),
    (refuse_but_keep_the_payment, "INV-4"),
    (change_the_file, "INV-5"),
    (change_the_trailer, "INV-5"),
    (approve_one_s_own, "INV-5"),
    (drop_the_approval, "INV-5"),
    (return_without_telling, "INV-5"),
    (let_the_bank_pay_twice, "INV-5"),
    (reject_what_the_bank_took, "INV-5"),
    (void_what_the_bank_took, "INV-5"),
    (give_a_second_id, "INV-6"),
    (accept_another_body, "INV-6"),
    (tell_twice_by_sms, "INV-9"),
    (tell_something_else_by_mail, "INV-9"),
    (tell_somebody_else_by_mail, "INV-9"),
    (tell_of_nothing, "INV-9"),
    (leak, "INV-11"),
]


def test_the_same_mail_sent_again_after_a_kill_is_one_notice() -> None:
    evidence = good()
    evidence.mailboxes.append(dict(evidence.mailboxes[0]))
    assert failed(evidence) == set()


@pytest.mark.parametrize(
    ("damage", "invariant"), DAMAGES, ids=lambda one: getattr(one, "__name__", one)
)
def test_each_damage_is_found(damage: Callable[[Evidence], None], invariant: str) -> None:
    evidence = good()
    damage(evidence)
    assert invariant in failed(evidence)


def test_money_that_came_back_and_was_planned_anew_is_no_damage() -> None:
    evidence = good()
    first = evidence.payments[0]
    first["state"] = "replaced"
    evidence.payments.append(
        {**first, "payment_id": b"q" * 16, "state": "planned", "batch_id": None}
    )
    evidence.items[0]["live"] = False
    evidence.items.append({**evidence.items[0], "payment_id": b"q" * 16, "live": True})
    town = {"programme": PROGRAMME, "municipality_code": TOWN}
    evidence.transfers = [
        {**town, "debit": "appropriation", "credit": "replaced", "amount_yen": YEN},
        {**town, "debit": "appropriation", "credit": "planned", "amount_yen": YEN},
    ]
    evidence.balances = [
        {**town, "station": "appropriation", "amount_yen": -2 * YEN, "payments": -2},
        {**town, "station": "replaced", "amount_yen": YEN, "payments": 1},
        {**town, "station": "planned", "amount_yen": YEN, "payments": 1},
    ]
    evidence.books[0]["result"] = "account_closed"
    assert failed(evidence) == set()


def test_only_the_end_of_a_partition_ends_its_reading() -> None:
    assert is_end(KafkaError(KafkaError._PARTITION_EOF))
    assert not is_end(KafkaError(KafkaError._TRANSPORT))
    with pytest.raises(KafkaException):
        is_end(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
