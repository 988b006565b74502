"""Who a worker is in its group."""

from chassis.streams.membership import instance_id


def test_a_slot_is_the_same_member_as_long_as_it_reads_the_same_inputs() -> None:
    assert instance_id("g", "0", ["a", "b"]) == instance_id("g", "0", ["b", "a"])
    assert len({instance_id("g", slot, topics) for slot in "01" for topics in ("ab", "abc")}) == 4
