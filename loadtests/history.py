"""The client's own history: every attempt and its answer, one JSON line each, in the form that
`check_invariants` reads.
"""

import json
import time
from pathlib import Path
from typing import Any

from loadtests.applicants import Applicant


class History:
    """Appends to one file; a line is complete or absent."""

    def __init__(self, path: Path) -> None:
        self._lines = path.open("a", encoding="utf-8", buffering=1)

    def note(self, applicant: Applicant, key: str, status: int, answer: dict[str, Any]) -> None:
        """One attempt; status 0 means that no answer came."""
        line = {
            "t": round(time.time(), 3),
            "label": applicant.label,
            "client_id": applicant.client_id,
            "programme": applicant.programme,
            "key": key,
            "body_sha256": applicant.body_sha256,
            "status": status,
            "application_id": answer.get("application_id"),
            "receipt_number": answer.get("receipt_number"),
            "subject": answer.get("subject"),
            "code": answer.get("code"),
            "error_body": answer if status >= 400 else None,
        }
        self._lines.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """No more lines."""
        self._lines.close()
