"""Signed tokens that say who calls: compact JWS, Ed25519.

Claims: sub, roles, municipality (absent: all), aud, exp, iat. Verification keys come as a set with
several key ids, so that keys can be replaced without a gap.
"""

import threading
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from chassis.clock import Clock
from chassis.grpc.principal import Principal

ALGORITHM: Final = "Ed25519"
AUDIENCE: Final = "kyufu"
TOKEN_LIFE: Final = timedelta(minutes=15)
_TOKEN_LENGTH_MAX: Final = 4096
_CLOCK_SKEW_S: Final = 30
_RENEW_BEFORE_S: Final = 60.0


class InvalidToken(Exception):
    """The token does not prove anything; `reason` is constant."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenSigner:
    """Signs tokens under one key, which must carry a key id."""

    def __init__(self, key: OKPKey, clock: Clock) -> None:
        if key.kid is None:
            raise ValueError("a signing key needs a key id")
        self._key = key
        self._clock = clock

    def sign(
        self,
        subject: str,
        roles: Collection[str],
        *,
        municipality_code: str | None = None,
        audience: str = AUDIENCE,
        life: timedelta = TOKEN_LIFE,
    ) -> str:
        """A token for `subject`, valid for `life` from now."""
        now_s = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "sub": subject,
            "roles": sorted(roles),
            "aud": audience,
            "iat": now_s,
            "exp": now_s + int(life.total_seconds()),
        }
        if municipality_code is not None:
            claims["municipality"] = municipality_code
        header = {"alg": ALGORITHM, "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def source(
        self, subject: str, roles: Collection[str], *, municipality_code: str | None = None
    ) -> Callable[[], str]:
        """A function that gives a fresh enough token of a service, signing only when needed."""
        lock = threading.Lock()
        held: list[tuple[str, float]] = []

        def token() -> str:
            with lock:
                now_s = self._clock.monotonic()
                if not held or now_s >= held[0][1]:
                    signed = self.sign(subject, roles, municipality_code=municipality_code)
                    held[:] = [(signed, now_s + TOKEN_LIFE.total_seconds() - _RENEW_BEFORE_S)]
                return held[0][0]

        return token


class TokenVerifier:
    """Checks tokens against a set of public keys."""

    def __init__(self, keys: KeySet, clock: Clock, *, audience: str = AUDIENCE) -> None:
        self._keys = keys
        self._clock = clock
        self._audience = audience

    def verify(self, token: str) -> Principal:
        """The principal of a valid token; raises InvalidToken."""
        if len(token) > _TOKEN_LENGTH_MAX:
            raise InvalidToken("token_too_long")
        try:
            claims = jwt.decode(token, self._keys, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise InvalidToken("token_not_authentic") from error
        return self._principal(claims)

    def _principal(self, claims: dict[str, Any]) -> Principal:
        now_s = self._clock.now().timestamp()
        expires_s, issued_s = claims.get("exp"), claims.get("iat")
        if not isinstance(expires_s, int) or not isinstance(issued_s, int):
            raise InvalidToken("token_malformed")
        if now_s >= expires_s:
            raise InvalidToken("token_expired")
        if issued_s > now_s + _CLOCK_SKEW_S:
            raise InvalidToken("token_from_the_future")
        if claims.get("aud") != self._audience:
            raise InvalidToken("token_for_another_audience")
        subject, roles = claims.get("sub"), claims.get("roles")
        municipality = claims.get("municipality")
        if (
            not isinstance(subject, str)
            or not subject
            or not isinstance(roles, list)
            or not all(isinstance(role, str) for role in roles)
            or not (municipality is None or isinstance(municipality, str))
        ):
            raise InvalidToken("token_malformed")
        return Principal(subject, frozenset(roles), municipality)
