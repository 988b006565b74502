"""Every role against every RPC on a real gRPC server: who gets past the door, and who does not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from kyufu.events.v1 import reviews_pb2
from kyufu.staff.v1 import staff_pb2, staff_pb2_grpc

from chassis.clock import SystemClock
from chassis.grpc.client import call_metadata
from chassis.grpc.server import serve
from chassis.grpc.tokens import TokenVerifier
from chassis.ids import application_id_text
from chassis.metrics import Metrics
from chassis.secrets import SecretsDir
from services.console.entrypoints.staff_service import METHOD_ROLES, Ports, StaffService
from services.console.metric_defs import CONSOLE_METRICS
from services.console.tests.fakes import (
    FakeAudit,
    FakeLags,
    FakeLetters,
    FakePayments,
    FakePeers,
    FakeRegisters,
    FakeReviews,
    FakeSources,
    FakeTraces,
)
from services.console.tests.installation import staff_token, write_secrets

ROLES = (
    "case_worker", "protected_case_worker", "auditor", "registrar", "operator", "payments_maker",
    "payments_checker", "payments_viewer", "service", "unheard_of",
)  # fmt: skip
# The policy, written down a second time on purpose.
ALLOWED = {
    "TraceApplication": {"case_worker", "protected_case_worker", "auditor"},
    "ListReviews": {"case_worker", "protected_case_worker"},
    "ResolveReview": {"case_worker", "protected_case_worker"},
    "ImportRegister": {"registrar"},
    "GetStatus": {"operator"},
    "ListDeadLetters": {"operator"},
    "ReplayDeadLetter": {"operator"},
    "ListBatches": {"payments_viewer"},
    "ProposeBatches": {"payments_maker"},
    "ApproveBatch": {"payments_checker"},
}
REQUESTS: dict[str, Any] = {
    "TraceApplication": staff_pb2.TraceApplicationRequest(
        application_id=application_id_text(bytes(20))
    ),
    "ListReviews": staff_pb2.ListReviewsRequest(),
    "ResolveReview": staff_pb2.ResolveReviewRequest(
        review_id="00" * 16, resolution=reviews_pb2.RESOLUTION_ACCEPT
    ),
    "ImportRegister": iter(()),
    "GetStatus": staff_pb2.GetStatusRequest(),
    "ListDeadLetters": staff_pb2.ListDeadLettersRequest(),
    "ReplayDeadLetter": staff_pb2.ReplayDeadLetterRequest(dead_letter_id="00" * 16),
    "ListBatches": staff_pb2.ListBatchesRequest(),
    "ProposeBatches": staff_pb2.ProposeBatchesRequest(),
    "ApproveBatch": staff_pb2.ApproveBatchRequest(),
}
INVALID = {
    "TraceApplication": (staff_pb2.TraceApplicationRequest(application_id="x"), "application_id"),
    "ListReviews": (staff_pb2.ListReviewsRequest(page_token="?"), "page_token"),
    "ResolveReview": (staff_pb2.ResolveReviewRequest(review_id="00" * 16), "resolution"),
    "ReplayDeadLetter": (
        staff_pb2.ReplayDeadLetterRequest(dead_letter_id="zz"), "dead_letter_id",
    ),
    "ListDeadLetters": (staff_pb2.ListDeadLettersRequest(page_size=-1), "page_size"),
}  # fmt: skip


class Door:
    """The service behind a real server, over fakes."""

    def __init__(self, secrets: SecretsDir, channel: grpc.aio.Channel) -> None:
        self.secrets = secrets
        self._stub = staff_pb2_grpc.StaffServiceStub(channel)

    async def answer(
        self, method: str, request: Any, token: str | None, timeout_s: float | None = 10.0
    ) -> tuple[grpc.StatusCode, str]:
        try:
            call = getattr(self._stub, method)
            await call(request, timeout=timeout_s, metadata=call_metadata(token))
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details() or ""
        return grpc.StatusCode.OK, ""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    secrets = write_secrets(tmp_path)
    audit = FakeAudit()
    ports = Ports(
        traces=FakeTraces(), reviews=FakeReviews(audit), letters=FakeLetters(),
        sources=FakeSources(), audit=audit, payments=FakePayments(), registers=FakeRegisters(),
        peers=FakePeers(), lags=FakeLags(),
    )  # fmt: skip
    clock = SystemClock()
    service = StaffService(
        ports=ports, programmes=(), clock=clock, metrics=Metrics(CONSOLE_METRICS)
    )
    verifier = TokenVerifier(secrets.verify_keys(), clock)
    add = staff_pb2_grpc.add_StaffServiceServicer_to_server
    server = await serve([(add, service)], 0, verifier, METHOD_ROLES)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Door(secrets, channel)
    await server.stop(0)


@pytest.mark.parametrize("method", sorted(ALLOWED))
async def test_a_role_opens_exactly_the_methods_that_the_policy_gives_it(
    door: Door, method: str
) -> None:
    passed = set()
    for role in ROLES:
        token = staff_token(door.secrets, role)
        code, detail = await door.answer(method, REQUESTS[method], token)
        if code is grpc.StatusCode.PERMISSION_DENIED:
            assert detail == "role_missing"
        else:
            assert code in (grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND), (role, detail)
            passed.add(role)
    assert passed == ALLOWED[method]


def test_the_policy_names_every_method_of_the_contract() -> None:
    service = staff_pb2.DESCRIPTOR.services_by_name["StaffService"]
    assert {method.name for method in service.methods} == set(ALLOWED) == set(REQUESTS)


@pytest.mark.parametrize("method", sorted(ALLOWED))
async def test_nobody_gets_in_without_a_good_token(door: Door, method: str) -> None:
    for token in (None, "not.a.token"):
        code, _ = await door.answer(method, REQUESTS[method], token)
        assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_call_without_a_deadline_is_refused(door: Door) -> None:
    token = staff_token(door.secrets, "operator")
    code, detail = await door.answer("GetStatus", REQUESTS["GetStatus"], token, None)
    assert (code, detail) == (grpc.StatusCode.INVALID_ARGUMENT, "deadline_missing")


@pytest.mark.parametrize("method", sorted(INVALID))
async def test_an_invalid_request_is_told_the_field(door: Door, method: str) -> None:
    request, field = INVALID[method]
    token = staff_token(door.secrets, *ALLOWED[method])
    code, detail = await door.answer(method, request, token)
    assert (code, detail) == (grpc.StatusCode.INVALID_ARGUMENT, field)
