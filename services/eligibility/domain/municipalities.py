"""全国地方公共団体コード: two digits prefecture, three municipality, one check digit.

Source: 総務省「都道府県コード及び市区町村コード」仕様 (see docs/sources.md). Check digit:
(11 - (6a+5b+4c+3d+2e mod 11)) mod 10.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Final

_WEIGHTS: Final = (6, 5, 4, 3, 2)
_PREFECTURES: Final = frozenset(f"{number:02d}" for number in range(1, 48))
CODE_DIGITS: Final = 6
# There are about 1,900; whatever else comes is a fault and must not fill the memory.
_CACHED_MAX: Final = 4_096


class CodeProblem(StrEnum):
    """What is wrong with a code."""

    FORM = "not_six_digits"
    UNKNOWN = "unknown_municipality"
    CHECK_DIGIT = "check_digit"


def problem_of(code: str) -> CodeProblem | None:
    """None for a code that a municipality can have. Prefectures themselves (xx000) are none."""
    if len(code) != CODE_DIGITS or not (code.isascii() and code.isdigit()):
        return CodeProblem.FORM
    if code[:2] not in _PREFECTURES or code[2:5] == "000":
        return CodeProblem.UNKNOWN
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, code, strict=False))
    if (11 - total % 11) % 10 != int(code[5]):
        return CodeProblem.CHECK_DIGIT
    return None


@lru_cache(maxsize=_CACHED_MAX)
def is_known(code: str) -> bool:
    """Whether a municipality can have this code. A register repeats few codes very often."""
    return problem_of(code) is None
