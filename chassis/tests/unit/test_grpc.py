"""gRPC end to end on a free port: who may call, with which deadline, and how errors travel."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from joserfc.jwk import KeySet, OKPKey
from kyufu.events.v1.operations_pb2 import ClockTick

from chassis import tracing
from chassis.clock import FakeClock
from chassis.grpc import errors
from chassis.grpc.client import call, call_metadata, call_sync, open_channel, open_sync_channel
from chassis.grpc.principal import current_principal
from chassis.grpc.server import RunningServer, serve
from chassis.grpc.tokens import TokenSigner, TokenVerifier
from chassis.metric_defs import GRPC_HANDLED
from chassis.metrics import Metrics

DEADLINE_S = 30.0
CLOCK = FakeClock(datetime(2020, 5, 11, tzinfo=UTC))
KEY = OKPKey.generate_key("Ed25519", {"kid": "k1"})
SIGNER = TokenSigner(KEY, CLOCK)
VERIFIER = TokenVerifier(KeySet.import_key_set({"keys": [KEY.as_dict(private=False)]}), CLOCK)
ONCE, MANY = "/kyufu.test.Example/Once", "/kyufu.test.Example/Many"
ROLES = {ONCE: frozenset({"maker"}), MANY: frozenset({"maker"})}
MAKER = SIGNER.sign("staff-1", ["maker"], municipality_code="131130")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Example:
    """A servicer that does what the test's function says."""

    behaviour: Callable[[ClockTick], ClockTick] = lambda request: request
    subjects: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)

    async def once(self, request: ClockTick, context: Any) -> ClockTick:
        self.subjects.append(current_principal().subject)
        trace = tracing.current()
        assert trace is not None
        self.traces.append(trace.trace_id)
        return self.behaviour(request)

    async def many(self, request: ClockTick, context: Any) -> AsyncIterator[ClockTick]:
        for number in range(request.at_ms):
            yield ClockTick(at_ms=number)
        self.behaviour(request)


def add_example(servicer: Any, server: Any) -> None:
    """Registers in the form of generated code."""
    codecs: dict[str, Any] = {
        "request_deserializer": ClockTick.FromString,
        "response_serializer": ClockTick.SerializeToString,
    }
    handlers = {
        "Once": grpc.unary_unary_rpc_method_handler(servicer.once, **codecs),
        "Many": grpc.unary_stream_rpc_method_handler(servicer.many, **codecs),
    }
    generic = grpc.method_handlers_generic_handler("kyufu.test.Example", handlers)
    server.add_generic_rpc_handlers((generic,))
    server.add_registered_method_handlers("kyufu.test.Example", handlers)


@pytest.fixture
def example() -> Example:
    return Example()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def server(example: Example, metrics: Metrics) -> AsyncIterator[RunningServer]:
    running = await serve([(add_example, example)], 0, VERIFIER, ROLES, metrics=metrics)
    yield running
    await running.stop(0.0)


@pytest.fixture
async def channel(server: RunningServer) -> AsyncIterator[Any]:
    async with open_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


def _once(channel: Any) -> Any:
    return channel.unary_unary(
        ONCE,
        request_serializer=ClockTick.SerializeToString,
        response_deserializer=ClockTick.FromString,
    )


def _many(channel: Any) -> Any:
    return channel.unary_stream(
        MANY,
        request_serializer=ClockTick.SerializeToString,
        response_deserializer=ClockTick.FromString,
    )


async def _status(channel: Any, **options: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(errors.RpcFailure) as caught:
        await call(_once(channel), ClockTick(), DEADLINE_S, **options)
    return caught.value.code, caught.value.reason


async def test_a_caller_with_the_role_is_answered_and_known_by_name(
    channel: Any, example: Example
) -> None:
    answer = await call(_once(channel), ClockTick(at_ms=7), DEADLINE_S, token=MAKER)
    assert answer == ClockTick(at_ms=7)
    assert example.subjects == ["staff-1"]


async def test_without_a_token_nobody_is_answered(channel: Any, example: Example) -> None:
    assert await _status(channel) == (grpc.StatusCode.UNAUTHENTICATED, "token_missing")
    assert await _status(channel, token="x") == (
        grpc.StatusCode.UNAUTHENTICATED,
        "token_not_authentic",
    )
    assert example.subjects == []


async def test_without_the_role_the_caller_is_refused(channel: Any, example: Example) -> None:
    checker = SIGNER.sign("staff-2", ["checker"])
    assert await _status(channel, token=checker) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "role_missing",
    )
    assert example.subjects == []


