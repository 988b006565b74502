"""The composition root of payments: the only place where its I/O is built.

One process: two consumers, two relays, the watcher of the bank's folder and the gRPC server. Each
part keeps its progress in PostgreSQL beside its effect, so the process may die at any point.
"""

import asyncio
from functools import partial

from kyufu.payments.v1 import payments_pb2_grpc
from prometheus_client import CollectorRegistry

from chassis.clock import SystemClock
from chassis.grpc.server import RunningServer, serve
from chassis.grpc.tokens import TokenSigner, TokenVerifier
from chassis.health import HealthServer
from chassis.kafka.consumer import BatchConsumer
from chassis.kafka.dead_letters import DEAD_LETTER_TOPIC, DeadLetters
from chassis.kafka.offsets import PostgresOffsets, end_offsets
from chassis.kafka.producer import DurableProducer
from chassis.kafka.topics import TopicCatalogue, require_reader
from chassis.metrics import Metrics
from chassis.outbox import PRUNE_ROWS_MAX, OutboxRelay
from chassis.postgres import connect_pool, migrate, reachable
from chassis.sealing import Opener, Sealer
from chassis.secrets import SecretsDir
from jpbank.calendar import next_bank_day
from services.payments.adapters.bank_folder import BankFolder
from services.payments.adapters.events import EVENTS_TOPIC, PROTECTED_EVENTS_TOPIC
from services.payments.adapters.holds_in_flight import HoldsTail
from services.payments.adapters.ledger import PostgresLedger, PostgresSnapshots
from services.payments.adapters.money_rows import SCHEMA
from services.payments.adapters.notices import NoticeRelay, grpc_sender
from services.payments.adapters.parameters import PayerTable, load_programmes
from services.payments.adapters.vault import PURPOSE, SealedVault
from services.payments.entrypoints.bank_watcher import BankWatcher
from services.payments.entrypoints.consumers import (
    DECISION_TOPICS,
    HOLD_TOPICS,
    DecisionsDoor,
    HoldsDoor,
)
from services.payments.entrypoints.decoding import check_decision, check_hold
from services.payments.entrypoints.grpc_service import METHOD_ROLES, PaymentsService
from services.payments.entrypoints.ledger_gauges import LedgerGauges
from services.payments.entrypoints.worker import Worker
from services.payments.handlers.freezing import Bank
from services.payments.metric_defs import NOTICES_SENT, PAYMENTS_METRICS
from services.payments.settings import Settings

PRINCIPAL = "payments"
SERVICE_ROLE = "service"
BANK_FOLDER = "bank"
POOL_CONNECTIONS = 12
ENDS_TIMEOUT_S = 10.0
# A day of notify's absence; then the process ends, says so, and is started again.
NOTIFY_FAILED_ROUNDS_MAX = 86_400
OUTBOXES_PRUNED_EVERY_S = 600.0
OUTBOXES_KEPT_S = 3_600.0


