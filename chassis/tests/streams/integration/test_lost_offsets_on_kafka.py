"""A stage whose offsets are gone says so and stops; one that gets a new input goes on."""

import signal
import subprocess

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from chassis.streams.failpoints import VARIABLE
from chassis.tests.streams.harness import (
    DEADLINE_S,
    PARTITIONS,
    Toy,
    assert_exactly,
    events,
    wait_until,
)

pytestmark = pytest.mark.integration

FIRST, SECOND = events(200), events(200, start=200)
TRANSACTIONS = pytest.mark.parametrize("transactions", ["on", "off"])


def _loses(process: "subprocess.Popen[bytes]", toy: Toy, topic: str) -> None:
    assert process.wait(DEADLINE_S) == 1
    failure = [line for line in toy.log().splitlines() if "stage failed" in line][-1]
    assert "OffsetLost" in failure
    assert f"{toy.prefix}.{topic}" in failure


@TRANSACTIONS
def test_a_new_input_begins_at_its_start_and_one_that_lost_its_offset_ends_the_stage(
    toy: Toy, transactions: str
) -> None:
    toy.create_topics()
    toy.send("a", FIRST)
    toy.send("b", SECOND)
    life = toy.start_ready(TOY_INPUTS="a,table", TOY_TRANSACTIONS=transactions)
    toy.wait_for_outputs(len(FIRST))
    toy.kill(life)
    life = toy.start_ready(TOY_TRANSACTIONS=transactions)
    assert_exactly(toy.wait_for_outputs(len(FIRST + SECOND)), FIRST + SECOND)
    toy.kill(life)
    toy.create_anew("b")
    _loses(toy.start(TOY_TRANSACTIONS=transactions), toy, "b")
    assert_exactly(toy.outputs(), FIRST + SECOND)


def test_a_stage_with_state_and_no_offset_at_all_ends_and_replays_nothing(toy: Toy) -> None:
    toy.create_topics()
    toy.send("a", FIRST)
    life = toy.start_ready()
    toy.wait_for_outputs(len(FIRST))
    toy.kill(life)
    toy.forget_group()
    _loses(toy.start(), toy, "a")
    assert_exactly(toy.outputs(), FIRST)


@TRANSACTIONS
def test_a_stage_killed_in_its_very_first_group_has_lost_no_offset(
    toy: Toy, transactions: str
) -> None:
    toy.create_topics()
    toy.send("a", FIRST)
    doomed = toy.start(**{VARIABLE: "toy:before_offsets:1", "TOY_TRANSACTIONS": transactions})
    assert doomed.wait(DEADLINE_S) == -signal.SIGKILL, toy.log()
    toy.start_ready(TOY_TRANSACTIONS=transactions)
    assert set(FIRST) <= {(key, text) for key, text, _ in toy.wait_for_outputs(len(FIRST))}


def test_a_reader_that_retention_overtakes_ends_instead_of_skipping(toy: Toy) -> None:
    toy.create_topics()
    toy.send("a", FIRST)
    # Each partition has found its offset, and none has read there: the log is cut meanwhile.
    late = toy.start(**{VARIABLE: f"toy:restoring:{PARTITIONS}:stop"})
    wait_until(lambda: toy.is_stopped(late), "the worker stopped before its restore")
    admin = AdminClient({"bootstrap.servers": toy.bootstrap})
    ends = [TopicPartition(f"{toy.prefix}.a", number, -1) for number in range(PARTITIONS)]
    for future in admin.delete_records(ends).values():
        future.result(DEADLINE_S)
    late.send_signal(signal.SIGCONT)
    _loses(late, toy, "a")
    assert "overtaken" in toy.log()
