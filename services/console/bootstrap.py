"""The composition root of console: the only place where its I/O is built."""

import asyncio

import aiohttp
import psycopg
from kyufu.staff.v1 import staff_pb2_grpc
from psycopg_pool import PoolTimeout

from chassis.clock import SystemClock
from chassis.grpc.client import open_channel
from chassis.grpc.server import RunningServer, serve
from chassis.grpc.tokens import TokenSigner, TokenVerifier
from chassis.health import HealthServer
from chassis.kafka.consumer import BatchConsumer
from chassis.kafka.dead_letters import DEAD_LETTER_TOPIC, DeadLetters
from chassis.kafka.offsets import PostgresOffsets
from chassis.kafka.producer import DurableProducer
from chassis.kafka.topics import TopicCatalogue, require_reader
from chassis.logging import get_logger
from chassis.metrics import Metrics
from chassis.outbox import OutboxRelay
from chassis.postgres import connect_pool, migrate, reachable
from chassis.secrets import SecretsDir
from services.console.adapters.audit_table import AuditTable
from services.console.adapters.dead_letter_table import DeadLetterTable
from services.console.adapters.group_lags import KafkaGroupLags
from services.console.adapters.grpc_peers import GrpcPayments, GrpcRegisters
from services.console.adapters.peers import HttpPeers
from services.console.adapters.projection_tables import Projection
from services.console.adapters.review_table import SCHEMA, ReviewTable
from services.console.adapters.source_records import KafkaSourceRecords
from services.console.adapters.trace_table import TraceTable
from services.console.domain.access import PAYMENTS_VIEWER
from services.console.domain.reviews import RESOLVED_TOPICS
from services.console.entrypoints import consumers
from services.console.entrypoints.consumers import TaskConsumer, TraceConsumer
from services.console.entrypoints.staff_service import METHOD_ROLES, Ports, StaffService
from services.console.metric_defs import CONSOLE_METRICS, OPEN_REVIEWS, WAITING_DEAD_LETTERS
from services.console.settings import Settings

PRINCIPAL = "console"
REPLAY_PRINCIPAL = "console.replay"
# Two consumers, the relay, and the calls of staff.
POOL_CONNECTIONS = 10
GAUGES_EVERY_S = 5.0
# Published answers hold the sealed event of their stage; nobody needs them here after that.
OUTBOX_KEPT_S = 3_600.0


