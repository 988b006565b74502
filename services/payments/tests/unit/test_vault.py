"""Whose account is opened for a payment, and whose is not."""

from dataclasses import replace

import pytest

from chassis.sealing import Opener, Sealer, UnknownSealingKey
from services.payments.adapters.vault import SealedVault
from services.payments.domain.money import PaymentId, Payout, Yen
from services.payments.domain.payment import Payment
from services.payments.tests.town import TOWN, Keys, claim_of, token

OWN, OTHERS = b"a" * 20, b"b" * 20
PLAINTEXT = b"000100110000042" + "ﾃｽﾄ ﾊﾅｺ".encode("cp932")


@pytest.fixture
def keys() -> Keys:
    return Keys()


def payment(keys: Keys, owner_kind: str, owner_id: bytes, field: str = "account") -> Payment:
    """A payment of application OWN with an account that was sealed for somebody."""
    sealer = Sealer({"account": keys.private.public_key()})
    sealed = sealer.seal("account", owner_kind, owner_id, field, PLAINTEXT)
    return Payment(
        payment_id=PaymentId(token("payment")),
        claim=claim_of("a"),
        party_kind=1,
        protected=False,
        revision=1,
        application_id=OWN,
        municipality_code=TOWN,
        amount_yen=Yen(100_000),
        payout=Payout.ACCOUNT,
        account_sealed=sealed.SerializeToString(),
    )


@pytest.mark.parametrize(
    ("owner_kind", "owner_id", "opens"),
    [
        ("application", OWN, True),
        ("application", OTHERS, False),
        ("registered_account", token("resident"), True),
        ("batch", OWN, False),
    ],
)
def test_an_account_opens_for_the_application_that_it_was_sealed_for(
    keys: Keys, owner_kind: str, owner_id: bytes, opens: bool
) -> None:
    opened = keys.vault().open_account(payment(keys, owner_kind, owner_id))
    assert opened == (PLAINTEXT if opens else None)


def test_another_field_of_the_application_is_no_account(keys: Keys) -> None:
    assert keys.vault().open_account(payment(keys, "application", OWN, "holder")) is None


@pytest.mark.parametrize("sealed", [b"", b"broken"])
def test_what_is_no_sealed_value_does_not_open(keys: Keys, sealed: bytes) -> None:
    broken = replace(payment(keys, "application", OWN), account_sealed=sealed)
    assert keys.vault().open_account(broken) is None


def test_a_key_that_is_not_mounted_is_raised_and_sets_no_payment_aside(keys: Keys) -> None:
    other = Keys()
    vault = SealedVault(
        Opener({"account": other.private}), Sealer({"account": other.private.public_key()})
    )
    with pytest.raises(UnknownSealingKey):
        vault.open_account(payment(keys, "application", OWN))
