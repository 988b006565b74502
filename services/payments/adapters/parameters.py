"""Reads the dated parameters: programmes' limits and how payers are derived."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from services.payments.domain.money import Yen
from services.payments.domain.payers import Payer, PayerPattern, synthetic_payer
from services.payments.domain.programmes import Programme

PARAMETERS: Final = Path(__file__).parents[1] / "parameters"


def load_programmes(path: Path = PARAMETERS / "programmes.toml") -> Mapping[str, Programme]:
    """Every programme by id; KeyError names what is missing."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        entry["programme"]: Programme(
            programme=entry["programme"],
            opens_at=entry["opens_at"],
            closes_at=entry["closes_at"],
            item_yen_max=Yen(entry["item_yen_max"]),
            payment_yen_max=Yen(entry["payment_yen_max"]),
            budget_yen_default=Yen(entry["budget_yen_default"]),
            file_records_max=entry["file_records_max"],
        )
        for entry in document["programme"]
    }


class PayerTable:
    """`ports.Payers` from `payers.toml`."""

    def __init__(self, path: Path = PARAMETERS / "payers.toml") -> None:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        self._pattern = PayerPattern(**document["synthetic"])

    def payer(self, municipality_code: str) -> Payer:
        return synthetic_payer(municipality_code, self._pattern)
