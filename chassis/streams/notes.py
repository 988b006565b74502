"""What every commit says beside its offsets, so that whoever comes next knows it.

It stands in the offsets' metadata: written in the same step as they are, bound to the partition and
not to a worker's disk, and gone only where the offset is gone. The broker takes 4,096 bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple


class Window(NamedTuple):
    """Dead letters of a partition since a moment (Unix milliseconds)."""

    since_ms: int
    spent: int


NO_WINDOW = Window(0, 0)


@dataclass(frozen=True, slots=True)
class Note:
    """One commit's note."""

    inputs: frozenset[str] = frozenset()
    """Every input that the group has ever committed."""
    dead_letters: Window = NO_WINDOW

    @property
    def text(self) -> str:
        """As it is committed."""
        said = {"inputs": sorted(self.inputs), "dead_letters": self.dead_letters}
        return json.dumps(said, separators=(",", ":"))


def joined(texts: Iterable[str | None]) -> Note:
    """What the notes beside several offsets say together; words of a person's own say nothing."""
    inputs: set[str] = set()
    window = NO_WINDOW
    for text in texts:
        try:
            said: Any = json.loads(text or "{}")
            inputs.update(said.get("inputs", ()))
            window = max(window, Window(*said.get("dead_letters", NO_WINDOW)))
        except (ValueError, TypeError, AttributeError):
            continue
    return Note(frozenset(inputs), window)
