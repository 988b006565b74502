"""The life of the registers process: gRPC server, clock ticker and health."""

import asyncio
from typing import Final

from kyufu.staff.v1 import staff_pb2_grpc

from chassis.grpc.server import RunningServer, serve
from chassis.grpc.tokens import TokenVerifier
from chassis.health import HealthServer
from chassis.kafka.producer import DurableProducer
from chassis.logging import get_logger
from chassis.metrics import Metrics
from services.eligibility.entrypoints.registers_service import METHOD_ROLES, RegistersService
from services.eligibility.ports import Ticker

WATCH_S: Final = 1.0
BROKER_TIMEOUT_S: Final = 60.0
STOP_GRACE_S: Final = 5.0


class ProcessBroken(Exception):
    """A part of the process cannot go on; the supervisor starts it again."""


class RegistersProcess:
    """All parts of the process, started in order and stopped in reverse."""

    def __init__(
        self,
        service: RegistersService,
        ticker: Ticker,
        producer: DurableProducer,
        verifier: TokenVerifier,
        metrics: Metrics,
        *,
        host: str,
        grpc_port: int,
        metrics_port: int,
    ) -> None:
        self._service = service
        self._ticker = ticker
        self._producer = producer
        self._verifier = verifier
        self._metrics = metrics
        self._host = host
        self._grpc_port = grpc_port
        self._health = HealthServer(
            metrics_port,
            metrics.registry,
            {"producer": producer.check, "clock": ticker.check},
            host=host,
        )
        self.server: RunningServer | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop, or until a part breaks: then ProcessBroken."""
        self._health.start()
        try:
            await asyncio.to_thread(self._producer.wait_ready, BROKER_TIMEOUT_S)
            self.server = await serve(
                [(staff_pb2_grpc.add_RegistersServiceServicer_to_server, self._service)],
                self._grpc_port,
                self._verifier,
                METHOD_ROLES,
                host=self._host,
                metrics=self._metrics,
            )
            self._ticker.start()
            get_logger().info("registers ready", grpc_port=self.server.port)
            await self._watch(stopping)
        finally:
            await self._stop()

    async def _watch(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            broken = self._ticker.broken()
            if broken is not None:
                raise ProcessBroken(broken)
            try:
                await asyncio.wait_for(stopping.wait(), WATCH_S)
            except TimeoutError:
                continue

    async def _stop(self) -> None:
        if self.server is not None:
            await self.server.stop(STOP_GRACE_S)
            await asyncio.to_thread(self._ticker.stop)
        await self._producer.aclose()
        self._health.stop()
