"""Prepares Kafka and PostgreSQL for one installation; may be repeated.

Each service gets a role that makes its own schema and enters no other's. Roles are no superusers,
so what a migration revokes binds the service too.
"""

from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from confluent_kafka.admin import AdminClient
from psycopg import sql

from chassis.kafka.topics import TopicCatalogue
from chassis.postgres import migrate
from deploy.provision.keys import role_password, role_url
from deploy.provision.shares import SCHEMAS

CONNECT_TIMEOUT_S: Final = 10


def create_topics(bootstrap: str, *, profile: str, replication_factor: int) -> int:
    """Create every declared topic that is missing; returns how many are declared."""
    catalogue = TopicCatalogue.load()
    admin = AdminClient({"bootstrap.servers": bootstrap})
    catalogue.create_all(admin, profile=profile, replication_factor=replication_factor)
    return len(catalogue)


def create_schemas(installation: Path, database_place: str, *, owner: str) -> None:
    """Make roles, give them their passwords, and bring each service's schema up to date.

    `owner` may create roles; its password lies in the installation. Place: host:port/database.
    """
    password = quote((installation / "passwords" / "postgres").read_text(), safe="")
    with psycopg.connect(
        f"postgresql://{owner}:{password}@{database_place}",
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
    ) as connection:
        for schema in SCHEMAS:
            _make_role(connection, f"kyufu_{schema}", role_password(installation, schema))
    for schema in SCHEMAS:
        migrate(role_url(installation, schema, database_place), schema)


def _make_role(
    connection: psycopg.Connection[tuple[object, ...]], role: str, password: str
) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verb = "CREATE" if found is None else "ALTER"
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
            sql.SQL(verb), sql.Identifier(role), sql.Literal(password)
        )
    )
    connection.execute(
        sql.SQL("GRANT CREATE, CONNECT ON DATABASE {} TO {}").format(
            sql.Identifier(connection.info.dbname), sql.Identifier(role)
        )
    )
