"""Seals values so that only the holder of a purpose's private key can read them.

AES-256-GCM under a data key that lives for minutes and is wrapped to the purpose's X25519 public
key; the wrapped key rides in every message, so a reader needs nothing but its private key.
Invariants: a nonce is used once under a data key (counter behind a random prefix, never shared
across a fork); purpose, owner and field are authenticated, so a value moved to another owner does
not open.
"""

import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from kyufu.events.v1 import common_pb2

from chassis.clock import SystemClock

_PURPOSE_PREFIX: Final = "PURPOSE_"
_RAW_KEY_BYTES: Final = 32
_NONCE_PREFIX_BYTES: Final = 4
_NONCE_COUNTER_BYTES: Final = 8
_KEY_ID_BYTES: Final = 8
_WRAP_INFO: Final = b"kyufu sealing v1 "
# A wrapping key encrypts exactly one data key, so its nonce may be constant.
_WRAP_NONCE: Final = bytes(12)
DATA_KEY_AGE_MAX_S: Final = 600.0
DATA_KEY_USES_MAX: Final = 1 << 24
OPENER_CACHE_KEYS: Final = 4096
# Kinds, fields and lengths of owner ids are few; whoever sends others only pushes these out.
_FRAMES_KEPT: Final = 256


class SealError(Exception):
    """A sealed value cannot be made or opened; the text is constant."""


class UnknownSealingKey(SealError):
    """No key for this purpose, or for the key id that the value names, is mounted here."""


class WrongOwner(SealError):
    """The value belongs to another owner or field than the caller expects."""


class SealBroken(SealError):
    """Authentication failed: altered, or moved to another owner, field or purpose."""


@dataclass(frozen=True, slots=True)
class _DataKey:
    cipher: AESGCM
    wrapped: bytes
    key_id: str
    purpose: common_pb2.Purpose.ValueType
    nonce_prefix: bytes
    counter: "itertools.count[int]"
    expires_at_s: float
    process: int


@dataclass(frozen=True, slots=True, repr=False)
class WrappedKey:
    """A fresh data key with what every value sealed under it carries: whoever uses it without
    `Sealer` must give each value a nonce of its own.
    """

    purpose: common_pb2.Purpose.ValueType
    secret: bytes
    wrapped: bytes
    key_id: str

    @classmethod
    def create(cls, purpose: str, public_key: X25519PublicKey | bytes) -> "WrappedKey":
        """A data key that the holder of the purpose's private key can unwrap."""
        public_key = _public(public_key)
        secret = AESGCM.generate_key(bit_length=256)
        key_id, number = _key_id(public_key), _purpose_number(purpose)
        return cls(number, secret, _wrap(secret, public_key, number, key_id), key_id)


class Sealer:
    """Seals under the public keys it was given (purpose name -> X25519 key). Thread-safe."""

    def __init__(
        self,
        public_keys: Mapping[str, X25519PublicKey | bytes],
        *,
        monotonic: Callable[[], float] | None = None,
        data_key_age_max_s: float = DATA_KEY_AGE_MAX_S,
        data_key_uses_max: int = DATA_KEY_USES_MAX,
    ) -> None:
        self._public_keys = {name: _public(key) for name, key in public_keys.items()}
        self._monotonic = monotonic if monotonic is not None else SystemClock().monotonic
        self._age_max_s = data_key_age_max_s
        self._uses_max = data_key_uses_max
        self._data_keys: dict[str, _DataKey] = {}

    def seal(
        self, purpose: str, owner_kind: str, owner_id: bytes, field: str, plaintext: bytes
    ) -> common_pb2.Sealed:
        """Seal `plaintext` for `purpose` ("identity", "account", "contact"), bound to its owner."""
        data_key = self._data_keys.get(purpose)
        if (
            data_key is None
            or self._monotonic() >= data_key.expires_at_s
            or data_key.process != os.getpid()
        ):
            data_key = self._rotate(purpose)
        use = next(data_key.counter)
        if use >= self._uses_max:
            data_key = self._rotate(purpose)
            use = next(data_key.counter)
        nonce = data_key.nonce_prefix + use.to_bytes(_NONCE_COUNTER_BYTES, "big")
        associated = associated_data(data_key.purpose, owner_kind, owner_id, field)
        return common_pb2.Sealed(
            purpose=data_key.purpose,
            key_id=data_key.key_id,
            wrapped_key=data_key.wrapped,
            nonce=nonce,
            ciphertext=data_key.cipher.encrypt(nonce, plaintext, associated),
            owner_kind=owner_kind,
            owner_id=owner_id,
            field=field,
        )

    def _rotate(self, purpose: str) -> _DataKey:
        public_key = self._public_keys.get(purpose)
        if public_key is None:
            raise UnknownSealingKey("no public key for this purpose")
        key = WrappedKey.create(purpose, public_key)
        data_key = _DataKey(
            cipher=AESGCM(key.secret),
            wrapped=key.wrapped,
            key_id=key.key_id,
            purpose=key.purpose,
            nonce_prefix=os.urandom(_NONCE_PREFIX_BYTES),
            counter=itertools.count(),
            expires_at_s=self._monotonic() + self._age_max_s,
            process=os.getpid(),
        )
        self._data_keys[purpose] = data_key
        return data_key


