"""Ready-made applicants from a JSONL file, and the requests that they send.

One line: {"label", "client_id", "programme", "body", "credential"}, where credential is {"kind":
"card", "certificate": base64 DER, "key": base64 of the raw Ed25519 key} or {"kind": "paper",
"form_number"}. A card signs each request at the moment it is sent, as a citizen's would.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NONCE_BYTES: Final = 16
SIGNED_PREFIX: Final = "kyufu-application-v1"
Credential = Callable[[str, bytes], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Applicant:
    """One citizen at one frontend. `credential` vouches for a key and a body."""

    label: str
    client_id: str
    programme: str
    body: bytes
    credential: Credential

    @property
    def path(self) -> str:
        """Where the application is posted."""
        return f"/v1/programmes/{self.programme}/applications"

    @property
    def body_sha256(self) -> str:
        """Lowercase hex, as the history names the body."""
        return hashlib.sha256(self.body).hexdigest()

    def headers(self, key: str, token: str) -> dict[str, str]:
        """The headers of one attempt under this Idempotency-Key."""
        credential = json.dumps(self.credential(key, self.body)).encode()
        return {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "Kyufu-Credential": base64.urlsafe_b64encode(credential).rstrip(b"=").decode(),
        }


def read_applicants(path: Path, rng: Random) -> Iterator[Applicant]:
    """The applicants of a population file, in its order; `rng` gives the nonces."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            entry: dict[str, Any] = json.loads(line)
            yield Applicant(
                label=entry["label"],
                client_id=entry["client_id"],
                programme=entry["programme"],
                body=json.dumps(entry["body"], ensure_ascii=False, separators=(",", ":")).encode(),
                credential=_credential(entry["credential"], entry["programme"], rng),
            )


def read_tokens(secrets_dir: Path) -> dict[str, str]:
    """Every client's token, from `clients/<client_id>.token` below the folder of secrets."""
    return {
        path.stem: path.read_text(encoding="ascii").strip()
        for path in sorted((secrets_dir / "clients").glob("*.token"))
    }


def _credential(entry: dict[str, str], programme: str, rng: Random) -> Credential:
    if entry["kind"] != "card":
        return lambda key, body: entry
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(entry["key"]))

    def signed(key: str, body: bytes) -> dict[str, str]:
        nonce = base64.urlsafe_b64encode(rng.randbytes(NONCE_BYTES)).rstrip(b"=").decode()
        digest = hashlib.sha256(body).hexdigest()
        message = "\n".join((SIGNED_PREFIX, programme, key, digest, nonce)).encode()
        return {
            "kind": "card",
            "certificate": entry["certificate"],
            "nonce": nonce,
            "signature": base64.b64encode(private.sign(message)).decode(),
        }

    return signed
