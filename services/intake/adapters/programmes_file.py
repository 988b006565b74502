"""Programmes that take applications, from `parameters/programmes.toml`."""

import tomllib
from pathlib import Path
from typing import Final

from services.intake.domain.applications import Programme

PROGRAMMES_PATH: Final = Path(__file__).parents[1] / "parameters" / "programmes.toml"


class ProgrammesFile:
    """The `ProgrammeCatalogue` port; the file is read once, at start."""

    def __init__(self, path: Path = PROGRAMMES_PATH) -> None:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        self._programmes = {
            entry["id"]: Programme(programme_id=entry["id"]) for entry in document["programme"]
        }

    def by_id(self, programme_id: str) -> Programme | None:
        return self._programmes.get(programme_id)
