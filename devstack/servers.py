"""The two servers beneath the services: embedded ones of our own, or the user's.

`KAFKA_BOOTSTRAP` and `DATABASE_URL` each replace one embedded server. A server that we did not
start is never stopped, emptied or reconfigured.
"""

import os
import time
from collections.abc import Callable, Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from devstack.errors import SetupError
from devstack.kafka.server import KafkaServer
from devstack.paths import CACHE
from devstack.ports import Ports
from devstack.postgres import PostgresServer
from devstack.toolchain import find_java, kafka_jars

PROBE_TIMEOUT_S = 10.0
Step = Callable[[str, float], None]


@dataclass(slots=True)
class Servers:
    """Addresses of both servers, and the embedded ones among them."""

    kafka_bootstrap: str
    database_url: str
    kafka: KafkaServer | None = None
    postgres: PostgresServer | None = None

    @property
    def all_own(self) -> bool:
        """Say whether both servers are embedded ones of this process."""
        return self.kafka is not None and self.postgres is not None

    def ended(self) -> str | None:
        """Name an embedded server that ended by itself, None while all is well."""
        for name, server in (("PostgreSQL", self.postgres), ("Kafka", self.kafka)):
            if server is not None and server.exit_code() is not None:
                return name
        return None

    def stop(self) -> None:
        """Stop what we started, in the reverse order; the user's servers are left alone."""
        if self.kafka is not None:
            self.kafka.stop()
        if self.postgres is not None:
            self.postgres.stop()


def needed_ports(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Name the ports that the embedded servers will listen on."""
    names: tuple[str, ...] = ()
    if not environ.get("DATABASE_URL"):
        names += ("postgres",)
    if not environ.get("KAFKA_BOOTSTRAP"):
        names += ("kafka", "kafka-controller")
    return names


def start_servers(
    *,
    folder: Path,
    logs: Path,
    ports: Ports,
    environ: Mapping[str, str] = os.environ,
    wanted: Container[str] = ("kafka", "postgres"),
    step: Step = lambda _name, _seconds: None,
    say: Callable[[str], None] = lambda _: None,
) -> Servers:
    """Start what is `wanted` and not given; return once both answer real requests.

    Must be called from a thread that lives as long as the servers shall (children.py).
    """
    servers = Servers(
        kafka_bootstrap=environ.get("KAFKA_BOOTSTRAP", ""),
        database_url=environ.get("DATABASE_URL", ""),
    )
    try:
        if "postgres" in wanted and not servers.database_url:
            servers.postgres = PostgresServer(
                folder=folder / "postgres", log=logs / "postgres.log",
                port=ports.of("postgres"), say=say,
            )  # fmt: skip
        if "kafka" in wanted and not servers.kafka_bootstrap:
            started = time.monotonic()
            java = find_java(environ)
            jars = kafka_jars(CACHE, java, environ)
            step("Java and Kafka's jars", time.monotonic() - started)
            servers.kafka = KafkaServer(
                java=java, jars=jars, folder=folder / "kafka", log=logs / "kafka.log",
                port=ports.of("kafka"), controller_port=ports.of("kafka-controller"),
            )  # fmt: skip
        _probe_given(servers)
        _prepare(servers, step)
        _wait(servers, step)
    except BaseException:
        servers.stop()
        raise
    return servers


def _probe_given(servers: Servers) -> None:
    """Find out now, in one line, that a server of the user's does not answer."""
    if servers.kafka is None and servers.kafka_bootstrap:
        admin = AdminClient({"bootstrap.servers": servers.kafka_bootstrap, "log_level": 0})
        try:
            admin.list_topics(timeout=PROBE_TIMEOUT_S)
        except KafkaException as silent:
            raise SetupError(
                f"the Kafka of KAFKA_BOOTSTRAP ({servers.kafka_bootstrap}) does not answer: start "
                "it, or unset KAFKA_BOOTSTRAP to use one that ./run starts"
            ) from silent
    if servers.postgres is None and servers.database_url:
        try:
            psycopg.connect(servers.database_url, connect_timeout=int(PROBE_TIMEOUT_S)).close()
        except psycopg.Error as silent:  # its text may hold parts of the URL, a password among them
            raise SetupError(
                "the PostgreSQL of DATABASE_URL does not let us in "
                f"({type(silent).__name__}): look at its address, user and password, or unset "
                "DATABASE_URL to use one that ./run starts"
            ) from None


def _prepare(servers: Servers, step: Step) -> None:
    """Format and initdb side by side, then start both from the calling thread."""
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = []
        if servers.kafka is not None:
            jobs.append(pool.submit(servers.kafka.format))
        if servers.postgres is not None:
            jobs.append(pool.submit(servers.postgres.initialise))
    for job in jobs:
        job.result()
    if jobs:
        step("empty data folders", time.monotonic() - started)
    if servers.kafka is not None:
        servers.kafka.start()
    if servers.postgres is not None:
        servers.postgres.start()


def _wait(servers: Servers, step: Step) -> None:
    started = time.monotonic()
    if servers.postgres is not None:
        servers.postgres.wait_ready()
        servers.database_url = servers.postgres.url
        step("PostgreSQL answers", time.monotonic() - started)
    if servers.kafka is not None:
        servers.kafka.wait_ready()
        servers.kafka_bootstrap = servers.kafka.bootstrap
        step("Kafka answers", time.monotonic() - started)
