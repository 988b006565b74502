"""What notices say, and the bytes of a mail."""

import email
import email.policy
import itertools
from dataclasses import replace

import pytest

from services.notify.adapters.texts_file import load_texts
from services.notify.domain.mail import encoded_subject, message_bytes
from services.notify.domain.notices import Channel, Notice, Template, Yen, message_id
from services.notify.domain.texts import LANGUAGES, Wording, problems
from services.notify.entrypoints.decoding import all_reason_names
from services.notify.tests.installation import NOW, PROGRAMME

NOTICE = Notice(
    event_id=bytes(16), application_id=bytes(20), template=Template.REFUSED, language="ja",
    programme=PROGRAMME, receipt_number="0000-0000-0000-0000-0097", amount_yen=Yen(1_300_000),
    reasons=("NOT_IN_REGISTER", "WINDOW_CLOSED"), sealed_contact=b"sealed",
)  # fmt: skip


def test_every_template_and_reason_has_every_language_and_no_link() -> None:
    assert problems(load_texts(), all_reason_names()) == []


@pytest.mark.parametrize(
    ("wording", "said"),
    [
        (Wording("s", "see https://example.invalid", "m"), "holds 'http'"),
        (Wording("s", "hello {name}", "m"), "unknown placeholder 'name'"),
        (Wording("s\nt", "b", "m"), "subject has two lines"),
        (Wording("s", "b", "m" * 661), "sms is too long"),
    ],
)
def test_a_text_that_breaks_a_rule_is_found(wording: Wording, said: str) -> None:
    texts = load_texts()
    broken = replace(texts, wordings={**texts.wordings, ("paid", "en"): wording})
    assert any(said in problem for problem in problems(broken, all_reason_names()))


def test_a_missing_language_is_found() -> None:
    texts = load_texts()
    kept = {key: value for key, value in texts.wordings.items() if key != ("paid", "en")}
    assert problems(replace(texts, wordings=kept), frozenset()) == ["paid: no text in en"]


@pytest.mark.parametrize(("template", "language"), list(itertools.product(Template, LANGUAGES)))
def test_every_text_is_filled_and_names_the_receipt(template: Template, language: str) -> None:
    text = load_texts().render(replace(NOTICE, template=template, language=language))
    for part in (text.subject, text.body, text.sms):
        assert "{" not in part
    assert NOTICE.receipt_number in text.body
    assert NOTICE.receipt_number in text.sms


@pytest.mark.parametrize("language", ["fr", "ja-JP", ""])
def test_a_language_without_text_is_told_in_japanese(language: str) -> None:
    text = load_texts().render(replace(NOTICE, language=language))
    assert "特別定額給付金" in text.subject


def test_a_mail_can_be_read_by_a_mail_library() -> None:
    text = load_texts().render(NOTICE)
    content = message_bytes(
        sender="no-reply@kyufu.invalid", recipient="shiken@example.invalid",
        message_id=message_id(NOTICE.event_id, Channel.EMAIL, "kyufu.invalid"),
        sent_at=NOW, text=text,
    )  # fmt: skip
    read = email.message_from_bytes(content, policy=email.policy.default)
    assert read["Subject"] == text.subject
    assert read["Message-ID"] == f"<{'00' * 16}-email@kyufu.invalid>"
    assert read.get_content().replace("\r\n", "\n") == text.body
    assert all(len(line) <= 76 for line in content.decode("ascii").split("\r\n"))


@pytest.mark.parametrize("length", [1, 14, 15, 16, 30, 31])
def test_a_subject_of_any_length_survives_its_encoding(length: int) -> None:
    subject = "給" * length
    header = f"Subject: {encoded_subject(subject)}\r\n\r\n".encode("ascii")
    assert email.message_from_bytes(header, policy=email.policy.default)["Subject"] == subject
