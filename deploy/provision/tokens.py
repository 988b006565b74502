"""Issues a staff token for a rehearsal, in the place of an agency's identity provider.

Reads the signing key that only the provisioner's volume holds, and the clock that is played.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from chassis.clock import SystemClock
from chassis.grpc.tokens import TokenSigner
from chassis.secrets import SecretsDir

TOKEN_LIFE: Final = timedelta(hours=8)


def played_clock(installation: Path) -> SystemClock:
    """The clock of all processes of this installation."""
    start = (installation / "clock_start").read_text()
    epoch_s = float((installation / "clock_epoch").read_text())
    return SystemClock(datetime.fromisoformat(start), epoch_s) if start else SystemClock()


def issue(installation: Path, subject: str, roles: Sequence[str], municipality_code: str) -> str:
    """A token of one working day. An empty municipality means all of them."""
    signer = TokenSigner(SecretsDir(installation).signing_key("staff"), played_clock(installation))
    return signer.sign(subject, roles, municipality_code=municipality_code or None, life=TOKEN_LIFE)
