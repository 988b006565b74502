"""One suite for the fake and the real table of idempotency keys."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from chassis.clock import SystemClock
from chassis.metrics import Metrics
from chassis.postgres import migrate
from services.intake.adapters.idempotency_table import IdempotencyTable
from services.intake.domain.applications import KeyUse
from services.intake.metric_defs import INTAKE_METRICS
from services.intake.ports import IdempotencyLedger
from services.intake.tests.fakes import FakeLedger

KEY, OTHER_KEY = b"k" * 16, b"o" * 16
REQUEST, OTHER_REQUEST = b"r" * 32, b"s" * 32


def unexpected(error: BaseException) -> None:
    raise AssertionError("the ledger failed") from error


def real_table(
    url: str, on_failure: Callable[[BaseException], None] = unexpected
) -> IdempotencyTable:
    return IdempotencyTable(
        url, clock=SystemClock(), metrics=Metrics(INTAKE_METRICS), on_failure=on_failure
    )


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.integration)])
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[IdempotencyLedger]:
    if request.param == "fake":
        yield FakeLedger()
        return
    url: str = request.getfixturevalue("fresh_database")
    migrate(url, "intake")
    table = real_table(url)
    await table.start()
    yield table
    await table.stop()


async def test_a_new_key_is_used_first(ledger: IdempotencyLedger) -> None:
    assert await ledger.register(KEY, REQUEST) is KeyUse.FIRST


async def test_the_same_request_is_a_repetition(ledger: IdempotencyLedger) -> None:
    await ledger.register(KEY, REQUEST)
    assert await ledger.register(KEY, REQUEST) is KeyUse.REPEATED


async def test_another_request_is_a_reuse_and_changes_nothing(ledger: IdempotencyLedger) -> None:
    await ledger.register(KEY, REQUEST)
    assert await ledger.register(KEY, OTHER_REQUEST) is KeyUse.REUSED
    assert await ledger.register(KEY, REQUEST) is KeyUse.REPEATED


async def test_keys_do_not_meet(ledger: IdempotencyLedger) -> None:
    await ledger.register(KEY, REQUEST)
    assert await ledger.register(OTHER_KEY, OTHER_REQUEST) is KeyUse.FIRST


async def test_of_many_at_once_one_is_first(ledger: IdempotencyLedger) -> None:
    requests = [bytes([number]) * 32 for number in range(50)]
    uses = await asyncio.gather(*(ledger.register(KEY, request) for request in requests))
    assert sorted(uses) == sorted([KeyUse.FIRST, *[KeyUse.REUSED] * 49])


async def test_without_the_server_keys_go_unchecked_within_a_bounded_time() -> None:
    table = real_table("postgres://nobody:x@127.0.0.1:1/none")
    await table.start()
    async with asyncio.timeout(10):
        uses = {await table.register(bytes([n]) * 16, REQUEST) for n in range(20)}
    await table.stop()
    assert uses == {KeyUse.UNCHECKED}


async def test_any_other_failure_is_reported_and_no_request_waits_for_ever() -> None:
    failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    table = real_table(cast(str, object()), failed.set_result)
    await table.start()
    async with asyncio.timeout(10):
        assert await table.register(KEY, REQUEST) is KeyUse.UNCHECKED
        assert not isinstance(await failed, OSError)
    await table.stop()
