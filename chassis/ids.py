"""Deterministic ids: the same cause gives the same id, so that replays and retries are harmless.

Variable parts are hashed with their length before them, so that no two inputs share one encoding.
"""

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

ID_BYTES: Final = 16
MAC_BYTES: Final = 4
APPLICATION_ID_BYTES: Final = ID_BYTES + MAC_BYTES
APPLICATION_ID_CHARS: Final = 32
_RECEIPT_BODY_DIGITS: Final = 18
_RECEIPT_GROUP_DIGITS: Final = 4
_MOD_97: Final = 97


def random_id() -> bytes:
    """16 random bytes."""
    return os.urandom(ID_BYTES)


def event_id(
    application_id: bytes, revision: int, stage: str, causing_event_id: bytes, ordinal: int
) -> bytes:
    """16 bytes that name the `ordinal`-th event which `stage` writes because of another event."""
    name = stage.encode()
    material = b"".join(
        (
            b"event",
            len(application_id).to_bytes(2, "big"),
            application_id,
            revision.to_bytes(8, "big"),
            len(name).to_bytes(2, "big"),
            name,
            len(causing_event_id).to_bytes(2, "big"),
            causing_event_id,
            ordinal.to_bytes(8, "big"),
        )
    )
    return hashlib.blake2b(material, digest_size=ID_BYTES).digest()


def claim_unit_id(snapshot_id: str | bytes, household_id: bytes) -> bytes:
    """16 bytes = blake2b("claim-unit" | snapshot | household).

    The household id has a fixed length and stands last, so the encoding is unambiguous.
    """
    if len(household_id) != ID_BYTES:
        raise ValueError("a household id has 16 bytes")
    snapshot = snapshot_id.encode() if isinstance(snapshot_id, str) else snapshot_id
    return hashlib.blake2b(
        b"|".join((b"claim-unit", snapshot, household_id)), digest_size=ID_BYTES
    ).digest()


class ApplicationIds:
    """Makes application ids and recognises its own without a table.

    id = HMAC(id pepper, client | programme | Idempotency-Key)[:16], followed by
    HMAC(mac pepper, those 16 bytes | client | subject)[:4]. The subject is what the client shows
    again when it asks for its application, so the owner is checked with no table.
    """

    __slots__ = ("_id_pepper", "_mac_pepper")

    def __init__(self, *, id_pepper: bytes, mac_pepper: bytes) -> None:
        self._id_pepper = id_pepper
        self._mac_pepper = mac_pepper

    def derive(
        self,
        *,
        client_id: str,
        programme: str,
        idempotency_key: str,
        subject: bytes,
    ) -> bytes:
        """The 20-byte id of this request; the same request always gets the same id."""
        material = _prefixed(client_id.encode(), programme.encode(), idempotency_key.encode())
        id16 = hmac.digest(self._id_pepper, material, "sha256")[:ID_BYTES]
        return id16 + self._mac(id16, client_id, subject)

    def is_own(self, application_id: bytes, *, client_id: str, subject: bytes) -> bool:
        """Whether this id was made here for this client and this subject."""
        if len(application_id) != APPLICATION_ID_BYTES:
            return False
        expected = self._mac(application_id[:ID_BYTES], client_id, subject)
        return hmac.compare_digest(expected, application_id[ID_BYTES:])

    def receipt_number(self, application_id: bytes) -> str:
        """The receipt number that people read out; see `receipt_number`."""
        return receipt_number(self._id_pepper, application_id)

    def _mac(self, id16: bytes, client_id: str, subject: bytes) -> bytes:
        material = _prefixed(id16, client_id.encode(), subject)
        return hmac.digest(self._mac_pepper, material, "sha256")[:MAC_BYTES]


def application_id_text(application_id: bytes) -> str:
    """32 lowercase base32 characters without padding."""
    if len(application_id) != APPLICATION_ID_BYTES:
        raise ValueError("an application id has 20 bytes")
    return base64.b32encode(application_id).decode("ascii").lower()


def parse_application_id(text: str) -> bytes | None:
    """The 20 bytes of the text form, or None when it is not one."""
    if len(text) != APPLICATION_ID_CHARS or not text.isascii() or text != text.lower():
        return None
    try:
        return base64.b32decode(text.upper())
    except binascii.Error:
        return None


def receipt_number(pepper: bytes, application_id: bytes) -> str:
    """20 digits in groups of four: 18 from a keyed digest and two check digits.

    Check digits: ISO 7064 MOD 97-10, which finds every single wrong digit and every swap of
    neighbours.
    """
    digest = hmac.digest(pepper, b"receipt" + application_id, "sha256")
    number = int.from_bytes(digest, "big") % 10**_RECEIPT_BODY_DIGITS
    body = f"{number:0{_RECEIPT_BODY_DIGITS}d}"
    check = (_MOD_97 + 1 - number * 100 % _MOD_97) % _MOD_97
    digits = f"{body}{check:02d}"
    return "-".join(
        digits[start : start + _RECEIPT_GROUP_DIGITS]
        for start in range(0, len(digits), _RECEIPT_GROUP_DIGITS)
    )


def is_receipt_number(text: str) -> bool:
    """Whether the text is 20 digits (dashes and spaces allowed) whose check digits agree."""
    digits = text.replace("-", "").replace(" ", "")
    if len(digits) != _RECEIPT_BODY_DIGITS + 2 or not (digits.isascii() and digits.isdigit()):
        return False
    return int(digits) % _MOD_97 == 1


def _prefixed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
