"""Name normalisation, character classes and corporate abbreviations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpbank import corporate, kana
from jpbank.kana import CharacterClass, KanaError, KanaProblem
from jpbank.tests.properties import STEADY

PUBLISHED_FORMS = [
    ("キャノン", "B7 D4 C9 DD"),
    ("ヨーコ", "D6 2D BA"),
    ("ガクブチ", "B6 DE B8 CC DE C1"),
    ("ヴァン ダイク", "B3 DE B1 DD 20 C0 DE B2 B8"),
    ("ヤマダ ショウコ", "D4 CF C0 DE 20 BC D6 B3 BA"),
    ("ジョン・スミス", "BC DE D6 DD 20 BD D0 BD"),
    ("ワッツ", "DC C2 C2"),
    ("カ）シンキンショウテン", "B6 29 BC DD B7 DD BC D6 B3 C3 DD"),
]


@pytest.mark.parametrize(("name", "expected"), PUBLISHED_FORMS)
def test_a_name_becomes_the_bytes_that_banks_take(name: str, expected: str) -> None:
    assert kana.to_bytes(kana.normalise_party_name(name)) == bytes.fromhex(expected)


@pytest.mark.parametrize(
    ("name", "problem", "position"),
    [
        ("山田太郎", KanaProblem.KANJI, 0),
        ("テスト太郎", KanaProblem.KANJI, 3),
        ("ジョン，スミス", KanaProblem.SYMBOL, 3),
        ("テスト_", KanaProblem.SYMBOL, 3),
        ("ヷ", KanaProblem.ORPHAN_VOICING_MARK, 0),
        ("アﾞ", KanaProblem.ORPHAN_VOICING_MARK, 1),
        ("カﾟ", KanaProblem.ORPHAN_VOICING_MARK, 1),
        ("é", KanaProblem.LETTER, 0),
        ("テ\tスト", KanaProblem.CONTROL, 1),
        ("", KanaProblem.EMPTY, 0),
        ("　", KanaProblem.EMPTY, 0),
    ],
)
def test_a_name_without_legal_form_is_refused_at_its_character(
    name: str, problem: KanaProblem, position: int
) -> None:
    with pytest.raises(KanaError) as refusal:
        kana.normalise_party_name(name)
    assert (refusal.value.problem, refusal.value.position) == (problem, position)


def test_an_error_does_not_repeat_the_name() -> None:
    with pytest.raises(KanaError) as refusal:
        kana.normalise_party_name("テスト試験")
    assert "試" not in str(refusal.value)
    assert "テ" not in str(refusal.value)


@pytest.mark.parametrize("name", ["がくぶち", "ガクブチ", "ｶﾞｸﾌﾞﾁ", "カ゛クフ゛チ", "ガクブチ "])
def test_spellings_of_one_name_become_one_form(name: str) -> None:
    assert kana.normalise_party_name(name) == "ｶﾞｸﾌﾞﾁ"


def test_every_kind_of_dash_becomes_a_hyphen() -> None:
    assert kana.normalise_party_name("ヨーコ‐―−－ｰ─") == "ﾖ-ｺ------"


def test_old_and_small_kana_become_those_that_banks_know() -> None:
    assert kana.normalise_party_name("ヰヱヵヶヮａb") == "ｲｴｶｹﾜAB"


def test_wo_is_written_as_o_in_names_and_reported() -> None:
    assert kana.normalise_party_name("カヲル") == "ｶｵﾙ"
    assert kana.depends_on_wo("かをる")
    assert kana.depends_on_wo("ｶｦﾙ")
    assert not kana.depends_on_wo("カオル")


def test_edi_keeps_wo_and_its_own_symbols() -> None:
    assert kana.normalise("ヲ「ア」／￥", CharacterClass.EDI) == "ｦ｢ｱ｣/\\"


def test_a_payroll_name_has_no_form_for_a_long_vowel() -> None:
    with pytest.raises(KanaError):
        kana.normalise("ヨーコ", CharacterClass.PAYROLL_NAME)


def test_a_bank_name_loses_its_inner_space() -> None:
    assert kana.normalise("ソシエテ　ジエネラル", CharacterClass.BANK_NAME) == "ｿｼｴﾃｼﾞｴﾈﾗﾙ"


def test_a_name_key_is_blind_to_spaces() -> None:
    assert (
        kana.name_key("テスト　タロウ") == kana.name_key("ﾃｽﾄﾀﾛｳ") == bytes.fromhex("C3BDC4C0DBB3")
    )


@pytest.mark.parametrize(
    ("text", "character_class", "legal"),
    [
        ("ﾃｽﾄ ABC-1().", CharacterClass.PARTY_NAME, True),
        ("ﾃｽﾄ/", CharacterClass.PARTY_NAME, False),
        ("ｶｦﾙ", CharacterClass.PARTY_NAME, False),
        ("ｶｦﾙ/", CharacterClass.EDI, True),
        ("ﾃｽﾄ ﾃｽﾄ", CharacterClass.BANK_NAME, False),
        ("ﾃｽﾄ-A1", CharacterClass.BANK_NAME, True),
        ("ﾃｽﾄ.", CharacterClass.BANK_NAME, False),
        ("ﾃｽﾄ 1", CharacterClass.PAYROLL_NAME, True),
        ("ﾃｽﾄA", CharacterClass.PAYROLL_NAME, False),
        ("ｬ", CharacterClass.EDI, False),
        ("ｰ", CharacterClass.EDI, False),
        ("ﾞ", CharacterClass.EDI, False),
        ("abc", CharacterClass.EDI, False),
    ],
)
def test_each_class_allows_its_own_characters(
    text: str, character_class: CharacterClass, legal: bool
) -> None:
    assert kana.is_legal(text, character_class) is legal


@STEADY
@given(st.text(max_size=40))
def test_any_text_either_becomes_legal_for_good_or_raises_the_typed_error(text: str) -> None:
    try:
        form = kana.normalise_party_name(text)
    except KanaError:
        return
    assert kana.is_legal(form, CharacterClass.PARTY_NAME)
    assert kana.normalise_party_name(form) == form
    assert len(kana.to_bytes(form)) == len(form)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("株式会社ケイヨウ", "ｶ)ｹｲﾖｳ"),
        ("ケイヨウ株式会社", "ｹｲﾖｳ(ｶ"),
        ("㈱ケイヨウ", "ｶ)ｹｲﾖｳ"),
        ("ケイヨウ株式会社チバシテン", "ｹｲﾖｳ(ｶ)ﾁﾊﾞｼﾃﾝ"),
        ("カブシキガイシャ　ケイヨウ", "ｶ)ｹｲﾖｳ"),
        ("医療法人社団テスト", "ｲ)ﾃｽﾄ"),
        ("地方独立行政法人テスト", "ﾁﾄﾞｸ)ﾃｽﾄ"),
        ("特定非営利活動法人テスト", "ﾄｸﾋ)ﾃｽﾄ"),
        ("テスト健康保険組合", "ﾃｽﾄｹﾝﾎﾟ"),
        ("テスト国民健康保険組合", "ﾃｽﾄｺｸﾎ"),
        ("株式会社テスト営業所", "ｶ)ﾃｽﾄ(ｴｲ"),
    ],
)
def test_a_corporate_form_is_abbreviated_by_its_position(name: str, expected: str) -> None:
    assert kana.normalise_party_name(corporate.abbreviate_corporate(name)) == expected


def test_a_second_corporate_form_is_refused() -> None:
    with pytest.raises(corporate.CorporateNameError):
        corporate.abbreviate_corporate("株式会社テスト有限会社")


def test_a_person_s_name_is_left_alone() -> None:
    assert corporate.abbreviate_corporate("テスト　タロウ") == "テスト タロウ"


@pytest.mark.parametrize("form", corporate.CORPORATE_FORMS, ids=lambda form: form.abbreviation)
def test_each_written_form_finds_its_own_row(form: corporate.CorporateForm) -> None:
    for written in form.written:
        abbreviated = corporate.abbreviate_corporate(written + "テスト")
        bracket = "" if form.kind is corporate.FormKind.BUSINESS else ")"
        assert abbreviated == form.abbreviation + bracket + "テスト"
