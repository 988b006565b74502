"""From planned payments to bytes at the bank: maker, checker, holds, crashes."""

import hashlib
import threading
from dataclasses import replace

import psycopg
import pytest

from jpbank.zengin import read_transfer_file
from services.payments.adapters.bank_folder import TO_BANK
from services.payments.domain.batch import Batch, BatchState
from services.payments.handlers.approve_batch import ApprovalRefusal
from services.payments.tests.fakes import DyingChannel, Killed
from services.payments.tests.house import House
from services.payments.tests.town import HOLDER, decision, hold

pytestmark = pytest.mark.integration


def test_a_proposed_batch_has_the_bytes_that_its_hash_names(house: House) -> None:
    house.plan("a", "b", persons=2)
    (batch,) = house.propose().batches
    assert (batch.records, batch.amount_yen, batch.state) == (2, 400_000, BatchState.FROZEN)
    assert batch.batch_id == "tokubetsu-teigaku-2020-131016-20200512-001"
    sent = house.approve(batch)
    assert isinstance(sent, Batch)
    content = house.sent_bytes(batch)
    assert hashlib.sha256(content).digest() == batch.sha256
    file = read_transfer_file(content)
    assert (file.count, file.total_yen) == (2, 400_000)
    assert file.header.client_code == "1310169001"
    assert file.header.value_date_mmdd == "0512"
    assert {record.payee_name for record in file.records} == {HOLDER}
    assert house.yen() == {"sent": 400_000}
    house.assert_books_agree()


def test_the_same_request_gives_the_same_batches(house: House) -> None:
    house.plan("a")
    first = house.propose("r1")
    house.take(decision("b", account_sealed=house.keys.account(9)))
    assert house.propose("r1").batches == first.batches
    assert house.yen() == {"frozen": 100_000, "planned": 100_000}


def test_each_payer_has_its_own_file_and_a_full_file_begins_another(house: House) -> None:
    programme = house.programmes["tokubetsu-teigaku-2020"]
    house.programmes = {programme.programme: replace(programme, file_records_max=2)}
    house.plan("a", "b", "c")
    house.take(decision("d", town="271004", account_sealed=house.keys.account(4)))
    batches = house.propose().batches
    assert [(b.municipality_code, b.number, b.records) for b in batches] == [
        ("131016", 1, 2),
        ("131016", 2, 1),
        ("271004", 1, 1),
    ]


def test_an_account_that_cannot_be_opened_is_set_aside_and_the_rest_goes(house: House) -> None:
    house.plan("a")
    house.take(decision("b", account_sealed=b"broken"))
    house.take(decision("c", account_sealed=house.keys.account(3, holder="山田")))
    proposed = house.propose()
    assert (proposed.batches[0].records, proposed.held_records) == (1, 2)
    assert house.rows("SELECT count(*) FROM task WHERE kind = 'account_unreadable'") == [(2,)]


def test_the_maker_may_not_approve(house: House) -> None:
    house.plan("a")
    (batch,) = house.propose().batches
    assert house.approve(batch, checker="maker") is ApprovalRefusal.MAKER_MAY_NOT_APPROVE
    with pytest.raises(psycopg.errors.CheckViolation):
        house.rows(
            "INSERT INTO approval VALUES (%b, %b, 'maker', 'maker', now()) RETURNING 1",
            (batch.batch_id, batch.sha256),
        )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        house.rows(
            "INSERT INTO approval VALUES (%b, %b, 'maker', 'checker', now()) RETURNING 1",
            (batch.batch_id, b"x" * 32),
        )


def test_another_hash_is_not_approved(house: House) -> None:
    house.plan("a")
    (batch,) = house.propose().batches
    assert house.approve(batch, sha256=b"x" * 32) is ApprovalRefusal.HASH_DIFFERS
    assert house.yen() == {"frozen": 100_000}


def test_a_file_that_changed_by_one_byte_does_not_leave(house: House) -> None:
    house.plan("a")
    (batch,) = house.propose().batches
    house.approve(batch, sha256=b"x" * 32)
    (sealed,) = house.rows("SELECT bytes_sealed FROM batch_file")[0]
    content = bytearray(house.vault.open_file(batch.batch_id, bytes(sealed)))
    content[122 + 45] ^= 1
    house.rows(
        "UPDATE batch_file SET bytes_sealed = %b RETURNING 1",
        (house.vault.seal_file(batch.batch_id, bytes(content)),),
    )
    assert house.approve(batch) is ApprovalRefusal.BYTES_CHANGED
    assert list((house.folder / TO_BANK).iterdir()) == []
    assert house.rows("SELECT kind FROM task") == [("bytes_changed",)]


def test_a_hold_between_freezing_and_approval_voids_and_refreezes_without_the_line(
    house: House,
) -> None:
    house.plan("a", "b")
    (batch,) = house.propose().batches
    house.hold(hold("a"))
    assert house.approve(batch) is ApprovalRefusal.REFROZEN
    (fresh,) = house.propose("r1").batches
    assert (fresh.records, fresh.number) == (1, 2)
    assert house.rows("SELECT state FROM batch ORDER BY number") == [("voided",), ("frozen",)]
    assert house.approve(batch) is ApprovalRefusal.STATE_DOES_NOT_ALLOW
    assert isinstance(house.approve(fresh), Batch)
    assert house.yen() == {"sent": 100_000, "held": 100_000}
    house.assert_books_agree()


