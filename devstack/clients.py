"""Registers the frontends that may speak to intake, with tokens that exist for this run only.

The file holds no token, only HMACs under the `client_token` pepper; the tokens stay in memory,
and with `--keep` one is printed for a person to try.
"""

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from chassis.secrets import SecretsDir

ONLINE_CLIENTS = ("smartphone", "portal")
TRIAL_CLIENT = "portal"


def register_clients(
    path: Path, secrets_dir: Path, municipality_codes: Sequence[str]
) -> Mapping[str, str]:
    """Write the clients' file; returns each client's token.

    One paper desk a municipality: a desk vouches for its own town's forms alone.
    """
    pepper = SecretsDir(secrets_dir).pepper("client_token")
    tokens: dict[str, str] = {}
    entries: list[dict[str, object]] = []

    def register(client_id: str, channel: str, municipality_code: str | None) -> None:
        token = secrets.token_urlsafe(32)
        tokens[client_id] = token
        entries.append(
            {
                "client_id": client_id,
                "token_hash": hmac.digest(pepper, token.encode(), "sha256").hex(),
                "scopes": ["apply", f"channel:{channel}"],
                "channel": channel,
                "municipality_code": municipality_code,
            }
        )

    for client_id in ONLINE_CLIENTS:
        register(client_id, "online", None)
    for code in municipality_codes:
        register(f"paper-{code}", "paper", code)
    path.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    path.chmod(0o600)
    return tokens
