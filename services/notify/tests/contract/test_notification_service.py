"""NotificationService on a real gRPC server; one suite over the fake and the real store."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from kyufu.notify.v1 import notify_pb2, notify_pb2_grpc

from chassis.clock import SystemClock
from chassis.grpc.client import call_metadata
from chassis.grpc.server import serve
from chassis.grpc.tokens import TokenVerifier
from chassis.kafka.offsets import PostgresOffsets
from chassis.postgres import connect_pool, migrate
from chassis.secrets import SecretsDir
from services.notify.adapters.notice_table import SCHEMA, NoticeTable
from services.notify.entrypoints.decoding import NoticeReader
from services.notify.entrypoints.grpc_service import (
    BATCH_REQUESTS_MAX,
    METHOD_ROLES,
    NotificationService,
)
from services.notify.ports import NoticeStore
from services.notify.tests.fakes import FakeCounters, FakeStore
from services.notify.tests.installation import request, token, write_secrets

EMAIL = {"email": "shiken@example.invalid"}
PAST_THE_DOOR = (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)
ROLES = ("service", "operator", "case_worker", "auditor", "payments_maker", "unheard_of")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> Iterator[NoticeStore]:
    if request.param == "fake":
        yield FakeStore()
        return
    url = request.getfixturevalue("fresh_database")
    migrate(url, "notify")
    pool = connect_pool(url)
    yield NoticeTable(pool, PostgresOffsets(pool, SCHEMA, "test"))
    pool.close()


class Door:
    def __init__(self, secrets: SecretsDir, channel: grpc.aio.Channel) -> None:
        self.secrets = secrets
        self._stub = notify_pb2_grpc.NotificationServiceStub(channel)

    async def call(self, method: str, message: Any, *roles: str) -> Any:
        metadata = call_metadata(token(self.secrets, set(roles)))
        return await getattr(self._stub, method)(message, timeout=10.0, metadata=metadata)

    async def code(self, method: str, message: Any, *roles: str) -> grpc.StatusCode:
        try:
            await self.call(method, message, *roles)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    async def failure(self, method: str, message: Any, *roles: str) -> tuple[Any, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(method, message, *roles)
        return caught.value.code(), caught.value.details() or ""


@pytest.fixture
async def door(store: NoticeStore, tmp_path: Path) -> AsyncIterator[Door]:
    secrets = write_secrets(tmp_path / "secrets")
    clock = SystemClock()
    service = NotificationService(
        store=store,
        reader=NoticeReader(secrets.pepper("application_id")),
        counters=FakeCounters(),
        clock=clock,
    )
    add = notify_pb2_grpc.add_NotificationServiceServicer_to_server
    verifier = TokenVerifier(secrets.verify_keys(), clock)
    server = await serve([(add, service)], 0, verifier, METHOD_ROLES)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Door(secrets, channel)
    await server.stop(0)


async def test_a_notice_is_accepted_once(door: Door) -> None:
    wanted = request(door.secrets, EMAIL)
    assert (await door.call("Notify", wanted, "service")).accepted_now
    assert not (await door.call("Notify", wanted, "service")).accepted_now


async def test_a_batch_answers_in_order_and_counts_only_what_has_somewhere_to_go(
    door: Door,
) -> None:
    first, second = request(door.secrets, EMAIL), request(door.secrets, None)
    batch = notify_pb2.NotifyBatchRequest(requests=[first, second, first])
    answer = await door.call("NotifyBatch", batch, "service")
    assert [entry.accepted_now for entry in answer.responses] == [True, True, False]
    totals = await door.call("GetNoticeTotals", notify_pb2.GetNoticeTotalsRequest(), "operator")
    assert (totals.requested, totals.delivered, totals.failed) == (1, 0, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": b"short"}, "event_id"),
        ({"application_id": b""}, "application_id"),
        ({"template": notify_pb2.TEMPLATE_UNSPECIFIED}, "template"),
        ({"amount_yen": -1}, "amount_yen"),
        ({"programme": ""}, "programme"),
        ({"language": "x" * 36}, "language"),
        ({"reasons": [0]}, "reasons"),
        ({"receipt_number": "1234"}, "receipt_number"),
    ],
)
async def test_a_bad_request_is_told_its_field_and_stores_nothing(
    door: Door, change: dict[str, Any], field: str
) -> None:
    good = request(door.secrets, EMAIL)
    bad = request(door.secrets, EMAIL)
    for name in change:
        bad.ClearField(name)  # type: ignore[arg-type]
    bad.MergeFrom(notify_pb2.NotifyRequest(**change))
    code, detail = await door.failure("Notify", bad, "service")
    assert (code, detail) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    batch = notify_pb2.NotifyBatchRequest(requests=[good, bad])
    code, detail = await door.failure("NotifyBatch", batch, "service")
    assert (code, detail) == (grpc.StatusCode.INVALID_ARGUMENT, f"requests[1].{field}")
    assert (await door.call("Notify", good, "service")).accepted_now


async def test_a_batch_beyond_its_bound_is_refused(door: Door) -> None:
    empty = notify_pb2.NotifyRequest()
    batch = notify_pb2.NotifyBatchRequest(requests=[empty] * (BATCH_REQUESTS_MAX + 1))
    code, detail = await door.failure("NotifyBatch", batch, "service")
    assert (code, detail) == (grpc.StatusCode.INVALID_ARGUMENT, "requests")


@pytest.mark.parametrize(
    ("method", "message", "allowed"),
    [
        ("Notify", notify_pb2.NotifyRequest(), {"service"}),
        ("NotifyBatch", notify_pb2.NotifyBatchRequest(), {"service"}),
        ("GetNoticeTotals", notify_pb2.GetNoticeTotalsRequest(), {"service", "operator"}),
    ],
)
async def test_a_role_opens_exactly_its_methods(
    door: Door, method: str, message: Any, allowed: set[str]
) -> None:
    codes = {role: await door.code(method, message, role) for role in ROLES}
    passed = {role for role, code in codes.items() if code in PAST_THE_DOOR}
    assert passed == allowed
    assert {codes[role] for role in codes if role not in allowed} == {
        grpc.StatusCode.PERMISSION_DENIED
    }
