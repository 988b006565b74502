"""Makes one installation: keys, topics, database roles and schemas.

Keys are random and new with every run; nothing here is a default that could reach production.
On servers that are the user's own, only what is absent is created.
"""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import NameOID
from joserfc.jwk import Key, KeySet, OKPKey
from psycopg import sql

from chassis.kafka.topics import ONE_MACHINE, TopicCatalogue
from chassis.postgres import migrate
from devstack.errors import SetupError

PEPPERS = (
    "credential", "account", "person", "application_id", "application_mac", "subject",
    "client_token",
)  # fmt: skip
PEPPER_BYTES = 32
SEALED_PURPOSES = ("identity", "account", "contact")
ADMIN_TIMEOUT_S = 30.0
SIGNERS = ("staff", "service")
# The simulated card authority of the year that is played; far wider than any card of it.
CA_VALID_FROM = datetime(2015, 1, 1, tzinfo=UTC)
CA_VALIDITY = timedelta(days=365 * 20)
CARD_AUTHORITY_CERTIFICATE = "cards/ca.pem"
CARD_AUTHORITY_KEY = "cards/ca.key"
CA_NAME = "Kyufu simulated card authority"


def write_secrets(folder: Path) -> None:
    """Fill an installation's folder of key files (modes 600, folder 700)."""
    for name in PEPPERS:
        _write(folder / "peppers" / f"{name}.bin", secrets.token_bytes(PEPPER_BYTES))
    for purpose in SEALED_PURPOSES:
        sealing = X25519PrivateKey.generate()
        _write(folder / "sealing" / f"{purpose}.key", sealing.private_bytes_raw())
        _write(folder / "sealing" / f"{purpose}.pub", sealing.public_key().public_bytes_raw())
    keys: list[Key] = []
    for signer in SIGNERS:
        signing = Ed25519PrivateKey.generate()
        _write(folder / signer / "signing.key", signing.private_bytes_raw())
        public = signing.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        keys.append(OKPKey.import_key(public, {"kid": f"{signer}-1", "use": "sig"}))
    document = KeySet(keys).as_dict(private=False)
    _write(folder / "staff" / "verify.jwks", json.dumps(document).encode())
    _write_card_authority(folder)


def _write_card_authority(folder: Path) -> None:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CA_NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(CA_VALID_FROM)
        .not_valid_after(CA_VALID_FROM + CA_VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, None)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(
        folder / CARD_AUTHORITY_CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM)
    )
    _write(folder / CARD_AUTHORITY_KEY, private)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def create_topics(bootstrap: str) -> int:
    """Create every declared topic that is absent; returns how many are declared."""
    catalogue = TopicCatalogue.load()
    admin = AdminClient({"bootstrap.servers": bootstrap})
    try:
        catalogue.create_all(admin)
    except KafkaException as refused:
        raise SetupError(f"topics could not be created on {bootstrap}: {refused}") from refused
    except ValueError as different:
        raise SetupError(f"the Kafka on {bootstrap} holds other topics: {different}") from different
    return len(catalogue)


def create_roles(owner_url: str, schemas: Sequence[str]) -> Mapping[str, str]:
    """Give each service a role of its own; returns each schema's URL.

    A role may make its own schema and enter no other's. Only for our own server: on the user's
    the given role serves all.
    """
    urls = {}
    parts = urlsplit(owner_url)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        database = parts.path.lstrip("/")
        for schema in schemas:
            role, password = f"kyufu_{schema}", secrets.token_urlsafe(24)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(password)
                )
            )
            connection.execute(
                sql.SQL("GRANT CREATE, CONNECT ON DATABASE {} TO {}").format(
                    sql.Identifier(database), sql.Identifier(role)
                )
            )
            place = f"{role}:{quote(password, safe='')}@{parts.hostname}:{parts.port}"
            urls[schema] = urlunsplit(parts._replace(netloc=place))
    return urls


def migrate_schemas(urls: Mapping[str, str]) -> None:
    """Bring each service's schema to its newest revision, as the role that will use it."""
    for schema, url in urls.items():
        migrate(url, schema)


def require_empty_database(url: str, schemas: Sequence[str]) -> None:
    """A play must begin on an empty installation, or its sums would hold an earlier one's."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT schema_name FROM information_schema.schemata "
            "WHERE schema_name = ANY(%s) ORDER BY 1",
            (list(schemas),),
        ).fetchone()
    if row is not None:
        raise SetupError(
            f"the database of DATABASE_URL already holds a schema {row[0]!r}: give an empty "
            "database and an empty Kafka (what is yours is not emptied)"
        )


def require_empty_topics(bootstrap: str) -> None:
    """As `require_empty_database`, for a Kafka of the user's: declared topics hold no record."""
    reader = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "devstack-emptiness", "log_level": 0}
    )
    try:
        for topic in TopicCatalogue.load().values():
            for number in range(topic.partitions[ONE_MACHINE]):
                low, high = reader.get_watermark_offsets(
                    TopicPartition(topic.name, number), timeout=ADMIN_TIMEOUT_S
                )
                if low != high:
                    raise SetupError(
                        f"topic {topic.name} on {bootstrap} already holds records: give an empty "
                        "Kafka (what is yours is not emptied)"
                    )
    finally:
        reader.close()