class Opener:
    """Opens what was sealed for the purposes whose private keys it was given. Thread-safe.

    The names of the mapping are only labels: the key id in a value chooses the private key, so that
    old and new keys of one purpose may be mounted together while keys are replaced.
    """

    def __init__(
        self,
        private_keys: Mapping[str, X25519PrivateKey | bytes],
        *,
        cache_keys: int = OPENER_CACHE_KEYS,
    ) -> None:
        keys = [_private(key) for key in private_keys.values()]
        self._private_keys = {_key_id(key.public_key()): key for key in keys}
        self._data_key = lru_cache(maxsize=cache_keys)(self._unwrap)

    def open(
        self,
        sealed: common_pb2.Sealed,
        *,
        owner_kind: str | None = None,
        owner_id: bytes | None = None,
        field: str | None = None,
    ) -> bytes:
        """The plaintext. Raises WrongOwner, SealBroken or UnknownSealingKey.

        Give what you expect (`owner_kind`, `owner_id`, `field`) wherever the event around the value
        says it: the value alone proves only that its own words were not altered.
        """
        # Each attribute of a message is made anew when it is read: read each once.
        kind, owner, name = sealed.owner_kind, sealed.owner_id, sealed.field
        if (
            (owner_kind is not None and kind != owner_kind)
            or (owner_id is not None and owner != owner_id)
            or (field is not None and name != field)
        ):
            raise WrongOwner("sealed for another owner or field")
        purpose = sealed.purpose
        cipher = self._data_key(purpose, sealed.key_id, sealed.wrapped_key)
        associated = associated_data(purpose, kind, owner, name)
        try:
            return cipher.decrypt(sealed.nonce, sealed.ciphertext, associated)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("a sealed value does not authenticate") from error

    def _unwrap(self, purpose: common_pb2.Purpose.ValueType, key_id: str, wrapped: bytes) -> AESGCM:
        private_key = self._private_keys.get(key_id)
        if private_key is None:
            raise UnknownSealingKey("no private key for this value")
        try:
            ephemeral = X25519PublicKey.from_public_bytes(wrapped[:_RAW_KEY_BYTES])
            wrapping = _wrapping_key(
                private_key.exchange(ephemeral), ephemeral, private_key.public_key(), purpose
            )
            return AESGCM(wrapping.decrypt(_WRAP_NONCE, wrapped[_RAW_KEY_BYTES:], key_id.encode()))
        except (InvalidTag, ValueError, OverflowError) as error:
            # A purpose below zero, which the wire allows, has no four bytes.
            raise SealBroken("a wrapped key does not authenticate") from error


def _wrap(
    secret: bytes, public_key: X25519PublicKey, purpose: common_pb2.Purpose.ValueType, key_id: str
) -> bytes:
    ephemeral = X25519PrivateKey.generate()
    wrapping = _wrapping_key(
        ephemeral.exchange(public_key), ephemeral.public_key(), public_key, purpose
    )
    sealed_key = wrapping.encrypt(_WRAP_NONCE, secret, key_id.encode())
    return ephemeral.public_key().public_bytes_raw() + sealed_key


def _wrapping_key(
    shared: bytes,
    ephemeral: X25519PublicKey,
    recipient: X25519PublicKey,
    purpose: common_pb2.Purpose.ValueType,
) -> AESGCM:
    derivation = HKDF(
        algorithm=hashes.SHA256(),
        length=_RAW_KEY_BYTES,
        salt=ephemeral.public_bytes_raw() + recipient.public_bytes_raw(),
        info=_WRAP_INFO + int(purpose).to_bytes(4, "big"),
    )
    return AESGCM(derivation.derive(shared))


def associated_data(
    purpose: common_pb2.Purpose.ValueType, owner_kind: str, owner_id: bytes, field: str
) -> bytes:
    """What is authenticated beside the plaintext; lengths stand before the variable parts."""
    before, behind = _frame(purpose, owner_kind, len(owner_id), field)
    return before + owner_id + behind


@lru_cache(maxsize=_FRAMES_KEPT)
def _frame(
    purpose: common_pb2.Purpose.ValueType, owner_kind: str, owner_bytes: int, field: str
) -> tuple[bytes, bytes]:
    """What stands before the owner's id, and what behind it."""
    kind, name = owner_kind.encode(), field.encode()
    before = (
        int(purpose).to_bytes(4, "big"),
        len(kind).to_bytes(4, "big"),
        kind,
        owner_bytes.to_bytes(4, "big"),
    )
    return b"".join(before), len(name).to_bytes(4, "big") + name


def _purpose_number(purpose: str) -> common_pb2.Purpose.ValueType:
    try:
        number = common_pb2.Purpose.Value(_PURPOSE_PREFIX + purpose.upper())
    except ValueError as error:
        raise UnknownSealingKey("not a purpose of sealing") from error
    if not number:
        raise UnknownSealingKey("not a purpose of sealing")
    return number


def _key_id(public_key: X25519PublicKey) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public_key.public_bytes_raw())
    return digest.finalize()[:_KEY_ID_BYTES].hex()


def _public(key: X25519PublicKey | bytes) -> X25519PublicKey:
    return X25519PublicKey.from_public_bytes(key) if isinstance(key, bytes) else key


def _private(key: X25519PrivateKey | bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(key) if isinstance(key, bytes) else key
