"""What one record costs each stage, and how many bytes of state a household leaves there.

In one process and without Kafka: real encoded records with really sealed values go through the
decoder, the stage, its overlay and the codec, in envelopes of 2,000, as a partition worker does it;
what one stage writes is what the next one reads. Run as
`python -m bench stages [--households N] [--profile STAGE]`; numbers are CPU time of this process.
"""

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message
from kyufu.events.v1 import registry_pb2

from bench.street import MAY_11_MS, SNAPSHOT, Street
from chassis.ids import event_id
from chassis.kafka.partitioner import partition_for
from chassis.kafka.topics import TopicCatalogue
from chassis.metrics import Metrics
from chassis.sealing import Opener
from chassis.streams import StageLogic
from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.state import MemoryStore, Overlay
from chassis.streams.transport import Envelope
from jpbank.branches import all_banks, branch_exists
from services.eligibility.adapters.dedup_stage import DedupStage
from services.eligibility.adapters.identify_stage import IdentifyStage
from services.eligibility.adapters.link_stage import LinkStage
from services.eligibility.adapters.meters import PrometheusMeter
from services.eligibility.adapters.parameters_file import load_programmes
from services.eligibility.adapters.sealed_values import SealedValues
from services.eligibility.domain.dedup import Dedup
from services.eligibility.domain.identify import Identify
from services.eligibility.domain.link import Link
from services.eligibility.domain.looks import Looks
from services.eligibility.metric_defs import ELIGIBILITY_METRICS

BATCH_RECORDS: Final = 2_000
GROUP_BATCHES: Final = 5
TOP_LINES: Final = 25


