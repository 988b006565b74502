"""Holds a hop's main input back until the contender is ready, with the records already on disk.

The records are written in open transactions: the broker has them, and a read_committed reader sees
none. Ending the transaction lets all of them appear at once, so that neither producing them nor
loading registers falls into the measured time. One that reads uncommitted records (plain Faust)
would see them early: for it the gate writes them when it is opened.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaException, Producer

from bench.flow import Feeder
from bench.town import TownRecord
from bench.town.records import headers_of

OPEN_TIMEOUT_MS: Final = 900_000
STEP_TIMEOUT_S: Final = 120.0
_POLL_S: Final = 0.05


class Gate:
    """Part of a main input, invisible until `open`."""

    def __init__(self, bootstrap: str, records: Sequence[TownRecord], *, held: bool = True) -> None:
        self._bootstrap = bootstrap
        self._late = [] if held else records
        self._producer = _producer(bootstrap) if held else None
        if self._producer is None:
            return
        self._producer.init_transactions(STEP_TIMEOUT_S)
        self._producer.begin_transaction()
        for record in records:
            self._put(self._producer, record)
        if self._producer.flush(STEP_TIMEOUT_S):
            raise TimeoutError("the broker did not take all records in time")

    def open(self) -> None:
        """Let the records appear."""
        if self._producer is not None:
            self._producer.commit_transaction(STEP_TIMEOUT_S)
            return
        feeder = Feeder(self._bootstrap)
        feeder.send(self._late)
        feeder.flush()

    @staticmethod
    def _put(producer: Producer, record: TownRecord) -> None:
        headers = headers_of(record.type, placed=False)
        while True:
            try:
                producer.produce(
                    record.topic, record.value, record.key, on_delivery=_check, headers=headers
                )
            except BufferError:
                producer.poll(_POLL_S)
            else:
                return


def _producer(bootstrap: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": f"bench-gate-{uuid.uuid4().hex}",
            "transaction.timeout.ms": OPEN_TIMEOUT_MS,
            "partitioner": "murmur2",
            "compression.type": "lz4",
            "linger.ms": 20,
            "batch.size": 1 << 20,
            "delivery.report.only.error": True,
            "log_level": 0,
        }
    )


def _check(error: object, _message: object) -> None:
    if error is not None:
        raise KafkaException(error)
