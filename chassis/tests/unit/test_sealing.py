"""Sealing: only the right key, owner and field open a value."""

import time

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from kyufu.events.v1 import common_pb2

from chassis.sealing import Opener, SealBroken, Sealer, UnknownSealingKey, WrongOwner

PRIVATE = X25519PrivateKey.generate()
OTHER = X25519PrivateKey.generate()
OWNER = bytes(range(20))
PLAINTEXT = "ﾃｽﾄ ﾀﾛｳ".encode()


class Seconds:
    """A hand-moved monotonic clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _sealer(seconds: Seconds | None = None, uses_max: int = 1000) -> Sealer:
    return Sealer(
        {"identity": PRIVATE.public_key()},
        monotonic=seconds or Seconds(),
        data_key_age_max_s=600.0,
        data_key_uses_max=uses_max,
    )


def _sealed(sealer: Sealer | None = None, field: str = "name_kana") -> common_pb2.Sealed:
    return (sealer or _sealer()).seal("identity", "application", OWNER, field, PLAINTEXT)


def test_the_holder_of_the_private_key_opens_it() -> None:
    sealed = _sealed()
    assert sealed.purpose == common_pb2.PURPOSE_IDENTITY
    assert PLAINTEXT not in sealed.SerializeToString()
    assert Opener({"identity": PRIVATE}).open(sealed) == PLAINTEXT


def test_raw_key_bytes_serve_as_well() -> None:
    sealer = Sealer({"identity": PRIVATE.public_key().public_bytes_raw()})
    opener = Opener({"identity": PRIVATE.private_bytes_raw()})
    assert opener.open(_sealed(sealer)) == PLAINTEXT


def test_another_private_key_does_not_open_it() -> None:
    with pytest.raises(UnknownSealingKey):
        Opener({"identity": OTHER}).open(_sealed())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner_id", bytes(20)),
        ("owner_kind", "resident"),
        ("field", "account"),
        ("purpose", common_pb2.PURPOSE_ACCOUNT),
        ("purpose", -1),
        ("ciphertext", b"\x00" * 40),
        ("nonce", b"\x00" * 12),
        ("nonce", b""),
        ("wrapped_key", b"\x00" * 80),
        ("wrapped_key", b""),
    ],
)
def test_a_value_whose_words_were_changed_does_not_open(field: str, value: object) -> None:
    sealed = _sealed()
    setattr(sealed, field, value)
    with pytest.raises(SealBroken):
        Opener({"identity": PRIVATE}).open(sealed)


def test_a_value_of_another_owner_than_expected_does_not_open() -> None:
    opener = Opener({"identity": PRIVATE})
    sealed = _sealed()
    assert opener.open(sealed, owner_id=OWNER, field="name_kana") == PLAINTEXT
    with pytest.raises(WrongOwner):
        opener.open(sealed, owner_id=bytes(20))
    with pytest.raises(WrongOwner):
        opener.open(sealed, field="account")
    with pytest.raises(WrongOwner):
        opener.open(sealed, owner_kind="resident")


def test_parts_that_join_alike_are_bound_apart() -> None:
    sealed = _sealer().seal("identity", "ab", b"c", "field", PLAINTEXT)
    sealed.owner_kind, sealed.owner_id = "a", b"bc"
    with pytest.raises(SealBroken):
        Opener({"identity": PRIVATE}).open(sealed)


def test_a_nonce_is_never_used_twice_under_a_data_key() -> None:
    sealer = _sealer(uses_max=50)
    seen = {(sealed.wrapped_key, sealed.nonce) for sealed in (_sealed(sealer) for _ in range(200))}
    assert len(seen) == 200
    assert len({wrapped for wrapped, _ in seen}) == 4


def test_the_data_key_is_replaced_when_it_is_old() -> None:
    seconds = Seconds()
    sealer = _sealer(seconds)
    first = _sealed(sealer).wrapped_key
    seconds.now = 599.9
    assert _sealed(sealer).wrapped_key == first
    seconds.now = 600.0
    assert _sealed(sealer).wrapped_key != first


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(UnknownSealingKey):
        _sealer().seal("account", "application", OWNER, "account", b"x")
    with pytest.raises(UnknownSealingKey):
        Sealer({"other": PRIVATE.public_key()}).seal("other", "a", b"", "b", b"x")


def test_old_and_new_keys_are_mounted_together_while_they_are_replaced() -> None:
    opener = Opener({"identity": OTHER, "identity-old": PRIVATE})
    assert opener.open(_sealed()) == PLAINTEXT


def test_the_cache_of_data_keys_is_bounded_and_correct_beyond_its_bound() -> None:
    sealer = _sealer(uses_max=1)
    opener = Opener({"identity": PRIVATE}, cache_keys=2)
    values = [_sealed(sealer) for _ in range(5)]
    assert [opener.open(value) for value in values + values] == [PLAINTEXT] * 10


def test_sealing_and_opening_stay_within_a_generous_budget() -> None:
    sealer, opener = _sealer(uses_max=100_000), Opener({"identity": PRIVATE})
    started = time.perf_counter()
    for _ in range(2000):
        opener.open(_sealed(sealer))
    assert (time.perf_counter() - started) / 2000 < 500e-6
