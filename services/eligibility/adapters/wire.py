"""Messages put together of serialised parts, so that what is only carried is not parsed again.

A protobuf message is the concatenation of its fields in any order: a field that is there already as
bytes is added behind the others with its tag and length.
Source: protobuf.dev/programming-guides/encoding, "Message Structure" and "Last One Wins".
"""

from typing import Final

_LENGTH_DELIMITED: Final = 2
_ONE_BYTE: Final = 0x80
_64_BITS: Final = (1 << 64) - 1


def _varint(number: int) -> bytes:
    number &= _64_BITS
    out = bytearray()
    while number >= _ONE_BYTE:
        out.append(number & 0x7F | _ONE_BYTE)
        number >>= 7
    out.append(number)
    return bytes(out)


# Nearly every length and number that is written, so that few are put together anew.
_READY_END: Final = 4_096
_READY: Final = tuple(_varint(number) for number in range(_READY_END))


def varint(number: int) -> bytes:
    """A number as a base-128 varint; a negative one as its two's complement of 64 bits."""
    return _READY[number] if 0 <= number < _READY_END else _varint(number)


def tag(field_number: int) -> bytes:
    """The tag of a length-delimited field."""
    return varint(field_number << 3 | _LENGTH_DELIMITED)


def number_tag(field_number: int) -> bytes:
    """The tag of a number, a truth value or an enum."""
    return varint(field_number << 3)


def number(number_tag: bytes, value: int) -> bytes:
    """A number, a truth value or an enum; nothing where it is 0, as protobuf writes it."""
    return number_tag + varint(value) if value else b""


def field(field_tag: bytes, content: bytes) -> bytes:
    """A length-delimited field: a message, bytes or text."""
    size = len(content)
    return field_tag + (_READY[size] if size < _READY_END else _varint(size)) + content