async def test_a_call_without_a_deadline_is_refused(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _once(channel)(ClockTick(), metadata=call_metadata(MAKER))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "deadline_missing"


async def test_a_typed_failure_arrives_as_it_was_raised(channel: Any, example: Example) -> None:
    def refuse(request: ClockTick) -> ClockTick:
        raise errors.failed_precondition("batch_not_frozen")

    example.behaviour = refuse
    assert await _status(channel, token=MAKER) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "batch_not_frozen",
    )


async def test_an_unexpected_error_shows_nothing_of_itself(
    channel: Any, example: Example, metrics: Metrics
) -> None:
    def fail(request: ClockTick) -> ClockTick:
        raise ValueError("テスト 1234567")

    example.behaviour = fail
    assert await _status(channel, token=MAKER) == (grpc.StatusCode.INTERNAL, "internal_error")
    counter = metrics.counter(GRPC_HANDLED).labels(method=ONCE, code="INTERNAL")
    assert counter._value.get() == 1


async def test_unavailable_is_repeated_until_it_succeeds(channel: Any, example: Example) -> None:
    refusals = iter([True, True])

    def sometimes(request: ClockTick) -> ClockTick:
        if next(refusals, False):
            raise errors.unavailable("starting")
        return request

    example.behaviour = sometimes
    await call(_once(channel), ClockTick(), DEADLINE_S, token=MAKER)
    assert len(example.subjects) == 3


async def test_repetition_has_a_bound(channel: Any, example: Example) -> None:
    def never(request: ClockTick) -> ClockTick:
        raise errors.unavailable("away")

    example.behaviour = never
    assert await _status(channel, token=MAKER) == (grpc.StatusCode.UNAVAILABLE, "away")
    assert len(example.subjects) == 4


async def test_a_stream_is_guarded_as_well(channel: Any, example: Example) -> None:
    options: dict[str, Any] = {"timeout": DEADLINE_S, "metadata": call_metadata(MAKER)}
    answers = [tick.at_ms async for tick in _many(channel)(ClockTick(at_ms=3), **options)]
    assert answers == [0, 1, 2]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in _many(channel)(ClockTick(at_ms=3), timeout=DEADLINE_S):
            pass
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_the_trace_of_the_caller_goes_on(channel: Any, example: Example) -> None:
    await call(_once(channel), ClockTick(), DEADLINE_S, token=MAKER, traceparent=TRACE)
    assert example.traces == [TRACE.split("-")[1]]


async def test_threads_call_through_the_synchronous_channel(
    server: RunningServer, example: Example
) -> None:
    def work() -> ClockTick:
        with open_sync_channel(f"127.0.0.1:{server.port}") as channel:
            answer: ClockTick = call_sync(
                _once(channel), ClockTick(at_ms=7), DEADLINE_S, token=lambda: MAKER
            )
            with pytest.raises(errors.RpcFailure) as caught:
                call_sync(_once(channel), ClockTick(), DEADLINE_S)
            assert caught.value.code is grpc.StatusCode.UNAUTHENTICATED
            return answer

    assert await asyncio.to_thread(work) == ClockTick(at_ms=7)


async def test_health_is_answered_without_a_token(server: RunningServer, channel: Any) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service="kyufu.test.Example")
    answer = await stub.Check(request, timeout=DEADLINE_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    await server.set_serving(False)
    answer = await stub.Check(request, timeout=DEADLINE_S)
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize(
    "roles", [{ONCE: {"maker"}}, {ONCE: {"maker"}, MANY: {"maker"}, "/x/Y": {"maker"}}]
)
async def test_a_role_table_that_does_not_fit_the_services_ends_the_start(
    roles: dict[str, set[str]],
) -> None:
    with pytest.raises(ValueError, match="role table"):
        await serve([(add_example, Example())], 0, VERIFIER, roles)
