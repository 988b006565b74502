"""Messages put together of serialised parts, so that what is only carried is not parsed again.

A protobuf message is the concatenation of its fields in any order: a field that is there already as
bytes is added behind the others with its tag and length.
Source: protobuf.dev/programming-guides/encoding, "Message Structure" and "Last One Wins".
"""

from typing import Final

_LENGTH_DELIMITED: Final = 2
_ONE_BYTE: Final = 0x80


def varint(number: int) -> bytes:
    """A non-negative number as a base-128 varint."""
    if number < _ONE_BYTE:
        return bytes((number,))
    out = bytearray()
    while number >= _ONE_BYTE:
        out.append(number & 0x7F | _ONE_BYTE)
        number >>= 7
    out.append(number)
    return bytes(out)


def tag(field_number: int) -> bytes:
    """The tag of a length-delimited field."""
    return varint(field_number << 3 | _LENGTH_DELIMITED)


def field(field_tag: bytes, content: bytes) -> bytes:
    """A length-delimited field: a message, bytes or text."""
    return field_tag + varint(len(content)) + content
