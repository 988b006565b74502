"""The toy stage on a real broker: exactly once, whatever happens to its process."""

import os
import signal
import time

import pytest
from confluent_kafka import Producer
from google.protobuf.wrappers_pb2 import StringValue
from kyufu.events.v1.operations_pb2 import DeadLetter

from chassis.kafka.partitioner import partition_for
from chassis.streams.failpoints import VARIABLE
from chassis.streams.rocks import MARKER
from chassis.tests.streams.harness import (
    DEADLINE_S,
    PARTITIONS,
    Feeder,
    Toy,
    assert_exactly,
    events,
    wait_until,
)
from chassis.tests.streams.toy import BROKEN, POISON

pytestmark = pytest.mark.integration

START_LIMIT_S = 10.0
STOP_LIMIT_S = 10.0
HOUR_S = 3_600.0


def test_two_inputs_meet_in_one_state_and_every_event_comes_out_once(toy: Toy) -> None:
    toy.create_topics()
    sent = events(400)
    toy.send("a", sent[:300])
    toy.send("b", sent[200:])
    toy.start_ready()
    assert_exactly(toy.wait_for_outputs(len(sent)), sent)


def test_a_worker_killed_in_mid_stream_loses_and_doubles_nothing(toy: Toy) -> None:
    toy.create_topics()
    with Feeder(toy) as feeder:
        for _ in range(3):
            process = toy.start_ready()
            toy.wait_for_outputs(len(toy.outputs()) + 1)
            toy.kill(process)
        toy.start_ready()
    assert_exactly(toy.wait_for_outputs(len(feeder.sent)), feeder.sent)


def test_a_restart_restores_the_state_from_the_changelog(toy: Toy) -> None:
    toy.create_topics()
    first, second = events(200), events(100, start=200)
    toy.send("a", first)
    process = toy.start_ready()
    toy.wait_for_outputs(len(first))
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_LIMIT_S) == 0
    markers = list((toy.folder / "state").rglob(MARKER))
    for marker in markers:
        os.utime(marker, (marker.stat().st_mtime - HOUR_S,) * 2)
    toy.start_ready()
    assert [each for each in markers if time.time() - each.stat().st_mtime > HOUR_S / 2] == []
    toy.send("b", first)
    toy.send("a", second)
    assert_exactly(toy.wait_for_outputs(len(first + second)), first + second)


def test_records_of_an_aborted_transaction_are_never_decided(toy: Toy) -> None:
    toy.create_topics()
    producer = Producer(
        {
            "bootstrap.servers": toy.bootstrap,
            "partitioner": "murmur2",
            "transactional.id": f"{toy.prefix}-upstream",
        }
    )
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    for key, text in events(100, start=1_000):
        producer.produce(f"{toy.prefix}.a", StringValue(value=text).SerializeToString(), key)
    producer.flush(DEADLINE_S)
    toy.start_ready()
    producer.abort_transaction(DEADLINE_S)
    sent = events(100)
    toy.send("a", sent)
    assert_exactly(toy.wait_for_outputs(len(sent)), sent)
    assert len(toy.read("a", "read_uncommitted")) == 200


def test_a_poison_record_becomes_a_dead_letter_and_the_rest_goes_on(toy: Toy) -> None:
    toy.create_topics()
    sent = events(100)
    toy.send("a", sent[:50])
    _send_bad_records(toy)
    toy.send("a", sent[50:])
    toy.start_ready()
    assert_exactly(toy.wait_for_outputs(len(sent)), sent)
    wait_until(lambda: len(toy.read("deadletters")) >= 5, "all dead letters")
    letters = [DeadLetter.FromString(m.value() or b"") for m in toy.read("deadletters")]
    assert sorted(letter.reason for letter in letters) == [
        "no_key",
        "null_value",
        "toy_poison",
        "undecodable",
        "wrong_partition",
    ]
    assert {letter.source_topic for letter in letters} == {f"{toy.prefix}.a"}


def test_a_restart_does_not_forget_how_many_records_were_set_aside(toy: Toy) -> None:
    toy.create_topics()
    poison = (b"toy-key-00000000", POISON)
    toy.send("a", [poison] * 3)
    life = toy.start_ready(TOY_DEAD_LETTERS_MAX="3")
    wait_until(lambda: len(toy.read("deadletters")) == 3, "as many dead letters as are allowed")
    toy.kill(life)
    toy.send("a", [poison])
    assert toy.start(TOY_DEAD_LETTERS_MAX="3").wait(DEADLINE_S) == 1
    assert "DeadLetterLimit" in toy.log()
    assert len(toy.read("deadletters")) == 3


