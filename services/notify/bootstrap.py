"""The composition root of notify: the only place where its I/O is built."""

import asyncio
from datetime import timedelta

import aiohttp
import psycopg
from kyufu.notify.v1 import notify_pb2_grpc
from psycopg_pool import PoolTimeout

from chassis.clock import SystemClock
from chassis.grpc.server import RunningServer, serve
from chassis.grpc.tokens import TokenVerifier
from chassis.health import HealthServer
from chassis.kafka.consumer import BatchConsumer
from chassis.kafka.dead_letters import DEAD_LETTER_TOPIC, DeadLetters
from chassis.kafka.offsets import PostgresOffsets
from chassis.kafka.producer import DurableProducer
from chassis.kafka.topics import TopicCatalogue, require_reader
from chassis.logging import get_logger
from chassis.metrics import Metrics
from chassis.outbox import PRUNE_ROWS_MAX, OutboxRelay
from chassis.postgres import connect_pool, migrate, reachable
from chassis.sealing import Opener
from chassis.secrets import SecretsDir
from services.notify.adapters.contacts import SealedContacts
from services.notify.adapters.counters import NoticeCounters
from services.notify.adapters.notice_records import RECORDED_TOPIC
from services.notify.adapters.notice_table import SCHEMA, NoticeTable
from services.notify.adapters.sms_http import Provider, SmsProviders
from services.notify.adapters.smtp import SmtpPool
from services.notify.adapters.texts_file import load_texts
from services.notify.domain.notices import RetryPolicy
from services.notify.domain.texts import Catalogue, problems
from services.notify.entrypoints import decided_consumer
from services.notify.entrypoints.decided_consumer import DecidedConsumer
from services.notify.entrypoints.decoding import NoticeReader, all_reason_names
from services.notify.entrypoints.delivery_workers import WORKERS, DeliveryWorkers
from services.notify.entrypoints.grpc_service import METHOD_ROLES, NotificationService
from services.notify.handlers import Delivery
from services.notify.metric_defs import NOTIFY_METRICS
from services.notify.settings import Settings

PRINCIPAL = "notify"
# Batches in hand get this long at SIGTERM; with a silent provider they would take longer.
STOP_GRACE_S = 5.0
OUTBOX_PRUNED_EVERY_S = 600.0
OUTBOX_KEPT_S = 3_600.0
# A claim of each worker, marks beside it, and the short work of gRPC, consumer and relay.
POOL_CONNECTIONS = 2 * WORKERS + 4


