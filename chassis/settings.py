"""Settings from the environment, read once at start by each service's `settings.py`.

Invariants: a missing or malformed variable ends the start, and the error names every such variable
at once, never a value. Defaults belong to ports and limits; a secret gets none.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from chassis.sensitive import Sensitive

T = TypeVar("T")

_VARIABLE = "chassis.settings.variable"
_DEFAULT = "chassis.settings.default"
_TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
_FALSE_WORDS = frozenset({"0", "false", "no", "off"})


class SettingsError(Exception):
    """Names each variable that is missing or cannot be read; carries no values."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("settings: " + "; ".join(problems))
        self.problems = problems


class _Missing:
    pass


_MISSING = _Missing()


def env(variable: str, default: object = _MISSING) -> Any:
    """A dataclass field that `load` fills from `variable`.

    The field is keyword-only, so optional ones may stand before required ones. The default also
    holds when a test builds the dataclass itself.
    """
    metadata = {_VARIABLE: variable, _DEFAULT: default}
    if isinstance(default, _Missing):
        return dataclasses.field(metadata=metadata, kw_only=True)
    return dataclasses.field(default=default, metadata=metadata, kw_only=True)


def load(cls: type[T], environ: Mapping[str, str]) -> T:
    """Build the dataclass `cls` from `environ`; raises SettingsError with all problems at once.

    Types understood: str, int, float, bool, Path, aware datetime (ISO 8601), tuple[str, ...]
    (comma separated), Sensitive[str], and any of them `| None`. An empty value counts as missing.
    """
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls.__name__} is not a dataclass")
    hints = typing.get_type_hints(cls)
    values: dict[str, object] = {}
    problems: list[str] = []
    for field in dataclasses.fields(cls):
        variable = field.metadata.get(_VARIABLE)
        if variable is None:
            continue
        text = environ.get(variable, "")
        if not text:
            if isinstance(field.metadata[_DEFAULT], _Missing):
                problems.append(f"{variable} is missing")
            continue
        try:
            values[field.name] = _parse(hints[field.name], text)
        except ValueError:
            problems.append(f"{variable} is not a valid {_type_name(hints[field.name])}")
    if problems:
        raise SettingsError(problems)
    return typing.cast(T, cls(**values))


def _type_name(hint: object) -> str:
    return getattr(hint, "__name__", None) or str(hint)


def _parse(hint: Any, text: str) -> object:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not type(None)]
        if len(inner) != 1:
            raise TypeError(f"settings cannot hold {hint}")
        return _parse(inner[0], text)
    if origin is tuple and arguments == (str, ...):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if origin is Sensitive:
        return Sensitive(_parse(arguments[0], text))
    parser = _PARSERS.get(hint)
    if parser is None:
        raise TypeError(f"settings cannot hold {hint}")
    return parser(text)


def _parse_bool(text: str) -> bool:
    word = text.lower()
    if word in _TRUE_WORDS:
        return True
    if word in _FALSE_WORDS:
        return False
    raise ValueError("not a truth value")


def _parse_instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("without a time zone")
    return instant


_PARSERS: dict[object, Callable[[str], object]] = {
    str: str,
    int: int,
    float: float,
    bool: _parse_bool,
    Path: Path,
    datetime: _parse_instant,
}
