"""Puts intake together; nothing else builds connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import sqlalchemy.exc
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from starlette.applications import Starlette

from chassis.clock import Clock, SystemClock
from chassis.kafka.consumer import BatchConsumer
from chassis.kafka.dead_letters import DEAD_LETTER_TOPIC, DeadLetters
from chassis.kafka.offsets import PostgresOffsets
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import Positions, Record
from chassis.kafka.topics import TopicCatalogue, require_reader
from chassis.logging import get_logger
from chassis.metrics import Metrics
from chassis.postgres import connect_pool, migrate
from chassis.sealing import Sealer
from chassis.secrets import SecretsDir
from services.intake.adapters import status_table
from services.intake.adapters.application_log import TOPIC, KafkaApplicationLog
from services.intake.adapters.clients_file import ClientsFile
from services.intake.adapters.credentials import CredentialChecker
from services.intake.adapters.idempotency_table import IdempotencyTable
from services.intake.adapters.identities import PepperedIdentities
from services.intake.adapters.programmes_file import ProgrammesFile
from services.intake.adapters.wall_clock import ChassisClock
from services.intake.domain.applications import ApplicationId
from services.intake.entrypoints import status_feed
from services.intake.entrypoints.http import Doors, build_app
from services.intake.entrypoints.status_feed import StatusFeed
from services.intake.handlers import ReadStatus, SubmitApplication
from services.intake.metric_defs import INTAKE_METRICS, PROJECTED
from services.intake.ports import (
    DecisionSeen,
    OwnedStatus,
    PaymentSeen,
    StatusChange,
    StatusStoreAway,
    SubmissionSeen,
)
from services.intake.settings import IntakeSettings

PRINCIPAL: Final = "intake"
CLOSE_TIMEOUT_S: Final = 5.0
MIGRATION_WAIT_S: Final = 15.0
_KINDS: Final[dict[type[StatusChange], str]] = {
    SubmissionSeen: "submission",
    DecisionSeen: "decision",
    PaymentSeen: "payment",
}


@dataclass(frozen=True, slots=True)
class Intake:
    """The parts that the process runs and stops."""

    app: Starlette
    metrics: Metrics
    producer: DurableProducer


def build(
    settings: IntakeSettings,
    *,
    on_failure: Callable[[BaseException], None],
    clock: Clock | None = None,
) -> Intake:
    """All parts wired; connections open when the app starts. `on_failure` ends the process."""
    clock = clock or SystemClock(settings.clock_start, settings.clock_epoch_s)
    metrics = Metrics(INTAKE_METRICS)
    secrets = SecretsDir(settings.secrets_dir)
    identities = PepperedIdentities(secrets)
    catalogue = TopicCatalogue.load()
    producer = DurableProducer(
        settings.kafka_bootstrap,
        PRINCIPAL,
        principal=PRINCIPAL,
        topics=(TOPIC, DEAD_LETTER_TOPIC),
        catalogue=catalogue,
        metrics=metrics,
        delivery_timeout_s=settings.acknowledgement_timeout_s,
        in_flight_max=settings.in_flight_max,
    )
    ledger = IdempotencyTable(
        settings.database_url.reveal(), clock=clock, metrics=metrics, on_failure=on_failure
    )
    statuses = _LateStatusTable()
    feed = StatusFeed(
        partial(_connect_feed, settings, catalogue, producer, identities, clock, metrics),
        metrics=metrics,
        on_failure=on_failure,
    )
    sealer = Sealer({purpose: secrets.public_key(purpose) for purpose in ("account", "contact")})
    log = KafkaApplicationLog(producer, sealer, clock=clock, metrics=metrics, on_broken=on_failure)
    doors = Doors(
        clients=ClientsFile(settings.clients_file, secrets.pepper("client_token")),
        submit=_submit(secrets, identities, clock, ledger, log),
        read_status=ReadStatus(identities=identities, statuses=statuses),
        ready={"broker": producer.check},
        metrics=metrics,
    )
    life = partial(_life, settings.database_url.reveal(), ledger, statuses, feed, producer)
    return Intake(build_app(doors, life), metrics, producer)


def _submit(
    secrets: SecretsDir,
    identities: PepperedIdentities,
    clock: Clock,
    ledger: IdempotencyTable,
    log: KafkaApplicationLog,
) -> SubmitApplication:
    return SubmitApplication(
        clock=ChassisClock(clock),
        identities=identities,
        programmes=ProgrammesFile(),
        credentials=CredentialChecker(
            authority_pem=secrets.certificate_authority_pem(),
            pepper=secrets.pepper("credential"),
            clock=clock,
        ),
        ledger=ledger,
        log=log,
    )


@asynccontextmanager
async def _life(
    database_url: str,
    ledger: IdempotencyTable,
    statuses: "_LateStatusTable",
    feed: StatusFeed,
    producer: DurableProducer,
    _: Starlette,
) -> AsyncIterator[None]:
    """From the first request to the last: what belongs to the app's event loop, and the feed."""
    await _migrate_if_reachable(database_url)
    pool = status_table.reading_pool(database_url)
    await pool.open(wait=False)
    statuses.open(pool)
    await ledger.start()
    feed.start()
    try:
        yield
    finally:
        await ledger.stop()
        await asyncio.to_thread(feed.stop)
        await pool.close()
        await producer.aclose(CLOSE_TIMEOUT_S)


