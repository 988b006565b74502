"""The mailbox holds senders back, and lets them go when it is closed."""

import asyncio

from chassis.streams.mailbox import Mailbox


async def test_items_come_out_in_order() -> None:
    mailbox = Mailbox[int](2)
    await mailbox.put(1)
    await mailbox.put(2)
    assert [await mailbox.get(None), await mailbox.get(None)] == [1, 2]


async def test_a_sender_waits_while_the_mailbox_is_full() -> None:
    mailbox = Mailbox[int](1)
    await mailbox.put(1)
    sending = asyncio.create_task(mailbox.put(2))
    await asyncio.sleep(0)
    assert not sending.done()
    assert await mailbox.get(None) == 1
    assert await sending
    assert await mailbox.get(None) == 2


async def test_closing_frees_a_waiting_sender_and_its_item_is_not_taken() -> None:
    mailbox = Mailbox[int](1)
    await mailbox.put(1)
    sending = asyncio.create_task(mailbox.put(2))
    await asyncio.sleep(0)
    mailbox.close()
    assert await sending is False
    assert await mailbox.get(None) is None


async def test_closing_wakes_a_waiting_reader() -> None:
    mailbox = Mailbox[int](1)
    reading = asyncio.create_task(mailbox.get(None))
    await asyncio.sleep(0)
    mailbox.close()
    assert await reading is None


async def test_an_empty_mailbox_gives_nothing_after_the_timeout() -> None:
    assert await Mailbox[int](1).get(0.001) is None
