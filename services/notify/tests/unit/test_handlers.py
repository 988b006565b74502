"""Accepting and delivering with fakes: what is stored after each kind of attempt."""

from datetime import timedelta

import pytest

from services.notify import handlers
from services.notify.adapters.texts_file import load_texts
from services.notify.domain.notices import (
    Accepted,
    Attempt,
    BadContact,
    Channel,
    Contact,
    Deferred,
    Delivered,
    NoContact,
    Notice,
    Refused,
    RetryPolicy,
    State,
    Template,
    Yen,
    contact_from,
)
from services.notify.ports import Due
from services.notify.tests.fakes import (
    FakeCounters,
    FakeMails,
    FakeMessages,
    FakeOpener,
    FakeStore,
)
from services.notify.tests.installation import NOW, PROGRAMME

RETRY = RetryPolicy(3, timedelta(seconds=1), timedelta(seconds=3))


def _notice(number: int = 0, sealed: bytes = b"x", amount_yen: int = 100_000) -> Notice:
    return Notice(
        event_id=number.to_bytes(16, "big"), application_id=bytes(20), template=Template.PAID,
        language="ja", programme=PROGRAMME, receipt_number="r", amount_yen=Yen(amount_yen),
        reasons=(), sealed_contact=sealed,
    )  # fmt: skip


def test_a_second_request_changes_nothing_and_a_different_one_is_a_conflict() -> None:
    store, counters = FakeStore(), FakeCounters()
    wanted = [_notice(), _notice(sealed=b"sealed anew"), _notice(amount_yen=1)]
    results = handlers.accept(wanted, source="t", at=NOW, store=store, counters=counters)
    assert results == [Accepted.CREATED, Accepted.EXISTS, Accepted.EXISTS_WITH_DIFFERENT]
    assert counters.results[Accepted.EXISTS_WITH_DIFFERENT] == 1


def test_without_a_contact_a_notice_ends_at_once() -> None:
    assert _notice(sealed=b"").initial_state is State.NO_CONTACT
    assert _notice().initial_state is State.PENDING


@pytest.mark.parametrize(
    ("contact", "answer", "attempts", "ended", "pause_s"),
    [
        (Contact(Channel.EMAIL, "a@b.invalid"), Delivered("smtp"), 0, "delivered", None),
        (Contact(Channel.EMAIL, "a@b.invalid"), Refused("smtp_refused"), 0, "failed", None),
        (Contact(Channel.EMAIL, "a@b.invalid"), Deferred("smtp_away"), 0, None, 1),
        (Contact(Channel.SMS, "+819000000000"), Deferred("sms_away"), 1, None, 2),
        (Contact(Channel.SMS, "+819000000000"), Deferred("sms_away"), 2, "failed", None),
        (NoContact(), Delivered("never"), 0, "no_contact", None),
        (BadContact("contact_sealed"), Delivered("never"), 0, "failed", None),
    ],
)
async def test_each_attempt_comes_to_its_end_or_to_a_bounded_retry(
    contact: Contact | NoContact | BadContact,
    answer: Attempt,
    attempts: int,
    ended: str | None,
    pause_s: int | None,
) -> None:
    store, counters = FakeStore(), FakeCounters()
    store.due = [Due(1, _notice(), attempts, frozenset(), 0)]
    delivery = handlers.Delivery(
        store=store, opener=FakeOpener({_notice().event_id: contact}), mails=FakeMails(answer),
        messages=FakeMessages(answer), texts=load_texts(), counters=counters, retry=RETRY,
        sender="no-reply@kyufu.invalid", message_id_domain="kyufu.invalid",
    )  # fmt: skip
    assert await delivery.deliver_due(NOW, 10) == 1
    (settled,) = store.settled
    expected = NOW + timedelta(seconds=pause_s) if pause_s is not None else None
    assert settled.retry_at == expected
    assert [state for _, _, state in counters.ends] == ([ended] if ended else [])
    assert store.claims[0].released


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"email": "shiken@example.invalid"}, Contact(Channel.EMAIL, "shiken@example.invalid")),
        ({"phone": "+819000000000"}, Contact(Channel.SMS, "+819000000000")),
        ({"phone": "+1234567"}, Contact(Channel.SMS, "+1234567")),
        ({"phone": "+123456"}, BadContact("phone_malformed", Channel.SMS)),
        ({"phone": "+" + "1" * 16}, BadContact("phone_malformed", Channel.SMS)),
        ({"phone": "09000000000"}, BadContact("phone_malformed", Channel.SMS)),
        (
            {"email": "a@b.invalid\r\nRCPT TO:<x@y.invalid>"},
            BadContact("email_malformed", Channel.EMAIL),
        ),
        ({"email": "a@" + "b" * 253}, BadContact("email_malformed", Channel.EMAIL)),
        ({"email": "試験@example.invalid"}, BadContact("email_malformed", Channel.EMAIL)),
        ({}, NoContact()),
        (None, NoContact()),
        ([], BadContact("contact_malformed")),
    ],
)
def test_only_a_plain_address_or_number_is_used(
    fields: object, expected: Contact | NoContact | BadContact
) -> None:
    assert contact_from(fields) == expected


def test_pauses_double_up_to_their_bound_and_end_with_the_last_attempt() -> None:
    pauses = [RETRY.pause_after(attempts) for attempts in (1, 2, 3, 4)]
    assert pauses == [timedelta(seconds=1), timedelta(seconds=2), None, None]
    bounded = RetryPolicy(9, timedelta(seconds=1), timedelta(seconds=3))
    assert bounded.pause_after(8) == timedelta(seconds=3)
