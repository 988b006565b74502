"""How much disk the state of stages takes, once it is compacted: a log of writes says little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rocksdict import Rdict

DATABASE = "db"


def state_bytes(folder: Path, stages: Sequence[str]) -> dict[str, int]:
    """Bytes of each stage's stores below a folder; their workers must have ended."""
    found = dict.fromkeys(stages, 0)
    for database in folder.rglob(DATABASE):
        stage = database.parent.parent.name
        if database.is_dir() and stage in found:
            store = Rdict(str(database))
            store.flush()
            store.compact_range(None, None)
            store.close()
            found[stage] += sum(each.stat().st_size for each in database.glob("*.sst"))
    return found
