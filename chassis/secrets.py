"""Reads the folder of key files that an installation mounts into a process.

A process gets only the files that it needs; asking for another is an error that names the file.
Files: peppers/NAME.bin (32 bytes), sealing/PURPOSE.pub and .key (X25519, 32 raw bytes),
staff/verify.jwks, staff/signing.key and service/signing.key (Ed25519: 32 raw bytes, PEM or JWK),
cards/ca.pem.
"""

import json
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from joserfc.jwk import KeySet, OKPKey

_RAW_KEY_BYTES: Final = 32


class SecretsError(Exception):
    """A key file is missing or malformed; the text names the file, never its content."""


class SecretsDir:
    """One installation's keys below `path`."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def pepper(self, name: str) -> bytes:
        """32 bytes that make one purpose's fingerprints unguessable."""
        return self._read_exact(f"peppers/{name}.bin")

    def public_key(self, purpose: str) -> X25519PublicKey:
        """What a sealer needs for `purpose`."""
        return X25519PublicKey.from_public_bytes(self._read_exact(f"sealing/{purpose}.pub"))

    def private_key(self, purpose: str) -> X25519PrivateKey:
        """What an opener needs for `purpose`."""
        return X25519PrivateKey.from_private_bytes(self._read_exact(f"sealing/{purpose}.key"))

    def verify_keys(self) -> KeySet:
        """The public keys under which tokens of staff and of services are checked."""
        try:
            return KeySet.import_key_set(json.loads(self.read("staff/verify.jwks")))
        except ValueError as error:
            raise SecretsError("staff/verify.jwks is malformed") from error

    def signing_key(self, kind: str) -> OKPKey:
        """The Ed25519 signing key of `kind` (`staff` or `service`), with the kid that the
        verification keys give it.
        """
        name = f"{kind}/signing.key"
        private = _ed25519_private_key(name, self.read(name))
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public_x = OKPKey.import_key(pem).as_dict(private=False)["x"]
        for key in self.verify_keys().keys:
            if key.as_dict(private=False).get("x") == public_x and key.kid is not None:
                return OKPKey.import_key(pem, {"kid": key.kid})
        raise SecretsError(f"{name} has no counterpart in staff/verify.jwks")

    def certificate_authority_pem(self) -> bytes:
        """The certificate (X.509, PEM) under which cards are checked."""
        return self.read("cards/ca.pem")

    def read(self, name: str) -> bytes:
        """The bytes of one file below the folder."""
        try:
            return (self._path / name).read_bytes()
        except OSError as error:
            raise SecretsError(f"secret {name} cannot be read") from error

    def _read_exact(self, name: str) -> bytes:
        content = self.read(name)
        if len(content) != _RAW_KEY_BYTES:
            raise SecretsError(f"secret {name} does not have {_RAW_KEY_BYTES} bytes")
        return content


def _ed25519_private_key(name: str, content: bytes) -> Ed25519PrivateKey:
    if len(content) == _RAW_KEY_BYTES:
        return Ed25519PrivateKey.from_private_bytes(content)
    try:
        if content.lstrip().startswith(b"{"):
            document: dict[str, Any] = json.loads(content)
            key: object = OKPKey.import_key(document).private_key
        else:
            key = serialization.load_pem_private_key(content, password=None)
    except ValueError as error:
        raise SecretsError(f"secret {name} is malformed") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SecretsError(f"secret {name} is not an Ed25519 private key")
    return key
