"""Finds personal data where none may be. The synthetic people make it easy: all of it is marked.

Every synthetic name begins with テスト, every mail address ends in kyufu.example after "shiken-",
every telephone number begins with +8100, and every account that stands in `canaries.txt` of the run
has a canonical form of fifteen digits.
"""

import json
import re
from collections.abc import Iterator

NAME = "テスト"
HALF_WIDTH_NAME = "ﾃｽﾄ"
HIRAGANA_NAME = "てすと"
NAMES = (NAME, HALF_WIDTH_NAME, HIRAGANA_NAME)
MARKS = (
    *(name.encode() for name in NAMES),
    *(json.dumps(name).strip('"').encode() for name in NAMES),
    HALF_WIDTH_NAME.encode("cp932"),
    b"shiken-",
    b"+8100",
)
FIFTEEN_DIGITS = re.compile(rb"(?<!\d)\d{15}(?!\d)")


class CanaryFinder:
    """`accounts`: canonical accounts of the population, fifteen digits each."""

    def __init__(self, accounts: frozenset[bytes]) -> None:
        self._accounts = accounts
        self._marks = re.compile(b"|".join(re.escape(mark) for mark in MARKS))

    def find(self, content: bytes) -> Iterator[str]:
        """A text for each hit that says what kind it is, never the datum itself."""
        for match in self._marks.finditer(content):
            yield f"mark at byte {match.start()}"
        for match in FIFTEEN_DIGITS.finditer(content):
            if match.group() in self._accounts:
                yield f"account at byte {match.start()}"