async def _migrate_if_reachable(database_url: str) -> None:
    """Tables before the first request where PostgreSQL answers; otherwise the feed makes them when
    it does, and intake serves meanwhile.
    """
    try:
        async with asyncio.timeout(MIGRATION_WAIT_S):
            await asyncio.to_thread(migrate, database_url, PRINCIPAL)
    except (TimeoutError, sqlalchemy.exc.OperationalError) as error:
        get_logger().warning("intake starts without its tables", reason=type(error).__name__)


class _LateStatusTable:
    """A pool belongs to the event loop, so the table is there from the start of the app on."""

    def __init__(self) -> None:
        self._table: status_table.StatusTable | None = None

    def open(self, pool: AsyncConnectionPool) -> None:
        self._table = status_table.StatusTable(pool)

    async def find(self, application_id: ApplicationId) -> OwnedStatus | None:
        if self._table is None:
            raise StatusStoreAway
        return await self._table.find(application_id)


class _FeedLife:
    """One life of the feed's consumer; the pool ends with it."""

    def __init__(self, consumer: BatchConsumer, pool: ConnectionPool) -> None:
        self._consumer = consumer
        self._pool = pool

    def run(self) -> None:
        try:
            self._consumer.run()
        finally:
            self._pool.close()

    def stop(self) -> None:
        self._consumer.stop()


def _connect_feed(
    settings: IntakeSettings,
    catalogue: TopicCatalogue,
    producer: DurableProducer,
    identities: PepperedIdentities,
    clock: Clock,
    metrics: Metrics,
) -> _FeedLife:
    for topic in status_feed.TOPICS:
        require_reader(PRINCIPAL, catalogue[topic])
    database_url = settings.database_url.reveal()
    migrate(database_url, PRINCIPAL)
    pool = connect_pool(database_url, max_size=2)
    offsets = PostgresOffsets(pool, PRINCIPAL, status_feed.GROUP)
    projected = metrics.counter(PROJECTED)

    def handle(records: list[Record], positions: Positions) -> None:
        changes = [change for record in records if (change := status_feed.read(record))]
        with pool.connection() as connection:
            status_table.fold(connection, changes, identities)
            offsets.write(connection, positions)
        for change in changes:
            projected.labels(kind=_KINDS[type(change)]).inc()

    consumer = BatchConsumer(
        settings.kafka_bootstrap,
        status_feed.GROUP,
        status_feed.TOPICS,
        handle,
        offsets=offsets,
        dead_letters=DeadLetters(producer, consumer=PRINCIPAL, clock=clock, metrics=metrics),
        catalogue=catalogue,
        check=status_feed.check,
        metrics=metrics,
    )
    return _FeedLife(consumer, pool)
