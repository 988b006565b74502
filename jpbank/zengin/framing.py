"""How 120-byte records lie in a file: unseparated, or each followed by CR, LF or CR LF.

Reading finds the framing by itself and accepts a missing last separator and one final 0x1A.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from jpbank.zengin.errors import Rule, ZenginError
from jpbank.zengin.formats import RECORD_LENGTH

#: Header, 999,999 payments (the trailer's width), trailer and end, each with CR LF, and 0x1A.
FILE_BYTES_MAX: Final = (999_999 + 3) * (RECORD_LENGTH + 2) + 1
_END_OF_FILE: Final = b"\x1a"
_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")
_EBCDIC_ONE: Final = b"\xf1"  # the header's "1" in EBCDIC; no kana of JIS X 0201 lies there


@unique
class Framing(Enum):
    """What follows every record, the last one included."""

    NONE = b""
    CR = b"\r"
    LF = b"\n"
    CRLF = b"\r\n"

    @property
    def stride_bytes(self) -> int:
        """Give the distance between the starts of two records."""
        return RECORD_LENGTH + len(self.value)


@dataclass(frozen=True, slots=True)
class FramedLines:
    """The records of a file, 120 bytes each, and the framing they were found in."""

    lines: list[bytes]
    framing: Framing


def _refuse(
    rule: Rule, message: str, *, record_index: int = 0, byte_offset: int = 0
) -> ZenginError:
    return ZenginError(rule, record_index=record_index, byte_offset=byte_offset, message=message)


def _check_start(data: bytes) -> None:
    if not data.rstrip(b"\r\n" + _END_OF_FILE):
        raise _refuse(Rule.EMPTY, "the file holds no record")
    if len(data) > FILE_BYTES_MAX:
        raise _refuse(
            Rule.TOO_LARGE,
            "the file is larger than 999,999 payments can be",
            record_index=999_999,
            byte_offset=FILE_BYTES_MAX,
        )
    if data.startswith(_BYTE_ORDER_MARKS):
        raise _refuse(Rule.BYTE_ORDER_MARK, "a byte order mark precedes the header")
    if data.startswith(_EBCDIC_ONE):
        raise _refuse(Rule.EBCDIC, "the file is written in EBCDIC, which is not read here")


def _detect(data: bytes) -> Framing:
    """Let the majority of separators speak, so that one damaged separator is found as such."""
    for framing in (Framing.CRLF, Framing.CR, Framing.LF):
        places = max(1, len(data[RECORD_LENGTH :: framing.stride_bytes]))
        matches = min(
            data[RECORD_LENGTH + step :: framing.stride_bytes].count(byte)
            for step, byte in enumerate(framing.value)
        )
        if 2 * matches > places:
            return framing
    # A byte lost or gained early shifts the rest: then the first separator tells what was meant.
    after_first = data[RECORD_LENGTH : RECORD_LENGTH + 2]
    meant = (f for f in (Framing.CRLF, Framing.CR, Framing.LF) if after_first.startswith(f.value))
    return next(meant, Framing.NONE)


def _check_separators(data: bytes, framing: Framing, count: int) -> None:
    """Compare every separator at once by strided slices; look for the place only on failure."""
    separator, stride = framing.value, framing.stride_bytes
    for step, byte in enumerate(separator):
        column = data[RECORD_LENGTH + step :: stride]
        wrong = len(column) - len(column.lstrip(bytes([byte])))
        if wrong < len(column):
            raise _refuse(
                Rule.SEPARATOR,
                f"expected the separator {framing.name} as after the first record",
                record_index=wrong,
                byte_offset=wrong * stride + RECORD_LENGTH + step,
            )
    missing = count * stride - len(data)
    if missing not in (0, len(separator)):
        last = count - 1
        raise _refuse(
            Rule.RECORD_LENGTH,
            f"the last record is not {RECORD_LENGTH} bytes long",
            record_index=last,
            byte_offset=len(data),
        )


def split_records(data: bytes) -> FramedLines:
    """Cut a file into its records; raise ZenginError where it does not come apart evenly."""
    _check_start(data)
    body = data.removesuffix(_END_OF_FILE)
    framing = _detect(body)
    stride = framing.stride_bytes
    count = -(-len(body) // stride)
    _check_separators(body, framing, count)
    lines = [body[start : start + RECORD_LENGTH] for start in range(0, count * stride, stride)]
    return FramedLines(lines, framing)
