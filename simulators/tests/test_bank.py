"""The simulated bank reads like a bank: whole files, once, in its own books."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from simulators.bank.desk import Desk

VECTOR = (
    Path(__file__).resolve().parents[2] / "jpbank" / "tests" / "data" / "vector_sougou_crlf.dat"
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, tmp_path / "accounts.json")


def send(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "to_bank" / f"{name}.dat").write_bytes(content)


def answer(tmp_path: Path, name: str) -> dict[str, object]:
    text = (tmp_path / "from_bank" / f"{name}.receipt.json").read_text(encoding="utf-8")
    found: dict[str, object] = json.loads(text)
    return found


def test_a_good_file_is_taken_and_every_order_answered(tmp_path: Path, desk: Desk) -> None:
    send(tmp_path, "one", VECTOR.read_bytes())
    assert desk.look() == 1
    receipt = answer(tmp_path, "one")
    assert (receipt["accepted"], receipt["records"], receipt["yen"]) == (True, 2, 400_000)
    result = (tmp_path / "from_bank" / "one.result.dat").read_bytes().split(b"\r\n")
    assert [line[111:112] for line in result[1:3]] == [b"0", b"0"]


def test_a_closed_account_is_given_back(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "accounts.json").write_text(json.dumps({"990005811234567": "account_closed"}))
    send(tmp_path, "one", VECTOR.read_bytes())
    desk.look()
    result = (tmp_path / "from_bank" / "one.result.dat").read_bytes().split(b"\r\n")
    assert [line[111:112] for line in result[1:3]] == [b"3", b"0"]
    assert (
        result[3][:55]
        == b"8" + b"000002000000400000" + b"000001000000100000" + b"000001000000300000"
    )


def test_the_same_bytes_under_another_name_are_refused(tmp_path: Path, desk: Desk) -> None:
    send(tmp_path, "one", VECTOR.read_bytes())
    desk.look()
    send(tmp_path, "two", VECTOR.read_bytes())
    desk.look()
    assert answer(tmp_path, "two")["accepted"] is False


def test_a_restarted_bank_answers_the_same_and_books_nothing_twice(tmp_path: Path) -> None:
    for _ in range(2):
        desk = Desk(tmp_path, tmp_path / "accounts.json")
        send(tmp_path, "one", VECTOR.read_bytes())
        desk.look()
    entries = [json.loads(line) for line in (tmp_path / "books.jsonl").read_text().splitlines()]
    assert [entry["entry"] for entry in entries] == ["order", "order", "file_taken"]


def test_a_restarted_bank_gives_the_results_that_it_booked(tmp_path: Path, desk: Desk) -> None:
    send(tmp_path, "one", VECTOR.read_bytes())
    desk.look()
    result = tmp_path / "from_bank" / "one.result.dat"
    first = result.read_bytes()
    (tmp_path / "accounts.json").write_text(json.dumps({"990005811234567": "account_closed"}))
    result.unlink()
    Desk(tmp_path, tmp_path / "accounts.json").look()
    assert result.read_bytes() == first


def test_the_same_order_in_another_file_is_refused(tmp_path: Path, desk: Desk) -> None:
    send(tmp_path, "one", VECTOR.read_bytes())
    desk.look()
    other = (
        VECTOR.read_bytes()
        .replace(b"000000400000", b"000000400001")
        .replace(b"0000300000", b"0000300001")
    )
    send(tmp_path, "two", other)
    desk.look()
    assert str(answer(tmp_path, "two")["rule"]).startswith("reference_used_before")


def test_a_write_cut_by_a_kill_is_forgotten(tmp_path: Path) -> None:
    desk = Desk(tmp_path, tmp_path / "accounts.json")
    send(tmp_path, "one", VECTOR.read_bytes())
    desk.look()
    books = tmp_path / "books.jsonl"
    orders_only = books.read_text().splitlines(keepends=True)[:2]
    books.write_text("".join(orders_only) + '{"entry": "fi')
    Desk(tmp_path, tmp_path / "accounts.json").look()
    kinds = [json.loads(line)["entry"] for line in books.read_text().splitlines()]
    assert kinds == ["order", "order", "file_taken"]


DAMAGES: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("trailer_sum", lambda b: b.replace(b"000000400000", b"000000400001")),
    ("trailer_count", lambda b: b.replace(b"8000002", b"8000003")),
    ("record_length", lambda b: b[:200] + b[201:]),
    ("code_kubun", lambda b: b.replace(b"1210", b"1211", 1)),
    ("end_record", lambda b: b[:-122]),
]


@pytest.mark.parametrize(("rule", "damage"), DAMAGES, ids=[rule for rule, _ in DAMAGES])
def test_a_broken_file_is_refused_whole(
    tmp_path: Path, desk: Desk, rule: str, damage: Callable[[bytes], bytes]
) -> None:
    send(tmp_path, "bad", damage(VECTOR.read_bytes()))
    desk.look()
    assert str(answer(tmp_path, "bad")["rule"]).startswith(rule)
    kinds = {
        json.loads(line)["entry"] for line in (tmp_path / "books.jsonl").read_text().splitlines()
    }
    assert kinds == {"file_refused"}
