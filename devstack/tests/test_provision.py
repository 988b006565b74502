"""An installation's keys are what the services' reader expects."""

import stat
from pathlib import Path

import psycopg
import pytest
from cryptography import x509

from chassis.kafka.topics import TopicCatalogue
from chassis.secrets import SecretsDir
from devstack.provision import (
    PEPPERS,
    SEALED_PURPOSES,
    create_roles,
    create_topics,
    require_empty_database,
    write_secrets,
)


def test_every_key_file_is_readable_by_the_services_reader(tmp_path: Path) -> None:
    write_secrets(tmp_path)
    keys = SecretsDir(tmp_path)
    assert len({keys.pepper(name) for name in PEPPERS}) == len(PEPPERS)
    for purpose in SEALED_PURPOSES:
        public = keys.private_key(purpose).public_key().public_bytes_raw()
        assert public == keys.public_key(purpose).public_bytes_raw()
    assert {keys.signing_key(kind).kid for kind in ("staff", "service")} == {"staff-1", "service-1"}


def test_two_installations_share_no_key(tmp_path: Path) -> None:
    write_secrets(tmp_path / "a")
    write_secrets(tmp_path / "b")
    assert SecretsDir(tmp_path / "a").pepper("person") != SecretsDir(tmp_path / "b").pepper(
        "person"
    )


def test_key_files_belong_to_their_owner_alone(tmp_path: Path) -> None:
    write_secrets(tmp_path)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_the_card_authority_may_sign_cards(tmp_path: Path) -> None:
    write_secrets(tmp_path)
    certificate = x509.load_pem_x509_certificate(SecretsDir(tmp_path).certificate_authority_pem())
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.integration
def test_a_services_role_enters_only_its_own_schema(fresh_database: str) -> None:
    urls = create_roles(fresh_database, ["ours", "theirs"])
    for schema, url in urls.items():
        with psycopg.connect(url) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
            connection.execute(f"CREATE TABLE {schema}.thing (id bigint)")
            connection.execute(f"REVOKE UPDATE ON {schema}.thing FROM CURRENT_USER")
    for forbidden in ("SELECT * FROM theirs.thing", "UPDATE ours.thing SET id = 1"):
        with (
            psycopg.connect(urls["ours"]) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(forbidden)
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute("SELECT count(*) FROM theirs.thing").fetchone() == (0,)
        for role in ("kyufu_ours", "kyufu_theirs"):  # roles outlive a database: leave none
            connection.execute(f"DROP OWNED BY {role} CASCADE")
            connection.execute(f"DROP ROLE {role}")


@pytest.mark.integration
def test_a_database_with_an_earlier_installation_is_refused(fresh_database: str) -> None:
    require_empty_database(fresh_database, ["payments"])
    with psycopg.connect(fresh_database) as connection:
        connection.execute("CREATE SCHEMA payments")
    with pytest.raises(Exception, match="already holds a schema 'payments'"):
        require_empty_database(fresh_database, ["payments"])


@pytest.mark.integration
def test_declared_topics_are_created_once_and_found_again(kafka_bootstrap: str) -> None:
    assert create_topics(kafka_bootstrap) == create_topics(kafka_bootstrap)
    assert len(TopicCatalogue.load()) == create_topics(kafka_bootstrap)
