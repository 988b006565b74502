"""The sealing keys of one synthetic nation, and values sealed under them at speed.

The chassis' Sealer draws its nonces; here a value's nonce follows from the town's seed, the
household and the value's place, so that the same town is the same bytes each time. A place is used
once under a data key: see `nonce_of`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kyufu.events.v1 import common_pb2

from chassis.sealing import WrappedKey, associated_data
from chassis.secrets import SecretsDir

PURPOSES: Final = ("identity", "account", "contact")
PEPPERS: Final = ("person", "credential", "account")
_PEPPER_BYTES: Final = 32
_LENGTHS_BEFORE_OWNER: Final = 4 + 4 + 4


@dataclass(frozen=True, slots=True, repr=False)
class TownKeys:
    """X25519 keys by purpose (32 raw bytes) and one data key for each. Can be pickled."""

    private: Mapping[str, bytes]
    data: Mapping[str, WrappedKey]

    @classmethod
    def generate(cls) -> "TownKeys":
        """New keys."""
        keys = {purpose: X25519PrivateKey.generate() for purpose in PURPOSES}
        return cls(
            {purpose: key.private_bytes_raw() for purpose, key in keys.items()},
            {
                purpose: WrappedKey.create(purpose, key.public_key())
                for purpose, key in keys.items()
            },
        )

    def write(self, folder: Path) -> SecretsDir:
        """A folder of secrets that the stages can mount. The peppers in it are random: nothing
        behind the doors of intake and the importer ever computes a fingerprint.
        """
        for name in ("peppers", "sealing"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for pepper in PEPPERS:
            (folder / "peppers" / f"{pepper}.bin").write_bytes(os.urandom(_PEPPER_BYTES))
        for purpose, raw in self.private.items():
            public = X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
            (folder / "sealing" / f"{purpose}.key").write_bytes(raw)
            (folder / "sealing" / f"{purpose}.pub").write_bytes(public)
        return SecretsDir(folder)


class Seal:
    """Seals one field of one kind of owner, whose ids have `owner_bytes` bytes."""

    __slots__ = ("_cipher", "_head", "_tail", "blank")

    def __init__(
        self, keys: TownKeys, purpose: str, owner_kind: str, owner_bytes: int, field: str
    ) -> None:
        key = keys.data[purpose]
        associated = associated_data(key.purpose, owner_kind, bytes(owner_bytes), field)
        owner_at = _LENGTHS_BEFORE_OWNER + len(owner_kind)
        self._head, self._tail = associated[:owner_at], associated[owner_at + owner_bytes :]
        self._cipher = AESGCM(key.secret)
        self.blank: Final = common_pb2.Sealed(
            purpose=key.purpose,
            key_id=key.key_id,
            wrapped_key=key.wrapped,
            owner_kind=owner_kind,
            field=field,
        )

    def fill(
        self, sealed: common_pb2.Sealed, owner_id: bytes, nonce: bytes, plaintext: bytes
    ) -> None:
        """Seal into a copy of `blank`."""
        sealed.owner_id = owner_id
        sealed.nonce = nonce
        sealed.ciphertext = self._cipher.encrypt(
            nonce, plaintext, self._head + owner_id + self._tail
        )


def nonce_of(seed_bytes: bytes, number: int, place: int) -> bytes:
    """12 bytes: the seed (4), the household (6), the value's place within the household (2)."""
    return seed_bytes + ((number << 16) | place).to_bytes(8, "big")
