"""What notices say: plain texts as data, filled with amounts, numbers and fixed phrases only.

Invariants: every template and every reason exists in every language; no text holds a link or asks
for account data (what a citizen gets must not look like what fraud sends); nothing that a person
typed enters a text.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.notify.domain.notices import Notice, Template

LANGUAGES: Final = ("ja", "en")
FALLBACK_LANGUAGE: Final = "ja"
PLACEHOLDERS: Final = frozenset({"programme", "receipt_number", "amount", "reasons"})
# Kept within what Japanese carriers deliver as one long message (SMS, 全角660文字).
SMS_LENGTH_MAX: Final = 660
FORBIDDEN: Final = ("http", "www.", "://", "暗証番号", "password", "口座番号を")


@dataclass(frozen=True, slots=True)
class Wording:
    """One template in one language."""

    subject: str
    body: str
    sms: str


@dataclass(frozen=True, slots=True)
class Text:
    """A notice ready to be sent."""

    subject: str
    body: str
    sms: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All texts. Keys: (template, language), (reason, language), (programme, language)."""

    wordings: Mapping[tuple[str, str], Wording]
    reasons: Mapping[tuple[str, str], str]
    programmes: Mapping[tuple[str, str], str]

    def render(self, notice: Notice) -> Text:
        """The texts of a notice in its language, or in Japanese where that language has none."""
        language = notice.language.partition("-")[0].lower()
        if language not in LANGUAGES:
            language = FALLBACK_LANGUAGE
        wording = self.wordings[notice.template.value, language]
        values = {
            "programme": self.programmes.get((notice.programme, language), notice.programme),
            "receipt_number": notice.receipt_number,
            "amount": f"{notice.amount_yen:,}",
            "reasons": "\n".join(
                f"- {self.reasons[reason, language]}" for reason in notice.reasons
            ),
        }
        return Text(
            subject=wording.subject.format_map(values),
            body=wording.body.format_map(values),
            sms=wording.sms.format_map(values),
        )


def problems(catalogue: Catalogue, reason_names: frozenset[str]) -> list[str]:
    """What is wrong with the data, one line each; empty when the service may start."""
    found: list[str] = []
    for language in LANGUAGES:
        for template in Template:
            wording = catalogue.wordings.get((template.value, language))
            if wording is None:
                found.append(f"{template.value}: no text in {language}")
                continue
            for part in (wording.subject, wording.body, wording.sms):
                found.extend(f"{template.value} {language}: {p}" for p in _text_problems(part))
            if len(wording.sms) > SMS_LENGTH_MAX:
                found.append(f"{template.value} {language}: sms is too long")
            if "\n" in wording.subject:
                found.append(f"{template.value} {language}: subject has two lines")
        for reason in sorted(reason_names):
            text = catalogue.reasons.get((reason, language))
            if not text:
                found.append(f"reason {reason}: no text in {language}")
            else:
                found.extend(f"reason {reason} {language}: {p}" for p in _text_problems(text))
    return found


def _text_problems(text: str) -> list[str]:
    found = [f"holds {word!r}" for word in FORBIDDEN if word in text.lower()]
    names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    found.extend(f"unknown placeholder {name!r}" for name in sorted(names - PLACEHOLDERS))
    return found
