"""Sends the town while the core suffers, and keeps the auditor's books of it."""

import threading
import time
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

from confluent_kafka import Producer
from kyufu.events.v1.applications_pb2 import ApplicationSubmitted
from kyufu.events.v1.operations_pb2 import ClockTick

from bench.town import Town, TownRecord
from bench.town.records import headers_of
from loadtests.faults.books import Sent
from loadtests.faults.reading import digest_of

SUBMITTED = "applications.submitted"
TICKS = "clock.ticks"
YEN_PER_PERSON = 100_000
PART = 100
FLUSH_S = 150.0
TICK_S = 0.5
# 2020-05-11T00:00:00Z, inside the window of application.
TICKS_FROM_MS = 1_589_155_200_000
POISON = b"\xff\xff\xff no message"
BUFFER_WAIT_S = 0.05


class Feeder(threading.Thread):
    """Sends applications at a steady rate, ticks beside them and poison among them."""

    def __init__(
        self, bootstrap: str, town: Town, rng: Random, *, rate: int, poison: int = 0
    ) -> None:
        super().__init__(name="feeder", daemon=True)
        self.sent = Sent()
        self.skew_ms = 0
        self.error: BaseException | None = None
        self._town = town
        self._rng = rng
        self._rate = rate
        self._poison = poison
        self._began_s = time.monotonic()
        self._next_tick = 0.0
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2",
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": int(FLUSH_S * 1000),
                "log_level": 0,
            }
        )

    def load_registers(self) -> None:
        """Send all registers and wait until the broker has them."""
        for record in self._town.registers():
            self._send(record)
        self._flush()

    def run(self) -> None:
        """Send all applications; `error` says why not, if not."""
        try:
            self._feed(self._town.applications())
        except BaseException as error:
            self.error = error

    def tick(self) -> None:
        """The clock into every partition, when it is time; moved by `skew_ms`."""
        now = time.monotonic() - self._began_s
        if now < self._next_tick:
            return
        self._next_tick = now + TICK_S
        at_ms = TICKS_FROM_MS + int(now * 1000) + self.skew_ms
        value = ClockTick(at_ms=at_ms, sequence=at_ms // 1000).SerializeToString()
        kind = ClockTick.DESCRIPTOR.full_name
        for partition in range(self._town.plan.partitions):
            self._send(TownRecord(TICKS, b"tick", value, kind, partition))

    def _feed(self, applications: Iterator[TownRecord]) -> None:
        # The first records of the run, so that poison heads its partitions.
        for _ in range(self._poison):
            self._send_poison()
        while part := list(islice(applications, PART)):
            begun = time.monotonic()
            for record in part:
                submitted = ApplicationSubmitted.FromString(record.value)
                self.sent.applications.add(submitted.application_id)
                self.sent.submissions[submitted.event_id, digest_of(submitted)] += 1
                self._send(record)
            if self._poison and self._rng.random() < 0.1:
                self._send_poison()
            self.tick()
            time.sleep(max(0.0, PART / self._rate - (time.monotonic() - begun)))
        self._flush()
        expected = self._town.expected()
        self.sent.expected = expected.outcomes
        self.sent.expected_yen = expected.approved_persons * YEN_PER_PERSON

    def _send_poison(self) -> None:
        kind = ApplicationSubmitted.DESCRIPTOR.full_name
        key = self._rng.randbytes(16)
        self._send(TownRecord(SUBMITTED, key, POISON, kind, None), self._note_poison)

    def _note_poison(self, error: Any, record: Any) -> None:
        if error is None:
            self.sent.poison.add((record.topic(), record.partition(), record.offset()))

    def _send(self, record: TownRecord, on_delivery: Any = None) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    -1 if record.partition is None else record.partition,
                    on_delivery,
                    headers=headers_of(record.type, placed=record.partition is not None),
                )
            except BufferError:
                self._producer.poll(BUFFER_WAIT_S)
            else:
                self._producer.poll(0)
                return

    def _flush(self) -> None:
        if left := self._producer.flush(FLUSH_S):
            raise TimeoutError(f"{left} records could not be sent")
