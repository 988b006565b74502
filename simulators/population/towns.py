"""Where the synthetic households live: real municipality codes (全国地方公共団体コード)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Town:
    """`code` has six digits, the last a check digit; `weight` is the share of households."""

    code: str
    name: str
    weight: int


# Codes: 総務省 全国地方公共団体コード. Weights: population in thousands, from memory
# (docs/open_questions.md, Q15); for simulation only.
TOWNS = (
    Town("011002", "札幌市", 1973),
    Town("131016", "千代田区", 67),
    Town("271004", "大阪市", 2752),
    Town("401307", "福岡市", 1612),
    Town("472018", "那覇市", 318),
)


def check_digit(first_five: str) -> int:
    """Check digit of a municipality code.

    Source: 総務省「都道府県コード及び市区町村コード」設定の考え方, modulus 11.
    """
    total = sum(
        int(digit) * weight for digit, weight in zip(first_five, (6, 5, 4, 3, 2), strict=True)
    )
    return (11 - total % 11) % 10
