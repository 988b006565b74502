"""What the bank answers: receipts, results, and answers that do not fit."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from kyufu.events.v1 import payments_pb2
from kyufu.notify.v1 import notify_pb2

from jpbank.zengin import ResultCode, ResultRecord
from services.payments.adapters.bank_folder import TO_BANK
from services.payments.adapters.notices import NoticeRelay, NotifyUnreachable
from services.payments.domain.batch import Batch
from services.payments.tests.house import House
from services.payments.tests.town import decision

pytestmark = pytest.mark.integration

SETTLED, RETURNED, FILE_REJECTED, REPLACED = 7, 8, 9, 11


def second_returned(line: int) -> ResultCode:
    return ResultCode.ACCOUNT_CLOSED if line == 2 else ResultCode.PAID


def test_a_receipt_and_a_result_settle_and_return_every_line(house: House) -> None:
    batch = house.sent_batch("a", "b", "c")
    house.receipt(batch)
    assert house.read_bank() == ["receipted"]
    house.result(batch, second_returned)
    assert house.read_bank() == ["reconciled"]
    assert house.yen() == {"settled": 200_000, "returned": 100_000}
    (kept,) = house.snapshots.batches("", None, "", 10)
    assert (kept.returned_records, kept.returned_yen) == (1, 100_000)
    assert [kind for kind, _ in house.events()][-3:].count(SETTLED) == 2
    house.assert_books_agree()


def test_the_same_answer_is_taken_once(house: House) -> None:
    batch = house.sent_batch("a")
    house.receipt(batch)
    house.result(batch)
    house.read_bank()
    assert house.read_bank() == []
    house.assert_books_agree()


def test_a_result_that_is_read_before_its_receipt_waits(house: House) -> None:
    batch = house.sent_batch("a")
    house.result(batch)
    assert house.read_bank() == ["early"]
    house.receipt(batch)
    assert house.read_bank() == ["receipted", "reconciled"]


def test_a_result_of_an_unknown_file_waits_for_the_receipt_that_proves_it_sent(
    house: House,
) -> None:
    house.plan("a")
    (batch,) = house.propose().batches
    target = house.folder / TO_BANK / f"{batch.file_name}.dat"
    target.write_bytes(b"somebody else's")
    house.approve(batch)
    assert house.yen() == {"unknown": 100_000}
    (sealed,) = house.rows("SELECT bytes_sealed FROM batch_file")[0]
    target.write_bytes(house.vault.open_file(batch.batch_id, bytes(sealed)))
    house.result(batch)
    assert house.read_bank() == ["early"]
    house.receipt(batch)
    assert house.read_bank() == ["receipted", "reconciled"]
    assert house.yen() == {"settled": 100_000}
    house.assert_books_agree()


def test_a_file_that_the_bank_refuses_is_planned_again_under_new_references(house: House) -> None:
    batch = house.sent_batch("a")
    house.receipt(batch, accepted=False, rule="holder in record 2")
    assert house.read_bank() == ["file_rejected"]
    assert house.yen() == {"planned": 100_000}
    assert house.rows("SELECT kind, reason FROM task") == [("file_rejected", "holder in record 2")]
    (again,) = house.propose("r2").batches
    assert isinstance(house.approve(again), Batch)
    assert house.rows("SELECT count(DISTINCT reference) FROM checker_line") == [(2,)]
    house.assert_books_agree()


def test_a_receipt_of_another_sum_changes_nothing_and_leaves_a_task(house: House) -> None:
    batch = house.sent_batch("a")
    house.receipt(batch, yen=batch.amount_yen + 1)
    assert house.read_bank() == ["refused"]
    assert house.yen() == {"sent": 100_000}
    assert house.rows("SELECT reason FROM task") == [("other_totals",)]


def _amount_changed(records: list[ResultRecord]) -> list[ResultRecord]:
    first = records[0]
    wrong = replace(first.transfer, amount_yen=first.transfer.amount_yen + 1)
    return [ResultRecord(wrong, first.code), *records[1:]]


def _account_changed(records: list[ResultRecord]) -> list[ResultRecord]:
    first = records[0]
    other = replace(first.transfer, account_number="7654321")
    return [ResultRecord(other, first.code), *records[1:]]


def _reference_changed(records: list[ResultRecord]) -> list[ResultRecord]:
    first = records[0]
    return [ResultRecord(replace(first.transfer, reference="9" * 20), first.code), *records[1:]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_amount_changed, "other_content"),
        (_account_changed, "other_content"),
        (_reference_changed, "unknown_line"),
        (lambda records: records[1:], "lines_missing"),
    ],
)
def test_one_wrong_line_refuses_the_whole_result(
    house: House, change: Callable[[list[ResultRecord]], list[ResultRecord]], reason: str
) -> None:
    batch = house.sent_batch("a", "b")
    house.receipt(batch)
    house.result(batch, change=change)
    assert house.read_bank() == ["receipted", "refused"]
    assert house.yen() == {"sent": 200_000}
    assert house.rows("SELECT reason FROM task") == [(reason,)]


def test_an_unreadable_result_is_refused_whole(house: House) -> None:
    batch = house.sent_batch("a")
    house.receipt(batch)
    house.answer(f"{batch.file_name}.result.dat", b"not a file of a bank")
    assert house.read_bank() == ["receipted", "refused"]
    assert house.yen() == {"sent": 100_000}


def test_an_answer_that_changes_after_it_was_read_leaves_a_task(house: House) -> None:
    batch = house.sent_batch("a")
    house.receipt(batch)
    house.read_bank()
    house.receipt(batch, yen=1)
    assert house.read_bank() == ["changed"]
    assert house.rows("SELECT kind FROM task") == [("bank_answer_changed",)]


def test_a_task_stands_open_once_and_again_after_it_was_closed(house: House) -> None:
    batch = house.sent_batch("a")
    house.receipt(batch)
    house.read_bank()
    count = "SELECT count(*) FROM task WHERE closed_at IS NULL"
    for yen in (1, 22):
        house.receipt(batch, yen=yen)
        assert house.read_bank() == ["changed"]
        assert house.rows(count) == [(1,)]
    house.rows("UPDATE task SET closed_at = now() RETURNING 1")
    house.receipt(batch, yen=333)
    assert house.read_bank() == ["changed"]
    assert house.rows(count) == [(1,)]
    assert house.rows("SELECT count(*) FROM task") == [(1,)]


def test_an_answer_to_a_file_that_was_never_sent_leaves_a_task(house: House) -> None:
    house.answer("somebody-else.receipt.json", b"{}")
    assert house.read_bank() == ["refused"]
    assert house.rows("SELECT kind FROM task") == [("bank_answer_refused",)]


def test_a_returned_payment_is_paid_by_a_later_revision(house: House) -> None:
    batch = house.sent_batch("a")
    house.receipt(batch)
    house.result(batch, lambda line: ResultCode.NO_ACCOUNT)
    house.read_bank()
    corrected = decision("a", revision=2, account_sealed=house.keys.account(8))
    assert house.take(corrected)["taken"] == 1
    assert house.yen() == {"planned": 100_000, "replaced": 100_000}
    house.assert_books_agree()


def test_a_settled_payment_is_too_late_to_change(house: House) -> None:
    batch = house.sent_batch("a")
    house.receipt(batch)
    house.result(batch)
    house.read_bank()
    assert house.take(decision("a", revision=2))["refused"] == 1


class Notify:
    """Keeps what it was handed; may be away, or find fault with one application."""

    def __init__(self) -> None:
        self.taken: list[notify_pb2.NotifyRequest] = []
        self.away = False

    def send(self, requests: list[notify_pb2.NotifyRequest]) -> None:
        if self.away:
            raise NotifyUnreachable("away")
        self.taken.extend(requests)


def test_every_paid_and_returned_citizen_with_a_contact_is_told_once(house: House) -> None:
    contact = house.keys.account(77)
    house.take(
        *(
            decision(name, account_sealed=house.keys.account(number), contact_sealed=sealed)
            for number, (name, sealed) in enumerate(
                [("a", contact), ("b", b""), ("c", contact)], start=1
            )
        )
    )
    (batch,) = house.propose().batches
    house.approve(batch)
    house.receipt(batch)
    house.result(batch, second_returned)
    house.read_bank()
    notify = Notify()
    counted: list[tuple[str, int]] = []
    relay = NoticeRelay(house.pool, notify.send, lambda word, n: counted.append((word, n)))  # type: ignore[arg-type]
    notify.away = True
    with pytest.raises(NotifyUnreachable):
        relay.round()
    notify.away = False
    relay.round()
    relay.round()
    queued = house.rows("SELECT count(*) FROM notice_outbox WHERE published_at IS NOT NULL")
    assert queued == [(len(notify.taken),)]
    assert len(notify.taken) == 2
    assert {n.amount_yen for n in notify.taken} == {100_000}
    payloads = house.rows("SELECT payload FROM outbox")
    events = [payments_pb2.PaymentEvent.FromString(bytes(row[0])) for row in payloads]
    told = {event.event_id: event.kind for event in events}
    # Lines stand in the order of claims: b, c, a.
    assert {(told[notice.event_id], notice.template) for notice in notify.taken} == {
        (SETTLED, notify_pb2.TEMPLATE_PAID),
        (RETURNED, notify_pb2.TEMPLATE_RETURNED),
    }


def test_notices_are_deleted_once_notify_has_taken_them(house: House) -> None:
    contact = house.keys.account(77)
    house.take(decision("a", account_sealed=house.keys.account(1), contact_sealed=contact))
    (batch,) = house.propose().batches
    house.approve(batch)
    house.receipt(batch)
    house.result(batch)
    house.read_bank()
    notify = Notify()
    relay = NoticeRelay(house.pool, notify.send, lambda word, n: None)  # type: ignore[arg-type]
    assert relay.prune(older_than_s=0) == 0
    relay.round()
    assert relay.prune(older_than_s=3_600) == 0
    assert relay.prune(older_than_s=0) == 1
    assert len(notify.taken) == 1
