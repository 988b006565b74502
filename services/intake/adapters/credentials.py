"""Checks the credential of a request: a card's signature, or what a town's own client vouches for.

Card: the certificate must come from the authority that this installation trusts, be valid now, and
its key must have signed this very request: programme, Idempotency-Key, body digest and nonce.
Paper and counter: a client of that channel names its form or its resident, in its own municipality.
"""

import base64
import binascii
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID

from chassis.clock import Clock
from chassis.fingerprints import Fingerprinter, canonical
from services.intake.domain.refusals import Code, FieldCode, FieldError, Refused
from services.intake.ports import SignedRequest

FIELD: Final = "Kyufu-Credential"
CREDENTIAL_CHARACTERS_MAX: Final = 8_192
# A citizen sends few requests; the cache serves retries and frontends that send for one card.
CERTIFICATES_CACHED_MAX: Final = 4_096
SIGNED_PREFIX: Final = b"kyufu-application-v1"

_Nonce = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{22,128}$")]
_Base64 = Annotated[str, msgspec.Meta(min_length=1, max_length=6_000)]
_Reference = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9-]{1,64}$")]


class _CardCredential(msgspec.Struct, frozen=True, tag_field="kind", tag="card"):
    certificate: _Base64
    # At least 16 bytes in base64url, so that two signatures over one request differ.
    nonce: _Nonce
    signature: _Base64


class _PaperCredential(msgspec.Struct, frozen=True, tag_field="kind", tag="paper"):
    form_number: _Reference


class _CounterCredential(msgspec.Struct, frozen=True, tag_field="kind", tag="counter"):
    resident_reference: _Reference


_Credential = _CardCredential | _PaperCredential | _CounterCredential
_DECODER: Final[msgspec.json.Decoder[_Credential]] = msgspec.json.Decoder(_Credential)


class CredentialChecker:
    """The `CredentialVerifier` port."""

    def __init__(self, *, authority_pem: bytes, pepper: bytes, clock: Clock) -> None:
        self._cards = CardAuthority(authority_pem)
        self._fingerprints = Fingerprinter(pepper)
        self._clock = clock

    def verify(self, credential: str, request: SignedRequest) -> bytes | Refused:
        """16 bytes that stand for the credential, or why it does not hold."""
        presented = _decode(credential)
        if presented is None:
            return Refused(Code.CREDENTIAL_MALFORMED, (FieldError(FIELD, FieldCode.BAD_FORMAT),))
        match presented:
            case _CardCredential():
                if "channel:online" not in request.client.scopes:
                    return Refused(Code.SCOPE_MISSING)
                checked = self._cards.check(presented, request, self._clock.now())
                if isinstance(checked, FieldCode):
                    return Refused(Code.CREDENTIAL_REFUSED, (FieldError(FIELD, checked),))
                return self._fingerprints.fingerprint(checked)
            case _PaperCredential():
                return self._vouched(request, "paper", presented.form_number)
            case _CounterCredential():
                return self._vouched(request, "counter", presented.resident_reference)

    def _vouched(self, request: SignedRequest, kind: str, reference: str) -> bytes | Refused:
        municipality_code = request.client.municipality_code
        if f"channel:{kind}" not in request.client.scopes or municipality_code is None:
            return Refused(Code.SCOPE_MISSING)
        return self._fingerprints.of(kind, municipality_code, reference)


class _Certificate(msgspec.Struct, frozen=True):
    canonical: bytes
    key: Ed25519PublicKey
    valid_from: datetime
    valid_until: datetime


class CardAuthority:
    """The authority whose cards are trusted (X.509, Ed25519)."""

    def __init__(self, authority_pem: bytes) -> None:
        self._authority = x509.load_pem_x509_certificate(authority_pem)
        # By the certificate itself: parsing and the authority's signature are checked once.
        self._certificate = lru_cache(CERTIFICATES_CACHED_MAX)(self._read_certificate)

    def check(
        self, card: _CardCredential, request: SignedRequest, now: datetime
    ) -> bytes | FieldCode:
        """`card|issuer|serial`, or what does not hold."""
        certificate = self._certificate(card.certificate)
        if isinstance(certificate, FieldCode):
            return certificate
        if now < certificate.valid_from:
            return FieldCode.CERTIFICATE_NOT_YET_VALID
        if now > certificate.valid_until:
            return FieldCode.CERTIFICATE_EXPIRED
        try:
            signature = base64.b64decode(card.signature, validate=True)
            certificate.key.verify(signature, signed_message(request, card.nonce))
        except (binascii.Error, InvalidSignature):
            return FieldCode.SIGNATURE_WRONG
        return certificate.canonical

    def _read_certificate(self, certificate_base64: str) -> _Certificate | FieldCode:
        try:
            certificate = x509.load_der_x509_certificate(
                base64.b64decode(certificate_base64, validate=True)
            )
            key = certificate.public_key()
            common_name = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
            if not isinstance(key, Ed25519PublicKey) or len(common_name) != 1:
                return FieldCode.CERTIFICATE_INVALID
            if certificate.issuer != self._authority.subject:
                return FieldCode.ISSUER_UNKNOWN
            certificate.verify_directly_issued_by(self._authority)
            return _Certificate(
                canonical("card", str(common_name[0].value), f"{certificate.serial_number:x}"),
                key,
                max(certificate.not_valid_before_utc, self._authority.not_valid_before_utc),
                min(certificate.not_valid_after_utc, self._authority.not_valid_after_utc),
            )
        except InvalidSignature:
            return FieldCode.ISSUER_UNKNOWN
        except (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension):
            return FieldCode.CERTIFICATE_INVALID


def signed_message(request: SignedRequest, nonce: str) -> bytes:
    """What a card signs: nothing of it can be changed or moved to another request."""
    return b"\n".join(
        (
            SIGNED_PREFIX,
            request.programme_id.encode(),
            request.idempotency_key.encode(),
            request.body_digest.hex().encode(),
            nonce.encode(),
        )
    )


def _decode(credential: str) -> _Credential | None:
    if len(credential) > CREDENTIAL_CHARACTERS_MAX:
        return None
    padded = credential + "=" * (-len(credential) % 4)
    try:
        return _DECODER.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
