"""Reads the texts of the notices from parameters/texts.toml."""

import tomllib
from pathlib import Path
from typing import Final

from services.notify.domain.texts import Catalogue, Wording

TEXTS_PATH: Final = Path(__file__).parents[1] / "parameters" / "texts.toml"


def load_texts(path: Path = TEXTS_PATH) -> Catalogue:
    """The catalogue as written; `domain.texts.problems` judges it."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return Catalogue(
        wordings={
            (template, language): Wording(
                subject=entry["subject"], body=entry["body"].strip() + "\n", sms=entry["sms"]
            )
            for template, languages in document["templates"].items()
            for language, entry in languages.items()
        },
        reasons=_by_language(document["reasons"]),
        programmes=_by_language(document["programmes"]),
    )


def _by_language(table: dict[str, dict[str, str]]) -> dict[tuple[str, str], str]:
    return {
        (name, language): text
        for name, languages in table.items()
        for language, text in languages.items()
    }