def _send_bad_records(toy: Toy) -> None:
    producer = Producer({"bootstrap.servers": toy.bootstrap, "partitioner": "murmur2"})
    topic, key = f"{toy.prefix}.a", b"toy-key-00000000"
    good = StringValue(value="event-misplaced").SerializeToString()
    producer.produce(topic, StringValue(value=POISON).SerializeToString(), key)
    producer.produce(topic, b"\xff\xff\xff\xff", key)
    producer.produce(topic, None, key)
    producer.produce(topic, good, None)
    producer.produce(topic, good, key, (partition_for(key, PARTITIONS) + 1) % PARTITIONS)
    assert producer.flush(DEADLINE_S) == 0


def test_a_second_worker_takes_over_partitions_without_doubles(toy: Toy) -> None:
    toy.create_topics()
    with Feeder(toy) as feeder:
        first = toy.start_ready("0")
        wait_until(lambda: len(toy.outputs()) > 0, "first outputs")
        second = toy.start_ready("1")
        wait_until(lambda: _partitions_of(toy, "1") == PARTITIONS // 2, "two partitions moved")
        toy.wait_for_outputs(len(toy.outputs()) + 1)
    assert_exactly(toy.wait_for_outputs(len(feeder.sent)), feeder.sent)
    assert (first.poll(), second.poll()) == (None, None)
    assert _partitions_of(toy, "0") == PARTITIONS // 2


def _partitions_of(toy: Toy, slot: str) -> int:
    lines = [line for line in toy.log(slot).splitlines() if "partitions assigned" in line]
    return lines[-1].partition('"partitions": [')[2].partition("]")[0].count(",") + 1


def test_a_stopped_and_resumed_worker_doubles_nothing_and_ends_as_fenced(toy: Toy) -> None:
    toy.create_topics()
    with Feeder(toy) as feeder:
        # It halts between its records and its commit: what it goes on with is what is fenced.
        zombie = toy.start("0", **{VARIABLE: "toy:before_offsets:9:stop"})
        wait_until(lambda: toy.is_stopped(zombie), "the worker stopped in mid-commit")
        toy.start_ready("1")
        toy.wait_for_outputs(len(toy.outputs()) + 1)
        zombie.send_signal(signal.SIGCONT)
        assert zombie.wait(DEADLINE_S) == 1
    failure = next(line for line in toy.log("0").splitlines() if "stage failed" in line)
    assert '"fenced": true' in failure
    assert 'kyufu_stream_fencings_total{stage="toy"} 1.0' in (toy.folder / "metrics-0").read_text()
    assert_exactly(toy.wait_for_outputs(len(feeder.sent)), feeder.sent)


def test_a_commit_that_hangs_in_a_rebalance_ends_the_process_and_not_the_stage(toy: Toy) -> None:
    toy.create_topics()
    environment = {"TOY_TRANSACTION_TIMEOUT_S": "2", VARIABLE: "toy:before_offsets:3:hang"}
    with Feeder(toy) as feeder:
        hanging = toy.start("0", **environment)
        wait_until(lambda: len(toy.outputs()) > 0, "first outputs")
        toy.start("1")
        assert hanging.wait(DEADLINE_S) == 1
        assert "not given up within" in toy.log("0")
        toy.wait_for_outputs(len(toy.outputs()) + 1)
    assert_exactly(toy.wait_for_outputs(len(feeder.sent)), feeder.sent)


def test_sigterm_ends_the_process_with_status_0_in_time(toy: Toy) -> None:
    toy.create_topics()
    process = toy.start_ready()
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_LIMIT_S) == 0


def test_a_stage_that_raises_ends_with_a_reason_and_writes_nothing(toy: Toy) -> None:
    toy.create_topics()
    key = b"toy-key-00000000"
    toy.send("a", [(key, "event-0"), (key, BROKEN)])
    process = toy.start()
    assert process.wait(DEADLINE_S) == 1
    assert "RuntimeError" in toy.log()
    assert toy.outputs() == []


def test_a_missing_topic_is_named_at_start(toy: Toy) -> None:
    toy.create_topics(out=0)
    process = toy.start()
    assert process.wait(START_LIMIT_S) == 1
    assert f"{toy.prefix}.out" in toy.log()


def test_inputs_of_unequal_partition_counts_are_refused_at_start(toy: Toy) -> None:
    toy.create_topics(b=3)
    process = toy.start()
    assert process.wait(START_LIMIT_S) == 1
    assert "partition counts differ" in toy.log()