class Stored(NamedTuple):
    """A record as a consumer hands it over."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Hop:
    """One stage with its state, fed by envelopes."""

    def __init__(self, logic: StageLogic, topics: TopicCatalogue) -> None:
        self.logic = logic
        self._topics = topics
        self._decoder = EnvelopeDecoder(logic, topics, 1)
        self.store = MemoryStore()
        self._overlay = Overlay(self.store)
        self._offsets = dict.fromkeys(logic.inputs, 0)
        self._batches = 0

    def feed(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> tuple[float, list[Any]]:
        """Take records of a topic; returns CPU seconds and what was written, encoded."""
        name = self._topics.codec(topic).name.encode()
        headers = (("type", name),)
        written: list[tuple[str, bytes, bytes]] = []
        spent = 0.0
        for start in range(0, len(records), BATCH_RECORDS):
            base = self._offsets[topic]
            batch = [
                Stored(topic, 0, base + index, MAY_11_MS, key, value, headers)
                for index, (key, value) in enumerate(records[start : start + BATCH_RECORDS])
            ]
            end = self._offsets[topic] = base + len(batch)
            begun = time.process_time()
            self._take(Envelope(topic, 0, 1, base, end, end, batch), written)
            spent += time.process_time() - begun
        return spent, written

    def _take(self, envelope: Envelope, written: list[tuple[str, bytes, bytes]]) -> None:
        taken, rejected = self._decoder.decode(envelope)
        if rejected:
            raise SystemExit(f"{self.logic.name} refused a record: {rejected[0].reason}")
        self._overlay.prefetch(self.logic.state_keys(taken))
        codec = self._topics.codec
        for out in self.logic.process(taken, self._overlay):
            message = out.message
            value = message if isinstance(message, bytes) else codec(out.topic).encode(message)
            written.append((out.topic, out.key, value))
        self._batches += 1
        if self._batches % GROUP_BATCHES == 0:
            self._overlay.commit(self._batches)

    def settle(self) -> None:
        """Put what is open into the store."""
        self._overlay.commit(self._batches)

    def state_bytes(self) -> dict[str, tuple[int, int]]:
        """Keys and bytes (key and value) by the first byte of the key."""
        found: dict[str, tuple[int, int]] = {}
        for key, value in self.store.scan(b""):
            kind = chr(key[0])
            keys, size = found.get(kind, (0, 0))
            found[kind] = keys + 1, size + len(key) + len(value)
        return found


def build_hops(opener: Opener) -> tuple[Hop, Hop, Hop]:
    """The three stages with a real meter."""
    programmes = load_programmes()
    all_banks()  # as a stage does before its first record
    topics = TopicCatalogue.load()
    meter = PrometheusMeter(Metrics(ELIGIBILITY_METRICS))
    snapshots = {each.programme: each.snapshot_id for each in programmes.values()}
    return (
        Hop(IdentifyStage(Identify(snapshots, event_id), meter), topics),
        Hop(DedupStage(Dedup(Looks(programmes, event_id)), meter), topics),
        Hop(
            LinkStage(Link(programmes, branch_exists, event_id), SealedValues(opener), meter),
            topics,
        ),
    )


def encoded(records: Iterator[tuple[bytes, Message]]) -> list[tuple[bytes, bytes]]:
    """Records as bytes."""
    return [(key, message.SerializeToString()) for key, message in records]


def closing(register: int) -> list[tuple[bytes, bytes]]:
    """The record that closes a register in the only partition there is."""
    number = registry_pb2.Register.ValueType(register)
    record = registry_pb2.RegistryRecord(
        snapshot_id=SNAPSHOT, version=1, complete=registry_pb2.RegistryComplete(register=number)
    )
    key = b"complete"
    assert partition_for(key, 1) == 0
    return [(key, record.SerializeToString())]


def say(what: str, seconds: float, records: int) -> None:
    """One line of the table."""
    sys.stdout.write(f"{what:<44}{records:>9}{seconds / records * 1e6:>10.1f} us\n")


def play(households: int, profiled: str) -> None:
    """Load the registers, send the applications through, print what it cost."""
    street = Street()
    identify, dedup, link = build_hops(street.opener)
    numbers = range(households)
    credentials = encoded(map(street.credential, numbers))
    homes = encoded(map(street.household, numbers))
    applications = encoded(map(street.application, numbers))
    profile = cProfile.Profile()

    def run(hop: Hop, topic: str, records: list[tuple[bytes, bytes]], name: str) -> list[Any]:
        if name == profiled:
            profile.enable()
        seconds, written = hop.feed(topic, records)
        profile.disable()
        say(f"{hop.logic.name} {topic}", seconds, len(records))
        return written

    run(identify, "registry.credentials", credentials, "credentials")
    identify.feed("registry.credentials", closing(registry_pb2.REGISTER_CREDENTIALS))
    run(dedup, "registry.households", homes, "households")
    for name, number in (("households", 1), ("accounts", 3), ("separations", 4)):
        dedup.feed(f"registry.{name}", closing(number))
    submitted = run(identify, "applications.submitted", applications, "identify")
    onward = [(key, value) for _, key, value in submitted]
    claims = run(dedup, "applications.identified", onward, "dedup")
    onward = [(key, value) for _, key, value in claims]
    decided = run(link, "applications.deduplicated", onward, "link")
    answers = [(key, value) for topic, key, value in decided if topic == "applications.decided"]
    run(dedup, "applications.decided", answers, "feedback")
    for hop in (identify, dedup, link):
        hop.settle()
        for kind, (keys, size) in sorted(hop.state_bytes().items()):
            share = f"{keys / households:.2f} keys, {size / households:.0f} bytes a household"
            sys.stdout.write(f"state of {hop.logic.name}: {kind!r} {share}\n")
    if profiled:
        pstats.Stats(profile).sort_stats("tottime").print_stats(TOP_LINES)


def main(arguments: Sequence[str]) -> int:
    """The bench's exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench stages", description=__doc__)
    parser.add_argument("--households", type=int, default=20_000)
    parser.add_argument(
        "--profile",
        default="",
        choices=("", "credentials", "households", "identify", "dedup", "link", "feedback"),
    )
    options = parser.parse_args(arguments)
    play(options.households, options.profile)
    return 0
