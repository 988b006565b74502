"""The population is seeded, synthetic, and shaped as the census says."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from simulators.population.forms import half_width, hiragana
from simulators.population.people import HOUSEHOLD_SIZES, People
from simulators.population.towns import TOWNS, check_digit
from simulators.population.world import KINDS, World, build_world


@pytest.fixture(scope="module")
def authority() -> tuple[bytes, bytes]:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, None)
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key_pem


def world(authority: tuple[bytes, bytes], *, households: int, seed: int) -> World:
    return build_world(
        households=households, seed=seed, ca_pem=authority[0], ca_key_pem=authority[1]
    )


@pytest.mark.parametrize("town", TOWNS, ids=lambda town: town.code)
def test_municipality_codes_carry_their_check_digit(town: object) -> None:
    code = town.code  # type: ignore[attr-defined]
    assert check_digit(code[:5]) == int(code[5])


def test_the_same_seed_gives_the_same_world(authority: tuple[bytes, bytes]) -> None:
    one, two = (world(authority, households=60, seed=7) for _ in range(2))
    assert [s.attempts[0].body for s in one.scenarios] == [
        s.attempts[0].body for s in two.scenarios
    ]
    assert [s.expected for s in one.scenarios] == [s.expected for s in two.scenarios]


def test_every_kind_of_defect_appears_from_200_households_on(
    authority: tuple[bytes, bytes],
) -> None:
    labels = {s.label for s in world(authority, households=200, seed=1).scenarios}
    assert labels >= {kind.build.__name__ for kind in KINDS}


def test_household_sizes_follow_the_register_mean() -> None:
    people = People(Random(3))
    mean = sum(len(people.household().persons) for _ in range(4000)) / 4000
    assert abs(mean - sum(size * share for size, share in HOUSEHOLD_SIZES)) < 0.1


def test_no_two_households_get_one_account_by_chance() -> None:
    people = People(Random(5))
    accounts = [people.household().account.canonical for _ in range(3000)]
    assert len(set(accounts)) == len(accounts)


def test_names_are_visibly_synthetic() -> None:
    people = People(Random(5))
    assert all(people.name().startswith("テスト") for _ in range(100))


def test_half_width_and_hiragana_are_other_notations_of_the_same_name() -> None:
    assert half_width("テストヴァン　ヂキ") == "ﾃｽﾄｳﾞｧﾝ ﾁﾞｷ"
    assert hiragana("テストヴァン　ヂキ") == "てすとゔぁん　ぢき"


def test_attempts_expected_to_be_accepted_equal_the_expected_outcomes(
    authority: tuple[bytes, bytes],
) -> None:
    for scenario in world(authority, households=400, seed=2).scenarios:
        keys = {a.idempotency_key for a in scenario.attempts if a.expected_status == 202}
        assert len(keys) == sum(scenario.expected.values()), scenario.label
