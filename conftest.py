"""Real servers for tests: one embedded Kafka and PostgreSQL a session, started when first asked.

`KAFKA_BOOTSTRAP` and `DATABASE_URL` name servers to use instead; those are never stopped. Under
xdist, as a plain `./test` uses it, each of its workers starts a pair of its own.
"""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from devstack.ports import random_base
from devstack.servers import Servers, needed_ports, start_servers

DROP_DEADLINE_S = 30.0
DROP_PAUSE_S = 0.2


def _one_server(kind: str) -> Iterator[Servers]:
    """Start one embedded server in a temporary folder and stop it when the session ends."""
    folder = Path(tempfile.mkdtemp(prefix="kyufu-test-servers-"))
    folder.chmod(0o755)  # an unprivileged PostgreSQL must be able to enter
    try:
        servers = start_servers(
            folder=folder / "servers",
            logs=folder / "logs",
            ports=random_base(needed_ports()),
            wanted=(kind,),
        )
        try:
            yield servers
        finally:
            servers.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _kafka_server() -> Iterator[str]:
    if given := os.environ.get("KAFKA_BOOTSTRAP"):
        yield given
        return
    for servers in _one_server("kafka"):
        yield servers.kafka_bootstrap


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[str]:
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    for servers in _one_server("postgres"):
        yield servers.database_url


@pytest.fixture(scope="session")
def kafka_bootstrap(_kafka_server: str) -> str:
    """Address of a real broker that answers."""
    return _kafka_server


@pytest.fixture
def own_kafka() -> Iterator[str]:
    """Address of an empty broker of one test alone, where whole logs are compared."""
    for servers in _one_server("kafka"):
        yield servers.kafka_bootstrap


@pytest.fixture(scope="session")
def database_url(_postgres_server: str) -> str:
    """Address of a real PostgreSQL database whose user may create databases."""
    return _postgres_server


@pytest.fixture
def fresh_database(database_url: str) -> Iterator[str]:
    """URL of a new, empty database, dropped after the test."""
    name = f"kyufu_test_{secrets.token_hex(6)}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    finally:
        _drop(database_url, name)


def _drop(database_url: str, name: str) -> None:
    """Drop a database with whoever is still connected.

    PostgreSQL's own vacuum worker may be at work in it, which an owner may not end: it is waited
    for.
    """
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    end = time.monotonic() + DROP_DEADLINE_S
    with psycopg.connect(database_url, autocommit=True) as connection:
        while True:
            try:
                connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                if time.monotonic() > end:
                    raise
                time.sleep(DROP_PAUSE_S)
            else:
                return


@pytest.fixture
def topic_prefix() -> str:
    """A prefix no other test uses, for topics, groups and transactional ids on a shared broker."""
    return f"t{secrets.token_hex(5)}."


@pytest.fixture
def fresh_topics(kafka_bootstrap: str, topic_prefix: str) -> Iterator[Callable[..., list[str]]]:
    """`fresh_topics("a", "b", partitions=2, config={})` creates prefixed topics; removed after."""
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    created: list[str] = []

    def create(*names: str, partitions: int = 4, config: dict[str, str] | None = None) -> list[str]:
        topics = [topic_prefix + name for name in names]
        wanted = [
            NewTopic(name, num_partitions=partitions, replication_factor=1, config=config or {})
            for name in topics
        ]
        for future in admin.create_topics(wanted).values():
            future.result(timeout=60)
        created.extend(topics)
        return topics

    yield create
    if created:
        for future in admin.delete_topics(created).values():
            future.result(timeout=60)
