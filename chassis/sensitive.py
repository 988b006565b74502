"""A wrapper for values that must not reach a log, a metric, a trace or an error text.

Whoever needs the value says so with `.reveal()`, which is easy to find in a review.
"""

from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T")

MASK = "[sensitive]"


class Sensitive(Generic[T]):
    """Holds one value and masks it in str, repr and format; refuses to be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself; the caller answers for where it goes."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sensitive value is not pickled")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a sensitive value is not pickled")