class Service:
    """All parts of one process, started in order and stopped in reverse."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.metrics = Metrics(CONSOLE_METRICS)
        self._clock = SystemClock(settings.clock_start, settings.clock_epoch_s)
        self._secrets = SecretsDir(settings.secrets_dir)
        database_url = settings.database_url.reveal()
        migrate(database_url, "console")
        self._pool = connect_pool(database_url, max_size=POOL_CONNECTIONS)
        self._reviews = ReviewTable(self._pool)
        self._letters = DeadLetterTable(self._pool)
        self._catalogue = TopicCatalogue.load()
        self._producer = DurableProducer(
            settings.kafka_bootstrap,
            PRINCIPAL,
            principal=PRINCIPAL,
            topics=(*sorted(set(RESOLVED_TOPICS.values())), DEAD_LETTER_TOPIC),
            catalogue=self._catalogue,
            metrics=self.metrics,
        )
        # Puts records back into topics that console itself may not write: see source_records.py.
        self._replayer = DurableProducer(
            settings.kafka_bootstrap, REPLAY_PRINCIPAL, metrics=self.metrics
        )
        self._relay = OutboxRelay(self._pool, SCHEMA, self._producer, metrics=self.metrics)
        self._consumers = (self._trace_consumer(), self._task_consumer())
        self._health: HealthServer | None = None
        self.grpc_port = 0
        self.metrics_port = 0

    def _trace_consumer(self) -> BatchConsumer:
        group = self._settings.group + consumers.TRACE_GROUP_SUFFIX
        offsets = PostgresOffsets(self._pool, SCHEMA, group)
        entry = TraceConsumer(Projection(self._pool, offsets))
        return self._consumer(group, consumers.TRACE_TOPICS, offsets, entry)

    def _task_consumer(self) -> BatchConsumer:
        group = self._settings.group + consumers.TASKS_GROUP_SUFFIX
        offsets = PostgresOffsets(self._pool, SCHEMA, group)
        entry = TaskConsumer(Projection(self._pool, offsets))
        return self._consumer(group, consumers.TASK_TOPICS, offsets, entry)

    def _consumer(
        self,
        group: str,
        topics: tuple[str, ...],
        offsets: PostgresOffsets,
        entry: TraceConsumer | TaskConsumer,
    ) -> BatchConsumer:
        for topic in topics:
            require_reader(PRINCIPAL, self._catalogue[topic])
        return BatchConsumer(
            self._settings.kafka_bootstrap,
            group,
            topics,
            entry.handle,
            offsets=offsets,
            dead_letters=DeadLetters(
                self._producer, consumer=PRINCIPAL, clock=self._clock, metrics=self.metrics
            ),
            catalogue=self._catalogue,
            check=entry.check,
            metrics=self.metrics,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set."""
        settings = self._settings
        signer = TokenSigner(self._secrets.signing_key("service"), self._clock)
        own_token = signer.source(PRINCIPAL, {"service", PAYMENTS_VIEWER})
        payments = open_channel(settings.payments_addr)
        registers = open_channel(settings.registers_addr)
        async with (
            payments,
            registers,
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=settings.peer_timeout_s), trust_env=False
            ) as client,
        ):
            ports = Ports(
                traces=TraceTable(self._pool),
                reviews=self._reviews,
                letters=self._letters,
                sources=KafkaSourceRecords(settings.kafka_bootstrap, self._replayer),
                audit=AuditTable(self._pool),
                payments=GrpcPayments(payments, own_token),
                registers=GrpcRegisters(registers),
                peers=HttpPeers(settings.peer_urls(), client),
                lags=KafkaGroupLags(settings.kafka_bootstrap),
            )
            server = await self._serve(ports)
            self._start_beside()
            try:
                await self._show_tasks_until(stopping)
            finally:
                await server.stop()
                await asyncio.to_thread(self._stop_beside)

    async def _serve(self, ports: Ports) -> RunningServer:
        service = StaffService(
            ports=ports,
            programmes=self._settings.programmes,
            clock=self._clock,
            metrics=self.metrics,
        )
        server = await serve(
            [(staff_pb2_grpc.add_StaffServiceServicer_to_server, service)],
            self._settings.grpc_port,
            TokenVerifier(self._secrets.verify_keys(), self._clock),
            METHOD_ROLES,
            host=self._settings.bind_host,
            metrics=self.metrics,
        )
        self.grpc_port = server.port
        return server

    async def _show_tasks_until(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                open_reviews = await asyncio.to_thread(self._reviews.open_total, None)
                waiting = await asyncio.to_thread(self._letters.waiting_total)
                self.metrics.gauge(OPEN_REVIEWS).set(open_reviews)
                self.metrics.gauge(WAITING_DEAD_LETTERS).set(waiting)
                await asyncio.to_thread(self._relay.prune, older_than_s=OUTBOX_KEPT_S)
            except (psycopg.OperationalError, PoolTimeout) as error:
                get_logger().warning("tasks cannot be counted", exc_info=error)
            try:
                async with asyncio.timeout(GAUGES_EVERY_S):
                    await stopping.wait()
            except TimeoutError:
                continue

    def _start_beside(self) -> None:
        for consumer in self._consumers:
            consumer.start()
        self._relay.start()
        trace, tasks = self._consumers
        self._health = HealthServer(
            self._settings.metrics_port,
            self.metrics.registry,
            {
                "database": reachable(self._pool),
                "kafka": self._producer.check,
                "trace": trace.ready,
                "tasks": tasks.ready,
                "outbox": self._relay.ready,
            },
            host=self._settings.bind_host,
        )
        self._health.start()
        self.metrics_port = self._health.port

    def _stop_beside(self) -> None:
        for consumer in self._consumers:
            consumer.stop()
        self._relay.stop()
        self._producer.close()
        self._replayer.close()
        if self._health is not None:
            self._health.stop()
        self._pool.close()
