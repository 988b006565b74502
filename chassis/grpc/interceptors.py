"""What happens around every RPC: deadline, token, role, trace, metrics and typed errors.

A method without an entry in the role table is denied. Unexpected errors are logged and answered
with a constant text, so that nothing of a request leaks into a status.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
import grpc.aio

from chassis import tracing
from chassis.clock import SystemClock
from chassis.grpc.errors import RpcFailure
from chassis.grpc.principal import Principal, set_principal
from chassis.grpc.tokens import InvalidToken, TokenVerifier
from chassis.logging import get_logger
from chassis.metric_defs import GRPC_HANDLED, GRPC_SECONDS
from chassis.metrics import Metrics

AUTHORIZATION: Final = "authorization"
BEARER: Final = "Bearer "
HEALTH_PREFIX: Final = "/grpc.health.v1.Health/"

MethodRoles = Mapping[str, frozenset[str]]
if TYPE_CHECKING:
    # Generic in the stubs, plain classes at run time.
    _Handler = grpc.RpcMethodHandler[Any, Any]
    _Context = grpc.aio.ServicerContext[Any, Any]
    _Interceptor = grpc.aio.ServerInterceptor[Any, Any]
else:
    _Handler = grpc.RpcMethodHandler
    _Context = grpc.aio.ServicerContext
    _Interceptor = grpc.aio.ServerInterceptor


class GuardInterceptor(_Interceptor):
    """One interceptor for all of it, so that the order is plain to see."""

    def __init__(
        self, verifier: TokenVerifier, method_roles: MethodRoles, metrics: Metrics | None
    ) -> None:
        self._verifier = verifier
        self._method_roles = method_roles
        self._metrics = metrics
        self._monotonic = SystemClock().monotonic

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(HEALTH_PREFIX):
            return handler
        return self._guarded(method, handler)

    def admit(
        self, method: str, metadata: Mapping[str, str], time_remaining_s: float | None
    ) -> Principal:
        """The caller, if it may call `method` like this; raises RpcFailure."""
        if time_remaining_s is None:
            raise RpcFailure(grpc.StatusCode.INVALID_ARGUMENT, "deadline_missing")
        header = metadata.get(AUTHORIZATION, "")
        if not header.startswith(BEARER):
            raise RpcFailure(grpc.StatusCode.UNAUTHENTICATED, "token_missing")
        try:
            principal = self._verifier.verify(header.removeprefix(BEARER))
        except InvalidToken as error:
            raise RpcFailure(grpc.StatusCode.UNAUTHENTICATED, error.reason) from error
        if not principal.has_any(self._method_roles.get(method, frozenset())):
            raise RpcFailure(grpc.StatusCode.PERMISSION_DENIED, "role_missing")
        return principal

    def _enter(self, method: str, context: _Context) -> None:
        metadata = {
            key: value
            for key, value in context.invocation_metadata() or ()
            if isinstance(value, str)
        }
        parent = tracing.parse(metadata.get(tracing.TRACEPARENT))
        tracing.enter(parent.child() if parent is not None else tracing.new_trace())
        set_principal(self.admit(method, metadata, context.time_remaining()))

    async def _fail(self, method: str, context: _Context, error: Exception) -> NoReturn:
        if isinstance(error, RpcFailure):
            self._count(method, error.code)
            await context.abort(error.code, error.reason)
        get_logger().error("rpc failed", method=method, exc_info=error)
        self._count(method, grpc.StatusCode.INTERNAL)
        await context.abort(grpc.StatusCode.INTERNAL, "internal_error")

    def _count(self, method: str, code: grpc.StatusCode) -> None:
        if self._metrics is not None:
            self._metrics.counter(GRPC_HANDLED).labels(method=method, code=code.name).inc()

    def _observe(self, method: str, started_s: float) -> None:
        if self._metrics is not None:
            seconds = self._monotonic() - started_s
            self._metrics.histogram(GRPC_SECONDS).labels(method=method).observe(seconds)

    def _guarded(self, method: str, handler: _Handler) -> _Handler:
        inner: Any = (
            handler.unary_unary
            or handler.unary_stream
            or handler.stream_unary
            or handler.stream_stream
        )

        async def answer_once(request: Any, context: _Context) -> Any:
            started_s = self._monotonic()
            try:
                self._enter(method, context)
                response = await inner(request, context)
            except grpc.aio.AbortError:
                raise
            except Exception as error:
                await self._fail(method, context, error)
            finally:
                self._observe(method, started_s)
            self._count(method, grpc.StatusCode.OK)
            return response

        async def answer_many(request: Any, context: _Context) -> AsyncIterator[Any]:
            started_s = self._monotonic()
            try:
                self._enter(method, context)
                async for response in inner(request, context):
                    yield response
            except grpc.aio.AbortError:
                raise
            except Exception as error:
                await self._fail(method, context, error)
            finally:
                self._observe(method, started_s)
            self._count(method, grpc.StatusCode.OK)

        return _rebuilt(handler, answer_many if handler.response_streaming else answer_once)


def _rebuilt(handler: _Handler, behaviour: Callable[..., Any]) -> _Handler:
    build: Callable[..., _Handler]
    if handler.request_streaming:
        build = (
            grpc.stream_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.stream_unary_rpc_method_handler
        )
    else:
        build = (
            grpc.unary_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.unary_unary_rpc_method_handler
        )
    return build(
        behaviour,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
