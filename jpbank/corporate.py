"""Corporate forms and their abbreviations in account names (法人略語, 営業所略語, 事業略語).

Only the pairs of form and abbreviation are sourced (published tables of three banks, agreeing);
the brackets follow the position in the name. Business abbreviations carry no bracket: that is
customary, taken from memory, and shown as such in README.md.
"""

import unicodedata
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final


@unique
class FormKind(Enum):
    """What the abbreviation stands for, which decides whether it is bracketed."""

    CORPORATE = "corporate"
    OFFICE = "office"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class CorporateForm:
    """One row of the table: the written forms that mean it, and its kana abbreviation."""

    abbreviation: str
    written: tuple[str, ...]
    kind: FormKind = FormKind.CORPORATE


class CorporateNameError(ValueError):
    """A name carries more than one corporate form, where a bank file allows one."""


_BUSINESS = FormKind.BUSINESS
#: Sources: 別表 at expydoc.com/doc/7181036; keiyobank typing.html; joyobank.
CORPORATE_FORMS: Final[tuple[CorporateForm, ...]] = (
    CorporateForm("カ", ("株式会社", "(株)", "カブシキガイシャ", "カブシキカイシャ")),
    CorporateForm("ユ", ("有限会社", "(有)", "ユウゲンガイシャ", "ユウゲンカイシャ")),
    CorporateForm("メ", ("合名会社", "(名)", "ゴウメイガイシャ")),
    CorporateForm("シ", ("合資会社", "(資)", "ゴウシガイシャ")),
    CorporateForm("ド", ("合同会社", "ゴウドウガイシャ")),
    CorporateForm("イ", ("医療法人社団", "医療法人財団", "社会医療法人", "医療法人")),
    CorporateForm("ザイ", ("一般財団法人", "公益財団法人", "財団法人", "(財)")),
    CorporateForm("シヤ", ("一般社団法人", "公益社団法人", "社団法人", "(社)")),
    CorporateForm("シユウ", ("宗教法人",)),
    CorporateForm("ガク", ("学校法人", "(学)")),
    CorporateForm("フク", ("社会福祉法人", "(福)")),
    CorporateForm("ソ", ("相互会社",)),
    CorporateForm("ホゴ", ("更生保護法人",)),
    CorporateForm("トクヒ", ("特定非営利活動法人", "NPO法人")),
    CorporateForm("チドク", ("地方独立行政法人",)),
    CorporateForm("ドク", ("独立行政法人",)),
    CorporateForm("ベン", ("弁護士法人",)),
    CorporateForm("シホウ", ("司法書士法人",)),
    CorporateForm("ギヨ", ("行政書士法人",)),
    CorporateForm("ゼイ", ("税理士法人",)),
    CorporateForm("ロウム", ("社会保険労務士法人",)),
    CorporateForm("ダイ", ("国立大学法人", "公立大学法人")),
    CorporateForm("ノウ", ("農事組合法人",)),
    CorporateForm("カンリ", ("管理組合法人",)),
    CorporateForm("チユウ", ("有限責任中間法人", "無限責任中間法人", "中間法人")),
    CorporateForm("エイ", ("営業所",), FormKind.OFFICE),
    CorporateForm("シユツ", ("出張所",), FormKind.OFFICE),
    CorporateForm("ギヨレン", ("漁業協同組合連合会",), _BUSINESS),
    CorporateForm("ノウキヨウレン", ("農業協同組合連合会",), _BUSINESS),
    CorporateForm("レン", ("連合会",), _BUSINESS),
    CorporateForm("キヨウクミ", ("協同組合",), _BUSINESS),
    CorporateForm("コクホ", ("国民健康保険組合",), _BUSINESS),
    CorporateForm("ケンポ", ("健康保険組合",), _BUSINESS),
    CorporateForm("ロウクミ", ("労働組合",), _BUSINESS),
    CorporateForm("シヤキヨウ", ("社会福祉協議会",), _BUSINESS),
    CorporateForm("キヨウサイ", ("共済組合",), _BUSINESS),
    CorporateForm("セイメイ", ("生命保険",), _BUSINESS),
)
# Longest written form first, so that 地方独立行政法人 is not read as 独立行政法人.
_BY_LENGTH: Final = sorted(
    ((written, form) for form in CORPORATE_FORMS for written in form.written),
    key=lambda pair: -len(pair[0]),
)


def _bracketed(abbreviation: str, before: str, after: str) -> str:
    """Head ``ｶ)…``, tail ``…(ｶ``, middle ``…(ｶ)…``."""
    return ("(" if before else "") + abbreviation + (")" if after else "")


def abbreviate_corporate(text: str) -> str:
    """Replace corporate, office and business forms in ``text`` by their abbreviations.

    The result is still full-width and unchecked; give it to ``kana.normalise_party_name``. The
    remaining name must be kana by then. Raises CorporateNameError for a second corporate form.
    """
    name = unicodedata.normalize("NFKC", text).strip()
    found_corporate = False
    for written, form in _BY_LENGTH:
        before, found, after = name.partition(written)
        if not found:
            continue
        if form.kind is FormKind.CORPORATE:
            if found_corporate or written in after:
                raise CorporateNameError("a name may carry one corporate form")
            found_corporate = True
        before, after = before.rstrip(), after.lstrip()
        if form.kind is FormKind.BUSINESS:
            name = before + form.abbreviation + after
        else:
            name = before + _bracketed(form.abbreviation, before, after) + after
    return name