def test_a_file_whose_day_has_come_is_frozen_anew_for_the_next_bank_day(house: House) -> None:
    house.plan("a")
    (batch,) = house.propose().batches
    assert house.approve(batch, today=batch.value_date) is ApprovalRefusal.REFROZEN
    (fresh,) = house.propose("r1").batches
    assert fresh.value_date > batch.value_date
    assert isinstance(house.approve(fresh, today=batch.value_date), Batch)


def test_approving_twice_sends_once(house: House) -> None:
    house.plan("a")
    (batch,) = house.propose().batches
    first, again = house.approve(batch), house.approve(batch)
    assert first == again
    assert len(list((house.folder / TO_BANK).iterdir())) == 1
    assert house.rows("SELECT count(*) FROM approval") == [(1,)]


def test_two_checkers_at_the_same_moment_release_once(house: House) -> None:
    house.plan("a")
    (batch,) = house.propose().batches
    checkers = [
        threading.Thread(target=house.approve, args=[batch], kwargs={"checker": name})
        for name in ("first", "second")
    ]
    for checker in checkers:
        checker.start()
    for checker in checkers:
        checker.join()
    assert house.rows("SELECT count(*) FROM approval") == [(1,)]
    assert house.rows("SELECT state, attempt FROM batch") == [("sent", 1)]
    house.assert_books_agree()


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_around_the_delivery_is_finished_with_the_same_bytes(
    house: House, after: bool
) -> None:
    house.plan("a")
    (batch,) = house.propose().batches
    channel = house.channel
    house.channel = DyingChannel(channel, after=after)
    with pytest.raises(Killed):
        house.approve(batch)
    assert house.yen() == {"releasing": 100_000}
    house.channel = channel
    assert house.resume() == 1
    assert house.yen() == {"sent": 100_000}
    assert hashlib.sha256(house.sent_bytes(batch)).digest() == batch.sha256
    assert house.resume() == 0
    house.assert_books_agree()


def test_other_bytes_under_the_name_are_never_overwritten_and_the_file_is_unknown(
    house: House,
) -> None:
    house.plan("a")
    (batch,) = house.propose().batches
    target = house.folder / TO_BANK / f"{batch.file_name}.dat"
    target.write_bytes(b"somebody else's")
    outcome = house.approve(batch)
    assert isinstance(outcome, Batch)
    assert outcome.state is BatchState.UNKNOWN
    assert target.read_bytes() == b"somebody else's"
    assert house.yen() == {"unknown": 100_000}
    assert house.resume() == 0
    assert house.propose("r2").batches == []


def test_a_kill_between_files_of_one_request_goes_on_where_it_stopped(house: House) -> None:
    house.plan("a")
    house.take(decision("b", town="271004", account_sealed=house.keys.account(4)))
    real = house.bank.payers.payer

    class DyingPayers:
        def payer(self, municipality_code: str) -> object:
            if municipality_code == "271004":
                raise Killed
            return real(municipality_code)

    bank = house.bank
    house.bank = replace(bank, payers=DyingPayers())  # type: ignore[arg-type]
    with pytest.raises(Killed):
        house.propose()
    house.bank = bank
    assert [batch.municipality_code for batch in house.propose().batches] == ["131016", "271004"]
    assert house.rows("SELECT count(*), count(DISTINCT reference) FROM batch_line") == [(2, 2)]
    house.assert_books_agree()


def test_a_frozen_payment_is_too_late_to_change(house: House) -> None:
    house.plan("a")
    house.propose()
    assert house.take(decision("a", revision=2))["refused"] == 1
    assert house.yen() == {"frozen": 100_000}


def test_a_corrected_account_ends_the_hold_on_the_one_that_could_not_be_read(house: House) -> None:
    house.take(decision("a", account_sealed=b"broken"))
    house.propose()
    assert house.yen() == {"held": 100_000}
    house.take(decision("a", revision=2, account_sealed=house.keys.account(2)))
    assert house.yen() == {"planned": 100_000, "replaced": 100_000}
    assert house.propose("r2").batches[0].records == 1
    house.assert_books_agree()


def test_what_waited_for_budget_is_paid_once_it_fits(house: House) -> None:
    house.plan("a")
    house.rows("UPDATE budget SET limit_yen = 100000 RETURNING 1")
    house.take(decision("b", account_sealed=house.keys.account(2)))
    assert house.propose("r1").batches[0].records == 1
    assert house.yen() == {"frozen": 100_000, "awaiting_budget": 100_000}
    house.rows("UPDATE budget SET limit_yen = 200000 RETURNING 1")
    assert house.propose("r2").batches[0].records == 1
    assert house.yen() == {"frozen": 200_000}
    house.assert_books_agree()


def test_a_file_is_whole_from_the_moment_it_can_be_seen(house: House) -> None:
    content = b"x" * 2_000_000
    sizes: set[int] = set()
    target = house.folder / TO_BANK / "big.dat"
    writers = [
        threading.Thread(target=house.channel.deliver, args=["big.dat", content]) for _ in range(8)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if target.exists():
            sizes.add(target.stat().st_size)
    assert sizes | {target.stat().st_size} == {len(content)}
    assert [path.name for path in target.parent.iterdir()] == ["big.dat"]
