"""Fingerprints: keyed digests that stand for a value where the value itself may not go.

Each purpose has its own pepper, so that fingerprints of different purposes cannot be joined.
"""

import hmac
from typing import Final

FINGERPRINT_BYTES: Final = 16
PEPPER_BYTES: Final = 32
SEPARATOR: Final = "|"


class Fingerprinter:
    """HMAC-SHA256 under one pepper (32 bytes), cut to 16 bytes."""

    __slots__ = ("_pepper",)

    def __init__(self, pepper: bytes) -> None:
        if len(pepper) != PEPPER_BYTES:
            raise ValueError("a pepper has 32 bytes")
        self._pepper = pepper

    def fingerprint(self, canonical: bytes) -> bytes:
        """The 16 bytes that stand for `canonical`."""
        return hmac.digest(self._pepper, canonical, "sha256")[:FINGERPRINT_BYTES]

    def of(self, *parts: str) -> bytes:
        """The fingerprint of the parts joined in canonical form."""
        return self.fingerprint(canonical(*parts))


def canonical(*parts: str) -> bytes:
    """The parts joined by `|` in UTF-8; a part that holds the separator is refused."""
    if any(SEPARATOR in part for part in parts):
        raise ValueError("a part of a fingerprint holds the separator")
    return SEPARATOR.join(parts).encode()
