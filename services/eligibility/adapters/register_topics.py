"""Writes register records and clock ticks to Kafka."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from google.protobuf.message import Message
from kyufu.events.v1 import registry_pb2

from chassis.ids import ID_BYTES
from chassis.kafka.dead_letters import BatchProducer
from chassis.kafka.partitioner import partition_for
from chassis.kafka.records import OutgoingRecord
from services.eligibility.adapters.partition_keys import key_on

REGISTERS: Final = {
    "households": registry_pb2.REGISTER_HOUSEHOLDS,
    "credentials": registry_pb2.REGISTER_CREDENTIALS,
    "accounts": registry_pb2.REGISTER_ACCOUNTS,
    "separations": registry_pb2.REGISTER_SEPARATIONS,
}


class RegisterTopic:
    """The topic of one register, for one import."""

    def __init__(
        self,
        producer: BatchProducer,
        register: str,
        partitions: int,
        *,
        snapshot_id: str,
        version: int,
    ) -> None:
        self._producer = producer
        self._topic = f"registry.{register}"
        self._partitions = partitions
        self._snapshot_id = snapshot_id
        self._version = version
        self._written: Counter[int] = Counter()

    def write(self, records: Sequence[tuple[bytes, Message]]) -> None:
        """Write records in order; returns when all are durable."""
        self._producer.produce_batch([self._record(key, message) for key, message in records])
        self._written.update(self._home(key) for key, _ in records)

    def complete(self, register: str) -> None:
        """Close every partition of the register."""
        self._producer.produce_batch(
            [self._closing(register, partition) for partition in range(self._partitions)]
        )

    def _record(self, key: bytes, message: Message) -> OutgoingRecord:
        """An account's key goes on after the claim unit's id, a credential's after its fingerprint;
        both lie on the partition of that.
        """
        home = self._home(key) if len(key) > ID_BYTES else None
        return OutgoingRecord(self._topic, key, message, partition=home)

    def _home(self, key: bytes) -> int:
        return partition_for(key[:ID_BYTES], self._partitions)

    def _closing(self, register: str, partition: int) -> OutgoingRecord:
        message = registry_pb2.RegistryRecord(
            snapshot_id=self._snapshot_id,
            version=self._version,
            complete=registry_pb2.RegistryComplete(
                register=REGISTERS[register],
                partition=partition,
                records=self._written[partition],
            ),
        )
        key = key_on(partition, self._partitions, f"complete/{self._snapshot_id}/{register}")
        return OutgoingRecord(self._topic, key, message, partition=partition)
