"""Record layouts as data: what stands where in 総合振込 (種別 21) and in our result file.

Offsets are computed from lengths, and the lengths of every layout are checked to sum to 120 when
this module is imported. Type N is right-aligned digits padded with ``0``, type C left-aligned
characters padded with spaces.

Sources: 全銀協「適用業務およびレコード・フォーマット」令和元年12月 by way of zengin4j docs/formats,
which five bank guides confirm; 預金口座振替 (91) from the same for the result file's trailer.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from jpbank.kana import CharacterClass

RECORD_LENGTH: Final = 120
#: Byte of a 総合振込 data record that says what the customer codes are (識別表示).
EDI_FLAG_OFFSET: Final = 112
#: Byte of our result record that carries the result code, as 振替結果 does in format 91.
RESULT_CODE_OFFSET: Final = 111


@unique
class FieldType(Enum):
    """The two types of a field in the JBA's tables."""

    N = "N"
    C = "C"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``allowed`` lists its only values; ``character_class`` what a C field may hold.

    A C field without either holds spaces only (ダミー). ``japanese`` is the name in the JBA's
    tables, ``note`` whatever a source says beyond length and type.
    """

    name: str
    type: FieldType
    length: int
    japanese: str
    allowed: tuple[str, ...] = ()
    character_class: CharacterClass | None = None
    required: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """The fields of one kind of record, in order."""

    name: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        """Refuse a layout that does not fill its record: a slip here would shift every payment."""
        total = sum(field.length for field in self.fields)
        if total != RECORD_LENGTH:
            raise ValueError(f"layout {self.name} sums to {total}, not {RECORD_LENGTH}")

    def offset_of(self, name: str) -> int:
        """Give the 0-based byte at which the named field starts."""
        offset = 0
        for field in self.fields:
            if field.name == name:
                return offset
            offset += field.length
        raise KeyError(name)

    def slice_of(self, name: str) -> slice:
        """Give the slice that cuts the named field out of a record."""
        start = self.offset_of(name)
        length = next(field.length for field in self.fields if field.name == name)
        return slice(start, start + length)


def _n(name: str, length: int, japanese: str, *allowed: str, note: str = "") -> Field:
    return Field(name, FieldType.N, length, japanese, allowed=allowed, note=note)


def _dummy(length: int) -> Field:
    return Field("filler", FieldType.C, length, "ダミー")


def _name(
    name: str, length: int, japanese: str, character_class: CharacterClass, *, required: bool
) -> Field:
    return Field(
        name,
        FieldType.C,
        length,
        japanese,
        character_class=character_class,
        required=required,
    )


_BANK = CharacterClass.BANK_NAME
_PARTY = CharacterClass.PARTY_NAME

HEADER: Final = RecordLayout(
    "header",
    (
        _n("record_kind", 1, "データ区分", "1"),
        _n("transfer_kind", 2, "種別コード", "21"),
        _n("code_kind", 1, "コード区分", "0", note="0 JIS, 1 EBCDIC (refused by name)"),
        _n("client_code", 10, "委託者コード", note="issued by the bank"),
        _name("client_name", 40, "委託者名", _PARTY, required=True),
        _n("value_date_mmdd", 4, "取組日", note="MMDD, a bank day, no year"),
        _n("bank_code", 4, "仕向銀行番号"),
        _name("bank_name", 15, "仕向銀行名", _BANK, required=False),
        _n("branch_code", 3, "仕向支店番号"),
        _name("branch_name", 15, "仕向支店名", _BANK, required=False),
        _n("account_type", 1, "預金種目(依頼人)", "1", "2", "9"),
        _n("account_number", 7, "口座番号(依頼人)"),
        _dummy(17),
    ),
)

_DATA_HEAD: Final = (
    _n("record_kind", 1, "データ区分", "2"),
    _n("bank_code", 4, "被仕向銀行番号"),
    _name("bank_name", 15, "被仕向銀行名", _BANK, required=False),
    _n("branch_code", 3, "被仕向支店番号"),
    _name("branch_name", 15, "被仕向支店名", _BANK, required=False),
    _n("clearing_house", 4, "手形交換所番号", "0000", "    ", note="unused; some write spaces"),
    _n("account_type", 1, "預金種目", "1", "2", "4", "9"),
    _n("account_number", 7, "口座番号"),
    _name("payee_name", 30, "受取人名", _PARTY, required=True),
    _n("amount_yen", 10, "振込金額", note="1 to 9,999,999,999 yen"),
    _n("new_code", 1, "新規コード", "0", "1", "2", note="1 first time, 2 changed, 0 other"),
)
_CUSTOMER_CODES: Final = (
    _n("customer_code_1", 10, "顧客コード1"),
    _n("customer_code_2", 10, "顧客コード2"),
)
_EDI: Final = Field(
    "edi_information", FieldType.C, 20, "EDI情報", character_class=CharacterClass.EDI
)
_TRANSFER_CLASS: Final = _n(
    "transfer_class", 1, "振込指定区分", "7", "8", note="7 テレ振込, 8 文書振込; processed alike"
)
_FLAG_CODES: Final = Field("edi_flag", FieldType.C, 1, "識別表示", allowed=(" ",))
_FLAG_EDI: Final = Field("edi_flag", FieldType.C, 1, "識別表示", allowed=("Y",))

DATA: Final = RecordLayout(
    "data", (*_DATA_HEAD, *_CUSTOMER_CODES, _TRANSFER_CLASS, _FLAG_CODES, _dummy(7))
)
DATA_EDI: Final = RecordLayout(
    "data_edi", (*_DATA_HEAD, _EDI, _TRANSFER_CLASS, _FLAG_EDI, _dummy(7))
)
TRAILER: Final = RecordLayout(
    "trailer",
    (
        _n("record_kind", 1, "データ区分", "8"),
        _n("count", 6, "合計件数"),
        _n("total_yen", 12, "合計金額"),
        _dummy(101),
    ),
)
END: Final = RecordLayout("end", (_n("record_kind", 1, "データ区分", "9"), _dummy(119)))

# Ours: no standard result file exists for 総合振込. Each record is the payment's own line with the
# result code where 91 carries 振替結果; 7 and 8 are no result codes, so neither kind of file passes
# for the other.
_RESULT_CODE: Final = _n("result_code", 1, "振込結果", "0", "1", "2", "3", "4", "9", note="ours")
RESULT_DATA: Final = RecordLayout(
    "result_data", (*_DATA_HEAD, *_CUSTOMER_CODES, _RESULT_CODE, _FLAG_CODES, _dummy(7))
)
RESULT_DATA_EDI: Final = RecordLayout(
    "result_data_edi", (*_DATA_HEAD, _EDI, _RESULT_CODE, _FLAG_EDI, _dummy(7))
)
RESULT_TRAILER: Final = RecordLayout(
    "result_trailer",
    (
        _n("record_kind", 1, "データ区分", "8"),
        _n("count", 6, "合計件数"),
        _n("total_yen", 12, "合計金額"),
        _n("paid_count", 6, "済件数"),
        _n("paid_yen", 12, "済金額"),
        _n("failed_count", 6, "不能件数"),
        _n("failed_yen", 12, "不能金額"),
        _dummy(65),
    ),
)
