"""Append-only files of delivered notices."""

import hashlib
import json
import time
from pathlib import Path


class Mailbox:
    """One JSON line per delivered message; recipients appear as hashes only."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a", encoding="utf-8")

    def keys(self) -> set[str]:
        """Message ids and provider keys delivered before, read back after a restart."""
        lines = self._path.read_text(encoding="utf-8").splitlines()
        return {json.loads(line)["id"] for line in lines}

    def deliver(self, *, channel: str, message_id: str, to: str, subject: str, body: str) -> None:
        line = {
            "at": round(time.time(), 3),
            "channel": channel,
            "id": message_id,
            "to_hash": hashlib.sha256(to.encode()).hexdigest()[:16],
            "subject": subject,
            "body": body,
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()
