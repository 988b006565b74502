"""Runs the whole of intake inside a test, on real servers, behind an HTTP client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from kyufu.events.v1 import applications_pb2

from chassis.clock import Clock, SystemClock
from chassis.kafka.topics import TopicCatalogue
from chassis.metrics import Metrics
from chassis.sensitive import Sensitive
from services.intake.bootstrap import build
from services.intake.entrypoints import status_feed
from services.intake.settings import IntakeSettings
from services.intake.tests.support import NOW, SUBMIT, Installation, Request

TOPICS = (*status_feed.TOPICS, "deadletters")
DEADLINE_S = 60.0
POLL_S = 0.05


@dataclass
class Running:
    """A running intake. `failures` holds what would have ended the process."""

    client: httpx.AsyncClient
    metrics: Metrics
    failures: list[BaseException]

    async def post(self, request: Request) -> httpx.Response:
        return await self.client.post(SUBMIT, content=request.content, headers=request.headers)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def create_topics(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    TopicCatalogue.load().create_all(admin, names=TOPICS)


@asynccontextmanager
async def running(
    installation: Installation,
    bootstrap: str,
    database_url: str,
    *,
    clock: Clock | None = None,
    acknowledgement_timeout_s: float = 20.0,
) -> AsyncIterator[Running]:
    """Start it, and stop it at the end."""
    failures: list[BaseException] = []
    intake = build(
        IntakeSettings(
            kafka_bootstrap=bootstrap,
            database_url=Sensitive(database_url),
            secrets_dir=installation.folder,
            clients_file=installation.clients_file,
            http_port=0,
            metrics_port=0,
            acknowledgement_timeout_s=acknowledgement_timeout_s,
        ),
        on_failure=failures.append,
        clock=clock or SystemClock(NOW),
    )
    async with intake.app.router.lifespan_context(intake.app):
        transport = httpx.ASGITransport(app=intake.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://intake", timeout=DEADLINE_S
        ) as client:
            yield Running(client, intake.metrics, failures)


async def eventually(condition: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
    """The condition's first true value; AssertionError after the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert loop.time() < end, "the condition did not come true in time"
        await asyncio.sleep(POLL_S)


def submitted(bootstrap: str) -> list[tuple[bytes, applications_pb2.ApplicationSubmitted]]:
    """Every record of applications.submitted, with its key."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "intake-test-reader"})
    try:
        partitions = (
            consumer.list_topics("applications.submitted")
            .topics["applications.submitted"]
            .partitions
        )
        records: list[tuple[bytes, applications_pb2.ApplicationSubmitted]] = []
        for number in partitions:
            where = TopicPartition("applications.submitted", number, 0)
            _, end = consumer.get_watermark_offsets(where, timeout=DEADLINE_S)
            if not end:
                continue
            consumer.assign([where])
            seen = 0
            while seen < end:
                message = consumer.poll(DEADLINE_S)
                assert message is not None
                assert message.error() is None
                seen = (message.offset() or 0) + 1
                record = applications_pb2.ApplicationSubmitted()
                record.ParseFromString(message.value() or b"")
                records.append((message.key() or b"", record))
        return records
    finally:
        consumer.close()
