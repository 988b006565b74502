"""Who a worker is in its group."""

import asyncio

from chassis.streams.bounds import OUTSIDE_S
from chassis.streams.membership import MembershipWatch, NotInGroup, instance_id


def test_a_slot_is_the_same_member_as_long_as_it_reads_the_same_inputs() -> None:
    assert instance_id("g", "0", ["a", "b"]) == instance_id("g", "0", ["b", "a"])
    assert len({instance_id("g", slot, topics) for slot in "01" for topics in ("ab", "abc")}) == 4


class Hands:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


async def nothing() -> None:
    """The group is well."""


async def test_a_worker_without_an_assignment_for_too_long_is_noticed() -> None:
    clock = Hands()
    watch = MembershipWatch(nothing, clock)
    assert watch.look() is None
    clock.now += OUTSIDE_S + 1
    assert isinstance(watch.look(), NotInGroup)
    watch.joined()
    await asyncio.sleep(0)
    clock.now += 10 * OUTSIDE_S
    assert watch.look() is None
    watch.left()
    assert watch.look() is None
    await asyncio.sleep(0)
    clock.now += OUTSIDE_S + 1
    assert isinstance(watch.look(), NotInGroup)


async def test_what_ended_the_membership_is_handed_on() -> None:
    async def refused() -> None:
        raise PermissionError("the group")

    watch = MembershipWatch(refused, Hands())
    watch.joined()
    assert watch.look() is None
    await asyncio.sleep(0)
    assert isinstance(watch.look(), PermissionError)


async def test_a_consumer_that_does_not_answer_is_noticed() -> None:
    clock = Hands()
    watch = MembershipWatch(asyncio.Event().wait, clock)  # type: ignore[arg-type]
    watch.joined()
    assert watch.look() is None
    clock.now += OUTSIDE_S + 1
    assert isinstance(watch.look(), NotInGroup)
