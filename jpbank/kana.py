"""Names as banks write them: half-width JIS X 0201 kana within one character class.

Place in the flow: identify and link compare names in this form, and pay writes them into files.
Invariants: the result of ``normalise`` contains only bytes legal for its class (so a file never
fails on a name that came through here); nothing is ever truncated; an error names the position
of the character and the kind of trouble, never the character, because names are personal data.

Sources: 全銀協 総合振込 record format, appendix 1 (character classes) by way of zengin4j and two
bank guides; see README.md.
"""

import unicodedata
from enum import Enum, StrEnum, unique
from functools import lru_cache
from typing import Final


@unique
class CharacterClass(StrEnum):
    """Which characters a field may hold; the classes differ and so do the refusals."""

    BANK_NAME = "bank_name"
    PARTY_NAME = "party_name"
    PAYROLL_NAME = "payroll_name"
    EDI = "edi"


@unique
class KanaProblem(Enum):
    """Why a character has no legal form; the value is the sentence shown to a person."""

    EMPTY = "the name is empty"
    KANJI = "kanji has no reading here; give the name in kana"
    CONTROL = "a control character is not allowed"
    SYMBOL = "this symbol is not allowed in a name at a bank"
    LETTER = "this letter is not allowed in a name at a bank"
    ORPHAN_VOICING_MARK = "a voicing mark follows a character that cannot carry it"


class KanaError(ValueError):
    """A text has no legal form; ``position`` is the 0-based index of the offending character."""

    def __init__(self, problem: KanaProblem, position: int) -> None:
        super().__init__(f"character {position + 1}: {problem.value}")
        self.problem = problem
        self.position = position


DAKUTEN: Final = "ﾞ"
HANDAKUTEN: Final = "ﾟ"
_WO: Final = "ｦ"
# ｱ..ﾝ with both voicing marks: bytes B1-DD, DE, DF. ｦ (A6), the small kana (A7-AF) and the
# long vowel ｰ (B0) lie outside on purpose: banks refuse them in names.
_KANA: Final = frozenset(chr(code) for code in range(0xFF71, 0xFFA0))
_LATIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS: Final = frozenset("0123456789")

#: Legal characters of each class. The strict reading: 2019 JBA revision allows ｦ in names, banks
#: still publish the rule without it. Space within a bank name is disputed between sources.
LEGAL_CHARACTERS: Final[dict[CharacterClass, frozenset[str]]] = {
    CharacterClass.BANK_NAME: _KANA | _LATIN | _DIGITS | frozenset("-"),
    CharacterClass.PARTY_NAME: _KANA | _LATIN | _DIGITS | frozenset(" ()-."),
    CharacterClass.PAYROLL_NAME: _KANA | _DIGITS | frozenset(" "),
    CharacterClass.EDI: _KANA | _LATIN | _DIGITS | frozenset(" ()-./\\｢｣" + _WO),
}
#: Characters that may carry ﾞ (voiced) and ﾟ (half-voiced).
MAY_CARRY_DAKUTEN: Final = frozenset("ｳｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎ")
MAY_CARRY_HANDAKUTEN: Final = frozenset("ﾊﾋﾌﾍﾎ")

_FULL_KANA: Final = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"
)
_HALF_KANA: Final = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝ"
_DASHES: Final = "ー‐‑‒–—―−─━⁻₋⸺゠-"
_HALF_WIDTH: Final[dict[str, str]] = {
    **dict(zip(_FULL_KANA, _HALF_KANA, strict=True)),
    **dict(zip("ァィゥェォッャュョヮヵヶヰヱ", "ｱｲｳｴｵﾂﾔﾕﾖﾜｶｹｲｴ", strict=True)),
    **dict.fromkeys(_DASHES, "-"),
    "・": " ",
    "\u3099": DAKUTEN,
    "\u309a": HANDAKUTEN,
    "「": "｢",
    "」": "｣",
    "¥": "\\",
    "ヲ": _WO,
}
_HIRAGANA: Final = {code: chr(code + 0x60) for code in range(0x3041, 0x3097)}
_STANDALONE_MARKS: Final = {"゛": DAKUTEN, "゜": HANDAKUTEN, "ﾞ": DAKUTEN, "ﾟ": HANDAKUTEN}


