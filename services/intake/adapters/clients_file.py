"""Registered frontends from a JSON file that holds no token, only keyed hashes of tokens."""

import hmac
from pathlib import Path
from typing import Annotated

import msgspec

from services.intake.domain.applications import Channel, Client


class _Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    client_id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,64}$")]
    # HMAC-SHA256(client token pepper, token), 64 lowercase hex digits
    token_hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    scopes: frozenset[str]
    channel: Channel
    municipality_code: str | None = None


class ClientsFile:
    """The `ClientDirectory` port; the file is read once, at start.

    Tokens are found by their keyed hash: a caller cannot steer which hashes are compared, and the
    last comparison takes constant time.
    """

    def __init__(self, path: Path, token_pepper: bytes) -> None:
        registrations = msgspec.json.decode(path.read_bytes(), type=list[_Registration])
        self._pepper = token_pepper
        self._by_hash = {
            bytes.fromhex(entry.token_hash): Client(
                client_id=entry.client_id,
                channel=entry.channel,
                scopes=entry.scopes,
                municipality_code=entry.municipality_code,
            )
            for entry in registrations
        }
        self._hashes = {digest: digest for digest in self._by_hash}
        if len({entry.client_id for entry in registrations}) != len(self._by_hash):
            raise ValueError("the clients file names a client or a token twice")

    def by_token(self, token: str) -> Client | None:
        digest = hmac.digest(self._pepper, token.encode("utf-8", "surrogateescape"), "sha256")
        known = self._hashes.get(digest)
        if known is None or not hmac.compare_digest(known, digest):
            return None
        return self._by_hash[known]
