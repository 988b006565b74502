"""Tokens: who, roles, municipality; keys rotate without a gap."""

from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from chassis.clock import FakeClock
from chassis.grpc.principal import Principal
from chassis.grpc.tokens import InvalidToken, TokenSigner, TokenVerifier

START = datetime(2020, 5, 11, tzinfo=UTC)
OLD = OKPKey.generate_key("Ed25519", {"kid": "old"})
NEW = OKPKey.generate_key("Ed25519", {"kid": "new"})
STRANGER = OKPKey.generate_key("Ed25519", {"kid": "old"})


def _public(*keys: OKPKey) -> KeySet:
    return KeySet.import_key_set({"keys": [key.as_dict(private=False) for key in keys]})


def _reason(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(InvalidToken) as caught:
        verifier.verify(token)
    return caught.value.reason


def test_a_token_proves_its_principal() -> None:
    clock = FakeClock(START)
    token = TokenSigner(OLD, clock).sign(
        "staff-1", ["checker", "maker"], municipality_code="131130"
    )
    principal = TokenVerifier(_public(OLD), clock).verify(token)
    assert principal == Principal("staff-1", frozenset({"maker", "checker"}), "131130")


def test_old_and_new_keys_hold_together_while_they_are_replaced() -> None:
    clock = FakeClock(START)
    verifier = TokenVerifier(_public(OLD, NEW), clock)
    for key in (OLD, NEW):
        assert verifier.verify(TokenSigner(key, clock).sign("s", [])).subject == "s"


def test_a_token_ends_at_its_expiry() -> None:
    clock = FakeClock(START)
    verifier = TokenVerifier(_public(OLD), clock)
    token = TokenSigner(OLD, clock).sign("s", [], life=timedelta(minutes=5))
    clock.advance(timedelta(minutes=4, seconds=59))
    assert verifier.verify(token).subject == "s"
    clock.advance(timedelta(seconds=1))
    assert _reason(verifier, token) == "token_expired"


def test_a_token_of_a_stranger_is_not_authentic() -> None:
    clock = FakeClock(START)
    verifier = TokenVerifier(_public(OLD), clock)
    assert _reason(verifier, TokenSigner(STRANGER, clock).sign("s", [])) == "token_not_authentic"


def test_an_altered_token_is_not_authentic() -> None:
    clock = FakeClock(START)
    header, claims, signature = TokenSigner(OLD, clock).sign("s", []).split(".")
    other_claims = TokenSigner(STRANGER, clock).sign("t", []).split(".")[1]
    verifier = TokenVerifier(_public(OLD), clock)
    assert _reason(verifier, f"{header}.{other_claims}.{signature}") == "token_not_authentic"
    assert _reason(verifier, "not a token") == "token_not_authentic"
    assert _reason(verifier, f"{header}.{claims}.") == "token_not_authentic"


def test_other_algorithms_are_refused() -> None:
    clock = FakeClock(START)
    key = OctKey.import_key(b"k" * 32, {"kid": "old"})
    forged = jwt.encode({"alg": "HS256", "kid": "old"}, {"sub": "s"}, key, algorithms=["HS256"])
    assert _reason(TokenVerifier(_public(OLD), clock), forged) == "token_not_authentic"


def test_a_token_for_another_audience_is_refused() -> None:
    clock = FakeClock(START)
    token = TokenSigner(OLD, clock).sign("s", [], audience="elsewhere")
    assert _reason(TokenVerifier(_public(OLD), clock), token) == "token_for_another_audience"


def test_a_token_from_the_future_is_refused() -> None:
    signed_later = TokenSigner(OLD, FakeClock(START + timedelta(minutes=2))).sign("s", [])
    verifier = TokenVerifier(_public(OLD), FakeClock(START))
    assert _reason(verifier, signed_later) == "token_from_the_future"


def test_a_source_signs_again_only_when_the_token_grows_old() -> None:
    clock = FakeClock(START)
    source = TokenSigner(OLD, clock).source("services.example", ["service"])
    first = source()
    clock.advance(timedelta(minutes=13, seconds=59))
    assert source() == first
    clock.advance(timedelta(seconds=1))
    assert source() != first
