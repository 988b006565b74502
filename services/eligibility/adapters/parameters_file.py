"""Loads the dated rules of programmes from `parameters/`. A value that is missing, misspelt or of
another type ends the start: nobody is paid by half-read rules.
"""

import hashlib
from datetime import date
from pathlib import Path

import msgspec

from services.eligibility.domain.rules import Programme, Programmes, Window
from services.eligibility.domain.words import Yen

FOLDER = Path(__file__).parents[1] / "parameters"


class _Window(msgspec.Struct, forbid_unknown_fields=True):
    opens_on: date
    closes_on: date


class _File(msgspec.Struct, forbid_unknown_fields=True):
    programme: str
    rule_version: str
    source: str
    base_date: date
    snapshot_id: str
    yen_per_person: int
    occurrence: str
    claim_yen_max: int
    my_number_allowed: bool
    window: _Window
    windows: dict[str, _Window]


def load_programmes(folder: Path = FOLDER) -> Programmes:
    """Every programme of the folder by its name. Raises ValueError naming the file."""
    found: Programmes = {}
    for path in sorted(folder.glob("*.toml")):
        programme = _programme(path)
        if programme.programme in found:
            raise ValueError(f"{path.name}: the programme is declared twice")
        found[programme.programme] = programme
    return found


def rules_digest(folder: Path = FOLDER) -> str:
    """Names the rules that decide: changes with any byte of any parameters file."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(folder.glob("*.toml")):
        content = path.read_bytes()
        digest.update(b"%b\0%d\0%b" % (path.name.encode(), len(content), content))
    return digest.hexdigest()


def _programme(path: Path) -> Programme:
    try:
        content = msgspec.toml.decode(path.read_bytes(), type=_File)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path.name}: {error}") from error
    if content.my_number_allowed:
        raise ValueError(f"{path.name}: no part of this system may handle individual numbers")
    if content.yen_per_person <= 0 or content.claim_yen_max < content.yen_per_person:
        raise ValueError(f"{path.name}: yen out of range")
    return Programme(
        programme=content.programme,
        rule_version=content.rule_version,
        snapshot_id=content.snapshot_id,
        base_date=_number(content.base_date),
        window=_window(content.window),
        windows={code: _window(window) for code, window in content.windows.items()},
        yen_per_person=Yen(content.yen_per_person),
        occurrence=content.occurrence,
        claim_yen_max=Yen(content.claim_yen_max),
    )


def _window(window: _Window) -> Window:
    return Window(_number(window.opens_on), _number(window.closes_on))


def _number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day
