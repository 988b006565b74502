"""Personal data is found in whatever notation it stands, and other digits are left alone."""

import pytest

from loadtests.check_invariants.canaries import CanaryFinder


@pytest.mark.parametrize(
    "content",
    [
        "name テスト".encode(),
        "ﾃｽﾄｱ".encode(),
        "ﾃｽﾄ".encode("cp932"),
        b'{"name": "\\u30c6\\u30b9\\u30c8"}',
        b"to shiken-00@kyufu.example",
        b"call +810012345678",
        b"account 000100111234567 closed",
    ],
)
def test_personal_data_is_found_in_any_notation(content: bytes) -> None:
    finder = CanaryFinder(frozenset({b"000100111234567"}))
    assert list(finder.find(content))


def test_other_digits_are_no_canary() -> None:
    finder = CanaryFinder(frozenset({b"000100111234567"}))
    assert list(finder.find(b"offset 100000000000000, partition 3")) == []
