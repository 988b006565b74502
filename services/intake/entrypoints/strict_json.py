"""JSON taken strictly, because what is read here decides whom money goes to.

Refused: bytes that are not UTF-8, a key given twice (two readers would see two documents), NaN and
Infinity, control characters and lone surrogates in text, nesting and sizes beyond any form.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from services.intake.domain.refusals import FieldCode, FieldError

DEPTH_MAX: Final = 6
# No form has so many values; a body of 64 KiB could hold thirty thousand.
VALUES_MAX: Final = 1_000
# C0 and C1 controls, lone surrogates, and controls of writing direction: none belongs in a form.
_BAD_CHARACTERS: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_WHOLE: Final = "(body)"
T = TypeVar("T")


class NotJson(Exception):
    """The body is not one JSON document."""


class BadValue(Exception):
    """The document is JSON, and one field of it cannot be taken."""

    def __init__(self, field: str, code: FieldCode) -> None:
        super().__init__(code)
        self.error = FieldError(field or _WHOLE, code)


def decode(body: bytes, shape: Any, convert: Callable[..., T] = msgspec.convert) -> T:
    """The body as `shape`; raises NotJson or BadValue, neither of which holds a value."""
    try:
        document = _DECODER.decode(body.decode("utf-8"))
    except RecursionError:
        raise BadValue("", FieldCode.TOO_DEEP) from None
    except ValueError:
        # Also UnicodeDecodeError, and numbers with more digits than Python converts.
        raise NotJson from None
    _inspect(document)
    try:
        return convert(document, shape)
    except msgspec.ValidationError as error:
        raise _bad_value(str(error)) from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadValue("", FieldCode.DUPLICATE_FIELD)
    return members


def _refuse_constant(_: str) -> Any:
    raise ValueError("not a JSON number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_refuse_constant)


def _inspect(document: Any) -> None:
    """Walk every value once, level by level; paths are only built for the level that fails."""
    level: list[Any] = [document]
    seen = 0
    for _ in range(DEPTH_MAX + 1):
        below: list[Any] = []
        for value in level:
            if type(value) is str:
                if not value.isprintable() and _BAD_CHARACTERS.search(value):
                    raise BadValue(_path_of(document, value), FieldCode.BAD_CHARACTER)
            elif type(value) is dict:
                if any(_BAD_CHARACTERS.search(key) for key in value):
                    raise BadValue("", FieldCode.UNKNOWN_FIELD)
                below.extend(value.values())
            elif type(value) is list:
                below.extend(value)
        seen += len(level)
        if seen > VALUES_MAX:
            raise BadValue("", FieldCode.TOO_LONG)
        if not below:
            return
        level = below
    raise BadValue("", FieldCode.TOO_DEEP)


_KNOWN_NAME: Final = re.compile("[a-z_]{1,32}")


def _path_of(document: Any, wanted: str) -> str:
    """The path of a text within the document; names that are not of our alphabet end it, since a
    name from a client may itself carry data.
    """
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        path, value = stack.pop()
        if value is wanted:
            return path
        if isinstance(value, dict):
            stack.extend(
                (f"{path}.{name}" if path else name, inner)
                for name, inner in value.items()
                if _KNOWN_NAME.fullmatch(name)
            )
        elif isinstance(value, list):
            stack.extend((f"{path}[{index}]", inner) for index, inner in enumerate(value))
    return ""


# msgspec's messages as of 0.22; a test holds each of them. They quote values, so only their form
# is used.
_PLACE: Final = " - at `$"
_UNKNOWN_FIELD: Final = "Object contains unknown field"
_PARENT: Final = re.compile(r"persons\[[0-9]+\]|payout|contact")
_MISSING: Final = re.compile(r"Object missing required field `([a-z_]+)`")
_CODES: Final[tuple[tuple[str, FieldCode], ...]] = (
    ("Invalid enum value", FieldCode.UNKNOWN_VALUE),
    ("Invalid value", FieldCode.UNKNOWN_VALUE),
    ("Invalid RFC3339", FieldCode.NOT_A_DATE),
    ("Invalid ISO8601", FieldCode.NOT_A_DATE),
)
_LENGTH_CODES: Final[tuple[tuple[str, FieldCode], ...]] = (
    (" of length >=", FieldCode.TOO_SHORT),
    (" of length <=", FieldCode.TOO_LONG),
    ("matching regex", FieldCode.BAD_FORMAT),
)


def _bad_value(message: str) -> BadValue:
    text, _, path = message.partition(_PLACE)
    field = path.removesuffix("`").lstrip(".")
    if text.startswith(_UNKNOWN_FIELD):
        # Names of unknown fields are the client's own words: only the place above them is told.
        return BadValue(field if _PARENT.fullmatch(field) else "", FieldCode.UNKNOWN_FIELD)
    missing = _MISSING.match(text)
    if missing is not None:
        name = missing.group(1)
        return BadValue(f"{field}.{name}" if field else name, FieldCode.REQUIRED)
    for start, code in _CODES:
        if text.startswith(start):
            return BadValue(field, code)
    for part, code in _LENGTH_CODES:
        if text.startswith("Expected") and part in text:
            return BadValue(field, code)
    return BadValue(field, FieldCode.WRONG_TYPE)
