"""Fingerprints: keyed, purpose-bound and unambiguous."""

import hashlib
import hmac

import pytest

from chassis.fingerprints import Fingerprinter, canonical


def test_a_fingerprint_is_the_documented_hmac() -> None:
    pepper = bytes(range(32))
    expected = hmac.new(pepper, b"card|issuer|0001", hashlib.sha256).digest()[:16]
    assert Fingerprinter(pepper).of("card", "issuer", "0001") == expected


def test_different_peppers_give_unrelated_fingerprints() -> None:
    first, second = Fingerprinter(b"a" * 32), Fingerprinter(b"b" * 32)
    assert first.fingerprint(b"x") != second.fingerprint(b"x")


def test_a_part_with_the_separator_is_refused() -> None:
    with pytest.raises(ValueError, match="separator"):
        canonical("a|b", "c")


def test_a_short_pepper_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Fingerprinter(b"short")
