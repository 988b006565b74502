"""Ids: deterministic, unambiguous, and checkable by people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import ids

APPLICATION = bytes(range(20))
CAUSE = bytes(16)
MAKER = ids.ApplicationIds(id_pepper=b"i" * 32, mac_pepper=b"m" * 32)


def _derived(
    client_id: str = "c", programme: str = "p", key: str = "k", subject: bytes = b"s"
) -> bytes:
    return MAKER.derive(
        client_id=client_id, programme=programme, idempotency_key=key, subject=subject
    )


def test_an_event_id_changes_with_each_of_its_causes() -> None:
    base = ids.event_id(APPLICATION, 1, "dedup", CAUSE, 0)
    others = {
        ids.event_id(bytes(20), 1, "dedup", CAUSE, 0),
        ids.event_id(APPLICATION, 2, "dedup", CAUSE, 0),
        ids.event_id(APPLICATION, 1, "link", CAUSE, 0),
        ids.event_id(APPLICATION, 1, "dedup", b"\x01" * 16, 0),
        ids.event_id(APPLICATION, 1, "dedup", CAUSE, 1),
    }
    assert base == ids.event_id(APPLICATION, 1, "dedup", CAUSE, 0)
    assert len(base) == 16
    assert len(others | {base}) == 6


def test_the_claim_unit_id_is_the_documented_digest() -> None:
    assert ids.claim_unit_id("snap", bytes(16)).hex() == "aafc88f74b624c92c1452502cc1f178f"
    assert ids.claim_unit_id(b"snap", bytes(16)) == ids.claim_unit_id("snap", bytes(16))


def test_a_household_id_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        ids.claim_unit_id("snap", bytes(15))


def test_the_same_request_gets_the_same_application_id() -> None:
    assert _derived() == _derived()
    assert len(_derived()) == 20


def test_parts_that_join_alike_give_different_ids() -> None:
    assert _derived(client_id="a|b", programme="c") != _derived(client_id="a", programme="b|c")


def test_an_application_id_is_recognised_only_with_its_client_and_subject() -> None:
    own = _derived()
    assert MAKER.is_own(own, client_id="c", subject=b"s")
    assert not MAKER.is_own(own, client_id="d", subject=b"s")
    assert not MAKER.is_own(own, client_id="c", subject=b"t")
    assert not MAKER.is_own(own[:-1] + bytes([own[-1] ^ 1]), client_id="c", subject=b"s")
    assert not MAKER.is_own(own[:16], client_id="c", subject=b"s")


@given(st.binary(min_size=20, max_size=20))
def test_an_application_id_survives_its_text(application_id: bytes) -> None:
    text = ids.application_id_text(application_id)
    assert len(text) == 32
    assert text == text.lower()
    assert ids.parse_application_id(text) == application_id


@pytest.mark.parametrize("text", ["", "a" * 31, "a" * 33, "A" * 32, "0" * 32, "あ" * 32])
def test_other_texts_are_not_application_ids(text: str) -> None:
    assert ids.parse_application_id(text) is None


@given(st.binary(min_size=20, max_size=20))
def test_a_receipt_number_passes_its_own_check(application_id: bytes) -> None:
    number = MAKER.receipt_number(application_id)
    assert [len(group) for group in number.split("-")] == [4, 4, 4, 4, 4]
    assert ids.is_receipt_number(number)


@given(st.binary(min_size=20, max_size=20), st.integers(0, 19), st.integers(1, 9))
def test_every_single_wrong_digit_is_found(application_id: bytes, place: int, step: int) -> None:
    digits = list(MAKER.receipt_number(application_id).replace("-", ""))
    digits[place] = str((int(digits[place]) + step) % 10)
    assert not ids.is_receipt_number("".join(digits))


@given(st.binary(min_size=20, max_size=20), st.integers(0, 18))
def test_every_swap_of_neighbours_is_found(application_id: bytes, place: int) -> None:
    digits = list(MAKER.receipt_number(application_id).replace("-", ""))
    if digits[place] != digits[place + 1]:
        digits[place], digits[place + 1] = digits[place + 1], digits[place]
        assert not ids.is_receipt_number("".join(digits))