class Service:
    """All parts of one process, started in order and stopped in reverse."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.metrics = Metrics(NOTIFY_METRICS)
        self._clock = SystemClock(settings.clock_start, settings.clock_epoch_s)
        self._secrets = SecretsDir(settings.secrets_dir)
        self._texts = _texts()
        database_url = settings.database_url.reveal()
        migrate(database_url, "notify")
        self._pool = connect_pool(database_url, max_size=POOL_CONNECTIONS)
        self._offsets = PostgresOffsets(self._pool, SCHEMA, settings.group)
        self._table = NoticeTable(self._pool, self._offsets)
        self._counters = NoticeCounters(self.metrics)
        self._reader = NoticeReader(self._secrets.pepper("application_id"))
        catalogue = TopicCatalogue.load()
        self._producer = DurableProducer(
            settings.kafka_bootstrap,
            PRINCIPAL,
            principal=PRINCIPAL,
            topics=(RECORDED_TOPIC, DEAD_LETTER_TOPIC),
            catalogue=catalogue,
            metrics=self.metrics,
        )
        self._relay = OutboxRelay(self._pool, SCHEMA, self._producer, metrics=self.metrics)
        self._consumer = self._decided_consumer(catalogue)
        self._health: HealthServer | None = None
        self.grpc_port = 0
        self.metrics_port = 0

    def _decided_consumer(self, catalogue: TopicCatalogue) -> BatchConsumer:
        for topic in decided_consumer.TOPICS:
            require_reader(PRINCIPAL, catalogue[topic])
        entry = DecidedConsumer(
            store=self._table,
            reader=self._reader,
            counters=self._counters,
            clock=self._clock,
        )
        return BatchConsumer(
            self._settings.kafka_bootstrap,
            self._settings.group,
            decided_consumer.TOPICS,
            entry.handle,
            offsets=self._offsets,
            dead_letters=DeadLetters(
                self._producer, consumer=PRINCIPAL, clock=self._clock, metrics=self.metrics
            ),
            catalogue=catalogue,
            check=entry.check,
            metrics=self.metrics,
        )

    def _delivery(self, mails: SmtpPool, client: aiohttp.ClientSession) -> Delivery:
        settings = self._settings
        providers = (
            Provider("sms_a", settings.sms_a_url, client),
            Provider("sms_b", settings.sms_b_url, client),
        )
        return Delivery(
            store=self._table,
            opener=SealedContacts(Opener({"contact": self._secrets.private_key("contact")})),
            mails=mails,
            messages=SmsProviders(providers, self._table, self._clock.monotonic),
            texts=self._texts,
            counters=self._counters,
            retry=RetryPolicy(
                attempts_max=settings.attempts_max,
                pause_first=timedelta(seconds=settings.pause_first_s),
                pause_max=timedelta(seconds=settings.pause_max_s),
            ),
            sender=settings.sender,
            message_id_domain=settings.sender.rpartition("@")[2],
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set; raises what makes the service useless."""
        settings = self._settings
        host, port = settings.smtp_address()
        mails = SmtpPool(
            host,
            port,
            sender=settings.sender,
            connections=settings.smtp_connections,
            timeout_s=settings.smtp_timeout_s,
        )
        # Providers are reached directly: an environment's proxy must not see telephone numbers.
        timeout = aiohttp.ClientTimeout(
            total=settings.sms_timeout_s, sock_connect=settings.sms_timeout_s
        )
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as client:
            workers = DeliveryWorkers(
                delivery=self._delivery(mails, client),
                store=self._table,
                counters=self._counters,
                clock=self._clock,
                batch_max=settings.batch_max,
            )
            server = await self._serve()
            self._start_beside(workers)
            pruning = asyncio.create_task(self._prune_outbox())
            try:
                await _until(stopping, workers)
            finally:
                pruning.cancel()
                await server.stop()
                await mails.close()
                await asyncio.to_thread(self._stop_beside)

    async def _prune_outbox(self) -> None:
        while True:
            await asyncio.sleep(OUTBOX_PRUNED_EVERY_S)
            try:
                pruned = PRUNE_ROWS_MAX
                while pruned == PRUNE_ROWS_MAX:
                    pruned = await asyncio.to_thread(self._relay.prune, older_than_s=OUTBOX_KEPT_S)
            except (psycopg.OperationalError, PoolTimeout) as error:
                get_logger().warning("the outbox cannot be pruned", exc_info=error)

    async def _serve(self) -> RunningServer:
        service = NotificationService(
            store=self._table, reader=self._reader, counters=self._counters, clock=self._clock
        )
        server = await serve(
            [(notify_pb2_grpc.add_NotificationServiceServicer_to_server, service)],
            self._settings.grpc_port,
            TokenVerifier(self._secrets.verify_keys(), self._clock),
            METHOD_ROLES,
            host=self._settings.bind_host,
            metrics=self.metrics,
        )
        self.grpc_port = server.port
        return server

    def _start_beside(self, workers: DeliveryWorkers) -> None:
        self._consumer.start()
        self._relay.start()
        self._health = HealthServer(
            self._settings.metrics_port,
            self.metrics.registry,
            {
                "database": reachable(self._pool),
                "kafka": self._producer.check,
                "consumer": self._consumer.ready,
                "outbox": self._relay.ready,
                "delivery": workers.ready,
            },
            host=self._settings.bind_host,
        )
        self._health.start()
        self.metrics_port = self._health.port

    def _stop_beside(self) -> None:
        self._consumer.stop()
        self._relay.stop()
        self._producer.close()
        if self._health is not None:
            self._health.stop()
        self._pool.close()


async def _until(stopping: asyncio.Event, workers: DeliveryWorkers) -> None:
    running = asyncio.create_task(workers.run())
    asked = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
        workers.stop()
        _, unfinished = await asyncio.wait({running}, timeout=STOP_GRACE_S)
        if unfinished:
            # Its claims are rolled back; what providers were told is on record.
            running.cancel()
            await asyncio.wait({running})
        else:
            running.result()
    finally:
        asked.cancel()


def _texts() -> Catalogue:
    texts = load_texts()
    found = problems(texts, all_reason_names())
    if found:
        raise ValueError("texts of notices: " + "; ".join(found))
    return texts