class Service:
    """All parts of one process, started in order and stopped in reverse."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.clock = SystemClock(settings.clock_start, settings.clock_epoch_s)
        self._secrets = SecretsDir(settings.secrets_dir)
        database_url = settings.database_url.reveal()
        migrate(database_url, PRINCIPAL)
        self._pool = connect_pool(database_url, schema=SCHEMA, max_size=POOL_CONNECTIONS)
        self._offsets = {
            group: PostgresOffsets(self._pool, SCHEMA, group)
            for group in (settings.decisions_group, settings.holds_group)
        }
        self._ledger = PostgresLedger(self._pool, self._offsets)
        self._snapshots = PostgresSnapshots(self._pool)
        # Registered before the gauges that it fills, so that a scrape shows the ledger of now.
        registry = CollectorRegistry()
        gauges = LedgerGauges(self._snapshots, self.clock)
        registry.register(gauges)
        self.metrics = Metrics(PAYMENTS_METRICS, registry)
        gauges.fill(self.metrics)
        self._programmes = load_programmes()
        self._vault = SealedVault(
            Opener({PURPOSE: self._secrets.private_key(PURPOSE)}),
            Sealer({PURPOSE: self._secrets.public_key(PURPOSE)}),
        )
        self._channel = BankFolder(settings.run_dir / BANK_FOLDER)
        catalogue = TopicCatalogue.load()
        self._producer = DurableProducer(
            settings.kafka_bootstrap,
            PRINCIPAL,
            principal=PRINCIPAL,
            topics=(EVENTS_TOPIC, PROTECTED_EVENTS_TOPIC, DEAD_LETTER_TOPIC),
            catalogue=catalogue,
            metrics=self.metrics,
        )
        self._relay = OutboxRelay(self._pool, SCHEMA, self._producer, metrics=self.metrics)
        dead_letters = DeadLetters(
            self._producer, consumer=PRINCIPAL, clock=self.clock, metrics=self.metrics
        )
        for topic in (*DECISION_TOPICS, *HOLD_TOPICS):
            require_reader(PRINCIPAL, catalogue[topic])
        self._decisions = self._decisions_consumer(catalogue, dead_letters)
        self._holds = self._holds_consumer(catalogue, dead_letters)
        self._workers = self._build_workers()
        self._health: HealthServer | None = None
        self.grpc_port = 0
        self.metrics_port = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set."""
        self._relay.start()
        self._holds.start()
        self._decisions.start()
        for worker in self._workers:
            worker.start()
        server = await self._serve()
        self._start_health()
        try:
            await stopping.wait()
        finally:
            await server.stop()
            await asyncio.to_thread(self._stop_beside)

    def _decisions_consumer(
        self, catalogue: TopicCatalogue, dead_letters: DeadLetters
    ) -> BatchConsumer:
        group = self._settings.decisions_group
        door = DecisionsDoor(group, self._ledger, self._programmes, self.clock, self.metrics)
        return BatchConsumer(
            self._settings.kafka_bootstrap,
            group,
            DECISION_TOPICS,
            door.handle,
            offsets=self._offsets[group],
            dead_letters=dead_letters,
            catalogue=catalogue,
            check=check_decision,
            metrics=self.metrics,
            batch_max=self._settings.decisions_per_batch_max,
            session_timeout_s=self._settings.session_timeout_s,
        )

    def _holds_consumer(
        self, catalogue: TopicCatalogue, dead_letters: DeadLetters
    ) -> BatchConsumer:
        group = self._settings.holds_group
        door = HoldsDoor(group, self._ledger, self.clock, self.metrics)
        return BatchConsumer(
            self._settings.kafka_bootstrap,
            group,
            HOLD_TOPICS,
            door.handle,
            offsets=self._offsets[group],
            dead_letters=dead_letters,
            catalogue=catalogue,
            check=check_hold,
            metrics=self.metrics,
            session_timeout_s=self._settings.session_timeout_s,
        )

    def _build_workers(self) -> tuple[Worker, ...]:
        settings = self._settings
        watcher = BankWatcher(
            ledger=self._ledger,
            vault=self._vault,
            channel=self._channel,
            clock=self.clock,
            metrics=self.metrics,
        )
        signer = TokenSigner(self._secrets.signing_key(SERVICE_ROLE), self.clock)
        notices = NoticeRelay(
            self._pool,
            grpc_sender(settings.notify_address, signer.source(PRINCIPAL, {SERVICE_ROLE})),
            lambda result, count: self.metrics.counter(NOTICES_SENT).labels(result).inc(count),
        )

        def prune() -> bool:
            events = self._relay.prune(older_than_s=OUTBOXES_KEPT_S)
            return PRUNE_ROWS_MAX in (events, notices.prune(older_than_s=OUTBOXES_KEPT_S))

        return (
            Worker("bank", watcher.round, settings.bank_poll_s),
            Worker(
                "notices",
                notices.round,
                settings.notice_poll_s,
                failed_rounds_max=NOTIFY_FAILED_ROUNDS_MAX,
            ),
            Worker("pruning", prune, OUTBOXES_PRUNED_EVERY_S),
        )

    async def _serve(self) -> RunningServer:
        service = PaymentsService(
            ledger=self._ledger,
            snapshots=self._snapshots,
            holds=HoldsTail(
                partial(end_offsets, self._settings.kafka_bootstrap, HOLD_TOPICS, ENDS_TIMEOUT_S),
                self._holds.reached,
                monotonic=self.clock.monotonic,
            ),
            bank=Bank(self._vault, PayerTable(), next_bank_day),
            channel=self._channel,
            programmes=self._programmes,
            clock=self.clock,
        )
        server = await serve(
            [(payments_pb2_grpc.add_PaymentsServiceServicer_to_server, service)],
            self._settings.grpc_port,
            TokenVerifier(self._secrets.verify_keys(), self.clock),
            METHOD_ROLES,
            host=self._settings.bind_host,
            metrics=self.metrics,
        )
        self.grpc_port = server.port
        return server

    def _start_health(self) -> None:
        self._health = HealthServer(
            self._settings.metrics_port,
            self.metrics.registry,
            {
                "database": reachable(self._pool),
                "kafka": self._producer.check,
                "decisions": self._decisions.ready,
                "holds": self._holds.ready,
                "outbox": self._relay.ready,
                # Notify being away delays notices and stops no money: not a reason here.
                "bank": self._workers[0].ready,
            },
            host=self._settings.bind_host,
        )
        self._health.start()
        self.metrics_port = self._health.port

    def _stop_beside(self) -> None:
        self._decisions.stop()
        self._holds.stop()
        for worker in self._workers:
            worker.stop()
        self._relay.stop()
        self._producer.close()
        if self._health is not None:
            self._health.stop()
        self._pool.close()