def _problem_of(char: str) -> KanaProblem:
    """Name the trouble by kind, so that the message helps without repeating the character."""
    category = unicodedata.category(char)
    if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return KanaProblem.CONTROL
    if category == "Lo" and unicodedata.name(char, "").startswith("CJK"):
        return KanaProblem.KANJI
    return KanaProblem.LETTER if category[0] in "LMN" else KanaProblem.SYMBOL


@lru_cache(maxsize=4096)
def _convert(char: str, character_class: CharacterClass) -> str | KanaProblem:
    """One character's half-width form. Cached: a population uses a few hundred characters."""
    if char in _STANDALONE_MARKS:
        return _STANDALONE_MARKS[char]
    wide = unicodedata.normalize("NFKC", char).translate(_HIRAGANA)
    # Only kana are taken apart: é must be refused as a letter, not become E with a stray accent.
    if all("\u30a0" <= part <= "\u30ff" for part in wide):
        wide = unicodedata.normalize("NFD", wide)
    legal = LEGAL_CHARACTERS[character_class]
    out: list[str] = []
    for part in wide.upper():
        half = _HALF_WIDTH.get(part, part)
        if half == _WO and _WO not in legal:
            half = "ｵ"
        if half == " " and " " not in legal:
            continue
        if half not in legal:
            return _problem_of(part)
        out.append(half)
    return "".join(out)


def normalise(text: str, character_class: CharacterClass) -> str:
    """Give the half-width form of ``text``; raise KanaError at the first character without one.

    Spaces at both ends go (fields are padded with them). ヲ becomes ｵ where the class lacks ｦ:
    customary but not found in a source, so ask ``depends_on_wo`` before trusting a name match.
    In the bank class, which has no space, spaces and ・ inside are left out.
    """
    out: list[str] = []
    previous = ""
    for position, char in enumerate(text):
        half = _convert(char, character_class)
        if isinstance(half, KanaProblem):
            raise KanaError(half, position)
        for single in half:
            if _is_orphan_mark(previous, single):
                raise KanaError(KanaProblem.ORPHAN_VOICING_MARK, position)
            previous = single
        out.append(half)
    result = "".join(out).strip(" ")
    if not result:
        raise KanaError(KanaProblem.EMPTY, 0)
    return result


def normalise_party_name(text: str) -> str:
    """Give the half-width form of a payee's or payer's name (受取人名, 委託者名)."""
    return normalise(text, CharacterClass.PARTY_NAME)


def name_key(text: str) -> bytes:
    """Give the bytes by which two spellings of one person's name compare: no spaces at all."""
    return to_bytes(normalise_party_name(text).replace(" ", ""))


def depends_on_wo(text: str) -> bool:
    """Tell whether ``text`` holds ヲ, whose place in the file is a custom rather than a rule."""
    return any(wo in unicodedata.normalize("NFKC", text) for wo in ("ヲ", "を", "ヺ"))


def _is_orphan_mark(previous: str, char: str) -> bool:
    if char == DAKUTEN:
        return previous not in MAY_CARRY_DAKUTEN
    return char == HANDAKUTEN and previous not in MAY_CARRY_HANDAKUTEN


def check_legal(text: str, character_class: CharacterClass) -> None:
    """Refuse half-width ``text`` that the class does not allow, as it stands, unconverted."""
    legal = LEGAL_CHARACTERS[character_class]
    previous = ""
    for position, char in enumerate(text):
        if char not in legal:
            raise KanaError(_problem_of(char), position)
        if _is_orphan_mark(previous, char):
            raise KanaError(KanaProblem.ORPHAN_VOICING_MARK, position)
        previous = char


def is_legal(text: str, character_class: CharacterClass) -> bool:
    """Tell whether half-width ``text`` may stand in a field of this class as it is."""
    try:
        check_legal(text, character_class)
    except KanaError:
        return False
    return True


def to_bytes(text: str) -> bytes:
    """Encode half-width text, one byte a character (JIS X 0201 by way of cp932)."""
    data = text.encode("cp932")
    if len(data) != len(text):
        raise ValueError("the text is not half-width: it needs more bytes than characters")
    return data
