"""Checks of one 120-byte record against its layout, shared by writing and reading.

A record passes by two regular expressions made from the layout (measured the cheapest way in plain
Python: one C call a record). Only a record that fails is looked at field by field, to name the
rule, the byte and the field. The strict form is for what we write. The lenient one, for reading,
also takes ｦ in names (2019 JBA revision) and a space inside bank names (sources disagree).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jpbank import kana
from jpbank.kana import CharacterClass
from jpbank.zengin import formats
from jpbank.zengin.errors import Rule, ZenginError
from jpbank.zengin.formats import Field, FieldType, RecordLayout

_DIGITS: Final = frozenset(b"0123456789")
_SPACE: Final = ord(" ")
_MARK_CARRIERS: Final = "".join(sorted(kana.MAY_CARRY_DAKUTEN)).encode("cp932")
_HALF_CARRIERS: Final = "".join(sorted(kana.MAY_CARRY_HANDAKUTEN)).encode("cp932")
#: Two C fields never adjoin, so looking back across a field's edge always finds a digit or space.
_ORPHAN_MARK: Final = re.compile(
    b"(?<![" + _MARK_CARRIERS + b"])\xde|(?<![" + _HALF_CARRIERS + b"])\xdf"
)
_DAYS_IN_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in one record, with the byte within that record."""

    rule: Rule
    offset: int
    field: str
    message: str

    def at(self, record_index: int, record_start: int) -> ZenginError:
        """Turn the finding into the error that refuses the file."""
        return ZenginError(
            self.rule,
            record_index=record_index,
            byte_offset=record_start + self.offset,
            field=self.field,
            message=self.message,
        )


def legal_bytes(character_class: CharacterClass, *, strict: bool) -> frozenset[int]:
    """Give the bytes a field of this class may hold, padding included."""
    extra = b" "
    if not strict and character_class is not CharacterClass.PAYROLL_NAME:
        extra += b"\xa6"
    text = "".join(kana.LEGAL_CHARACTERS[character_class])
    return frozenset(text.encode("cp932") + extra)


def _byte_set(values: frozenset[int]) -> bytes:
    return b"[" + b"".join(re.escape(bytes([value])) for value in sorted(values)) + b"]"


def _pattern(field: Field, *, strict: bool) -> bytes:
    if field.allowed:
        choices = (re.escape(value.encode("ascii")) for value in field.allowed)
        return b"(?:" + b"|".join(choices) + b")"
    length = str(field.length).encode("ascii")
    if field.type is FieldType.N:
        return b"[0-9]{" + length + b"}"
    if field.character_class is None:
        return b" {" + length + b"}"
    legal = legal_bytes(field.character_class, strict=strict)
    rest = str(field.length - 1).encode("ascii")
    filled = _byte_set(legal - {_SPACE}) + _byte_set(legal) + b"{" + rest + b"}"
    return filled if field.required else b"(?:" + filled + b"| {" + length + b"})"


@lru_cache(maxsize=32)
def record_pattern(layout: RecordLayout, *, strict: bool) -> re.Pattern[bytes]:
    """Compile the layout; give it once to a hot loop rather than asking per record."""
    return re.compile(b"".join(_pattern(field, strict=strict) for field in layout.fields), re.S)


def first_fault(line: bytes, layout: RecordLayout, *, strict: bool) -> Finding | None:
    """Give the first fault of ``line`` (120 bytes), or None; fast when there is none."""
    if record_pattern(layout, strict=strict).fullmatch(line):
        orphan = _ORPHAN_MARK.search(line)
        return None if orphan is None else _orphan_finding(layout, orphan.start())
    offset = 0
    for field in layout.fields:
        value = line[offset : offset + field.length]
        finding = _field_fault(value, field, offset, strict=strict)
        if finding is not None:
            return finding
        offset += field.length
    raise AssertionError("the pattern refuses what every field accepts")


def _orphan_finding(layout: RecordLayout, byte: int) -> Finding:
    end, name = 0, ""
    for field in layout.fields:
        end, name = end + field.length, field.name
        if byte < end:
            break
    return Finding(Rule.VOICING_MARK, byte, name, kana.KanaProblem.ORPHAN_VOICING_MARK.value)


def _first_outside(value: bytes, legal: frozenset[int]) -> int:
    return next((i for i, byte in enumerate(value) if byte not in legal), len(value))


def _allowed_fault(value: bytes, field: Field, offset: int) -> Finding | None:
    if value.decode("latin-1") in field.allowed:
        return None
    if field.name == "code_kind" and value == b"1":
        return Finding(Rule.EBCDIC, offset, field.name, "コード区分 1: EBCDIC is not read here")
    rule = Rule.TRANSFER_KIND if field.name == "transfer_kind" else Rule.FIELD_VALUE
    shown = ", ".join(f"'{choice}'" for choice in field.allowed)
    return Finding(rule, offset, field.name, f"{field.japanese} must be {shown}")


def _field_fault(value: bytes, field: Field, offset: int, *, strict: bool) -> Finding | None:
    if field.allowed:
        return _allowed_fault(value, field, offset)
    if field.type is FieldType.N:
        bad = _first_outside(value, _DIGITS)
        rule, message = Rule.FIELD_DIGITS, f"{field.japanese} must be digits"
    elif field.character_class is None:
        bad = _first_outside(value, frozenset(b" "))
        rule, message = Rule.FIELD_VALUE, f"{field.japanese} must be spaces"
    else:
        bad = _first_outside(value, legal_bytes(field.character_class, strict=strict))
        rule, message = Rule.FIELD_CHARACTER, f"{field.japanese} holds a forbidden character"
    if bad < len(value):
        return Finding(rule, offset + bad, field.name, message)
    if field.type is FieldType.N or field.character_class is None:
        return None
    if not value.strip(b" "):
        if not field.required:
            return None
        return Finding(Rule.FIELD_REQUIRED, offset, field.name, f"{field.japanese} is empty")
    if value[0] == _SPACE:
        text = f"{field.japanese} must begin at the left"
        return Finding(Rule.FIELD_ALIGNMENT, offset, field.name, text)
    return None


def date_fault(mmdd: bytes) -> Finding | None:
    """Refuse a 取組日 that is a date in no year; four digits are given."""
    month, day = int(mmdd[:2]), int(mmdd[2:])
    if 1 <= month <= 12 and 1 <= day <= _DAYS_IN_MONTH[month - 1]:
        return None
    offset = formats.HEADER.offset_of("value_date_mmdd")
    return Finding(Rule.DATE, offset, "value_date_mmdd", "取組日 is no date")


def amount_fault(amount_yen: int, amount_yen_max: int) -> Finding | None:
    """Refuse 0 yen and what the contract does not carry in one payment."""
    offset = formats.DATA.offset_of("amount_yen")
    if amount_yen < 1:
        return Finding(Rule.AMOUNT_ZERO, offset, "amount_yen", "振込金額 must be at least 1 yen")
    if amount_yen > amount_yen_max:
        text = f"振込金額 exceeds {amount_yen_max} yen"
        return Finding(Rule.LIMIT_AMOUNT, offset, "amount_yen", text)
    return None
