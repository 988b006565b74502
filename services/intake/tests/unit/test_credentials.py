"""A credential holds for one request, from one authority, within its time."""

import hashlib
from datetime import timedelta
from random import Random

import pytest

from chassis.clock import FakeClock
from services.intake.domain.applications import Channel, Client
from services.intake.domain.refusals import Refused
from services.intake.ports import SignedRequest
from services.intake.tests.support import (
    NOW,
    PROGRAMME,
    TOWN,
    Authority,
    Installation,
    checker,
    encoded,
)

KEY = "key-0000000000000001"
BODY = b"{}"
PORTAL = Client("portal", Channel.ONLINE, frozenset({"apply", "channel:online"}), None)
PAPER = Client("paper", Channel.PAPER, frozenset({"apply", "channel:paper"}), TOWN)
COUNTER = Client("counter", Channel.COUNTER, frozenset({"apply", "channel:counter"}), TOWN)


def signed(
    client: Client = PORTAL, key: str = KEY, body: bytes = BODY, programme: str = PROGRAMME
) -> SignedRequest:
    return SignedRequest(client, programme, key, hashlib.sha256(body).digest())


def verdict(
    installation: Installation, credential: str, request: SignedRequest | None = None
) -> bytes | tuple[str, ...]:
    result = checker(installation, FakeClock(NOW)).verify(credential, request or signed())
    if isinstance(result, Refused):
        return (result.code.value, *(error.code.value for error in result.errors))
    return result


def test_a_card_that_signed_the_request_holds(installation: Installation) -> None:
    credential = installation.authority.issue().credential(KEY, BODY)
    assert len(verdict(installation, credential)) == 16


def test_one_card_has_one_fingerprint_whatever_it_signs(installation: Installation) -> None:
    card = installation.authority.issue()
    first = verdict(installation, card.credential(KEY, BODY))
    again = verdict(
        installation,
        card.credential("key-0000000000000002", b"{ }", nonce=b"1" * 16),
        signed(key="key-0000000000000002", body=b"{ }"),
    )
    assert first == again


@pytest.mark.parametrize(
    "request_",
    [signed(key="key-0000000000000002"), signed(body=b"{ }"), signed(programme="another")],
    ids=["key", "body", "programme"],
)
def test_a_signature_over_another_request_does_not_hold(
    installation: Installation, request_: SignedRequest
) -> None:
    credential = installation.authority.issue().credential(KEY, BODY)
    assert verdict(installation, credential, request_) == ("credential_refused", "signature_wrong")


def test_a_card_of_another_authority_does_not_hold(installation: Installation) -> None:
    namesake = Authority(Random(8)).issue().credential(KEY, BODY)
    stranger = Authority(Random(9), "Other").issue().credential(KEY, BODY)
    for credential in (namesake, stranger):
        assert verdict(installation, credential) == ("credential_refused", "issuer_unknown")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (timedelta(0), timedelta(1), None),
        (timedelta(-1), timedelta(0), None),
        (timedelta(seconds=1), timedelta(1), "certificate_not_yet_valid"),
        (timedelta(-1), timedelta(seconds=-1), "certificate_expired"),
    ],
)
def test_a_card_holds_within_its_time_alone(
    installation: Installation, start: timedelta, end: timedelta, expected: str | None
) -> None:
    card = installation.authority.issue(NOW + start, NOW + end)
    result = verdict(installation, card.credential(KEY, BODY))
    assert (result == ("credential_refused", expected)) if expected else isinstance(result, bytes)


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "!!!",
        "e30",
        encoded({"kind": "card"}),
        encoded({"kind": "gold"}),
        encoded({"kind": "card", "certificate": "AA==", "nonce": "short", "signature": "AA=="}),
        "A" * 8_193,
    ],
    ids=["empty", "alphabet", "object", "fields", "kind", "nonce", "long"],
)
def test_a_credential_that_cannot_be_read_is_malformed(
    installation: Installation, credential: str
) -> None:
    assert verdict(installation, credential) == ("credential_malformed", "bad_format")


def test_a_certificate_that_is_none_is_invalid(installation: Installation) -> None:
    credential = encoded(
        {"kind": "card", "certificate": "AAAA", "nonce": "A" * 22, "signature": "AA=="}
    )
    assert verdict(installation, credential) == ("credential_refused", "certificate_invalid")


PAPER_FORM = encoded({"kind": "paper", "form_number": "F-1"})
RESIDENT = encoded({"kind": "counter", "resident_reference": "F-1"})


def test_paper_and_counter_are_vouched_for_by_clients_of_their_channel(
    installation: Installation,
) -> None:
    paper = verdict(installation, PAPER_FORM, signed(PAPER))
    counter = verdict(installation, RESIDENT, signed(COUNTER))
    assert isinstance(paper, bytes)
    assert isinstance(counter, bytes)
    assert paper != counter


@pytest.mark.parametrize(
    ("credential", "client"),
    [(PAPER_FORM, PORTAL), (RESIDENT, PORTAL), (PAPER_FORM, COUNTER), (RESIDENT, PAPER)],
)
def test_no_client_vouches_outside_its_channel(
    installation: Installation, credential: str, client: Client
) -> None:
    assert verdict(installation, credential, signed(client)) == ("scope_missing",)


def test_a_paper_client_cannot_pass_on_a_card(installation: Installation) -> None:
    credential = installation.authority.issue().credential(KEY, BODY)
    assert verdict(installation, credential, signed(PAPER)) == ("scope_missing",)
