"""The card authority and its cards: Ed25519 certificates in place of the national card's RSA.

A card signs over programme, Idempotency-Key, body digest and a nonce. The credential that intake
fingerprints is (issuer, serial), as municipalities keep serial numbers of certificates.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

VALID_FROM = datetime(2019, 1, 1, tzinfo=UTC)
VALID_UNTIL = datetime(2029, 1, 1, tzinfo=UTC)
NONCE_BYTES = 16
SEED_BYTES = 32
SIGNED_PREFIX = b"kyufu-application-v1"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Card:
    """One person's card. `serial` is the certificate's serial number in lower-case hex."""

    issuer: str
    serial: str
    certificate: bytes
    key: Ed25519PrivateKey

    def credential(self, *, programme: str, idempotency_key: str, body: bytes, nonce: bytes) -> str:
        """Value of the header `Kyufu-Credential`."""
        nonce_text = base64url(nonce)
        message = b"\n".join(
            (
                SIGNED_PREFIX,
                programme.encode(),
                idempotency_key.encode(),
                hashlib.sha256(body).hexdigest().encode(),
                nonce_text.encode(),
            )
        )
        content = {
            "kind": "card",
            "certificate": base64.b64encode(self.certificate).decode(),
            "nonce": nonce_text,
            "signature": base64.b64encode(self.key.sign(message)).decode(),
        }
        return base64url(json.dumps(content, separators=(",", ":")).encode())


class CardAuthority:
    """Issues cards under the certificate that intake trusts."""

    def __init__(self, *, ca_pem: bytes, ca_key_pem: bytes, rng: Random) -> None:
        self._ca = x509.load_pem_x509_certificate(ca_pem)
        key = serialization.load_pem_private_key(ca_key_pem, password=None)
        assert isinstance(key, Ed25519PrivateKey), "the card authority signs with Ed25519"
        self._key = key
        self._rng = rng
        names = self._ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        self.issuer = str(names[0].value)

    def issue(self) -> Card:
        """A new card; key and serial come from the generator, so that a seed gives the same."""
        key = Ed25519PrivateKey.from_private_bytes(self._rng.randbytes(SEED_BYTES))
        serial = self._rng.getrandbits(120) | 1
        # The subject is an opaque number: names never stand in it.
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"card-{serial:x}")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._ca.subject)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(VALID_FROM)
            .not_valid_after(VALID_UNTIL)
            .sign(self._key, None)
        )
        return Card(
            issuer=self.issuer,
            serial=f"{serial:x}",
            certificate=certificate.public_bytes(serialization.Encoding.DER),
            key=key,
        )
