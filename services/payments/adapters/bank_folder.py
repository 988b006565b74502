"""The bank's folders: files go to `to_bank`, answers come into `from_bank`.

A file is written under a temporary name, synced, and linked to its name: a link never overwrites,
so a name stands for one content for ever. What was read stays where it is, for those who check.
The bank, too, leaves what it took: from a folder that it empties, a file whose delivery is resumed
after a crash would be put down a second time.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from services.payments.domain.facts import ArrivedFile

TO_BANK: Final = "to_bank"
FROM_BANK: Final = "from_bank"
ANSWER_ENDINGS: Final = (".receipt.json", ".result.dat")
ANSWERS_PER_ROUND_MAX: Final = 200
_TEMPORARY: Final = ".tmp"


class BankFolder:
    """`ports.BankChannel` on two folders below `root`."""

    def __init__(self, root: Path) -> None:
        self._outgoing = root / TO_BANK
        self._incoming = root / FROM_BANK
        self._outgoing.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(parents=True, exist_ok=True)
        for left_over in self._outgoing.glob(f".*{_TEMPORARY}"):
            left_over.unlink(missing_ok=True)
        self._unchanged: dict[str, tuple[int, int]] = {}

    def deliver(self, file_name: str, content: bytes) -> bool:
        target = self._outgoing / file_name
        # A name of its own for each attempt: two of them must never write into one file.
        temporary = self._outgoing / f".{file_name}.{secrets.token_hex(8)}{_TEMPORARY}"
        if not target.exists():
            try:
                _write_synced(temporary, content)
                os.link(temporary, target)
            except FileExistsError:
                pass
            finally:
                temporary.unlink(missing_ok=True)
        _sync_folder(self._outgoing)
        return target.read_bytes() == content

    def arrived(self, known: Mapping[str, bytes]) -> list[ArrivedFile]:
        """Receipts before results, at most a bounded number a round. A file that was read is read
        again only when its size or time changed.
        """
        found: list[ArrivedFile] = []
        for ending in ANSWER_ENDINGS:
            for path in sorted(self._incoming.glob(f"*{ending}")):
                if len(found) >= ANSWERS_PER_ROUND_MAX:
                    return found
                status = path.stat()
                mark = (status.st_size, status.st_mtime_ns)
                if path.name in known and self._unchanged.get(path.name) == mark:
                    continue
                found.append(ArrivedFile(path.name, path.read_bytes()))
                self._unchanged[path.name] = mark
        return found


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
