"""The one error that a Zengin file can raise, and the rules it can name."""

from enum import StrEnum, unique


@unique
class Rule(StrEnum):
    """Each rule a file must satisfy. Numbers stay; a dropped rule's number is not used again."""

    # FRM: framing and encoding of the file as a whole
    EMPTY = "FRM-01"
    BYTE_ORDER_MARK = "FRM-02"
    EBCDIC = "FRM-03"
    SEPARATOR = "FRM-04"
    RECORD_LENGTH = "FRM-05"
    TOO_LARGE = "FRM-06"
    # ORD: order of records
    HEADER_FIRST = "ORD-01"
    UNKNOWN_RECORD = "ORD-02"
    NO_DATA = "ORD-03"
    TRAILER_MISSING = "ORD-04"
    END_MISSING = "ORD-05"
    AFTER_END = "ORD-06"
    MULTIPLE_BATCHES = "ORD-07"
    # FLD: one field
    FIELD_DIGITS = "FLD-01"
    FIELD_CHARACTER = "FLD-02"
    FIELD_VALUE = "FLD-03"
    FIELD_REQUIRED = "FLD-04"
    FIELD_ALIGNMENT = "FLD-05"
    VOICING_MARK = "FLD-06"
    FIELD_OVERFLOW = "FLD-07"
    DATE = "FLD-08"
    AMOUNT_ZERO = "FLD-09"
    TRANSFER_KIND = "FLD-10"
    # SUM: records against each other
    TRAILER_COUNT = "SUM-01"
    TRAILER_AMOUNT = "SUM-02"
    DUPLICATE_RECORD = "SUM-03"
    RESULT_TOTALS = "SUM-04"
    # LIM: what a bank's contract or the trailer's width allows
    LIMIT_RECORDS = "LIM-01"
    LIMIT_AMOUNT = "LIM-02"
    LIMIT_TOTAL = "LIM-03"


class ZenginError(ValueError):
    """A file is refused whole.

    ``record_index`` counts records from 0 (the header), ``byte_offset`` bytes from the start of
    the file as framed, ``field`` is a name of ``formats`` or "" where no field is meant. The
    message never repeats the file's contents, which are personal data.
    """

    def __init__(
        self, rule: Rule, *, record_index: int, byte_offset: int, message: str, field: str = ""
    ) -> None:
        place = f"record {record_index + 1}, byte {byte_offset}" + (f", {field}" if field else "")
        super().__init__(f"{rule.value} {rule.name} at {place}: {message}")
        self.rule = rule
        self.record_index = record_index
        self.byte_offset = byte_offset
        self.field = field
        self.message = message
