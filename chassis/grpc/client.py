"""Channels and calls to other processes.

UNAVAILABLE is retried a bounded number of times by the channel's service config; the config's own
`timeout` is broken, so every call passes its deadline. Errors come back as RpcFailure.
"""

import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

import grpc
import grpc.aio

from chassis import tracing
from chassis.grpc.errors import RpcFailure
from chassis.grpc.interceptors import AUTHORIZATION, BEARER

ResponseT = TypeVar("ResponseT")
Token = str | Callable[[], str]

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
ATTEMPTS_MAX: Final = 4
_SERVICE_CONFIG: Final = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": ATTEMPTS_MAX,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
_OPTIONS: Final = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.enable_retries", 1),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Peers are inside the installation: an environment's proxy must not see these calls.
    ("grpc.enable_http_proxy", 0),
)


def open_channel(address: str) -> grpc.aio.Channel:
    """A channel for an event loop to `host:port`."""
    return grpc.aio.insecure_channel(address, options=_OPTIONS)


def open_sync_channel(address: str) -> grpc.Channel:
    """A channel for threads and commands to `host:port`."""
    return grpc.insecure_channel(address, options=_OPTIONS)


async def call(
    stub_method: Callable[..., Any],
    request: Any,
    timeout_s: float,
    *,
    token: Token | None = None,
    traceparent: str | None = None,
) -> Any:
    """Call a unary method of an asynchronous stub; raises RpcFailure."""
    try:
        return await stub_method(
            request, timeout=timeout_s, metadata=call_metadata(token, traceparent)
        )
    except grpc.aio.AioRpcError as error:
        raise RpcFailure(error.code(), error.details() or "") from error


def call_sync(
    stub_method: Callable[..., ResponseT],
    request: Any,
    timeout_s: float,
    *,
    token: Token | None = None,
    traceparent: str | None = None,
) -> ResponseT:
    """Call a unary method of a synchronous stub; raises RpcFailure."""
    try:
        return stub_method(request, timeout=timeout_s, metadata=call_metadata(token, traceparent))
    except grpc.RpcError as error:
        failed: Any = error
        raise RpcFailure(failed.code(), failed.details() or "") from error


def call_metadata(
    token: Token | None = None, traceparent: str | None = None
) -> tuple[tuple[str, str], ...]:
    """Token and trace as metadata, also for streaming calls made without `call`."""
    if traceparent is None:
        running = tracing.current()
        traceparent = (running.child() if running is not None else tracing.new_trace()).format()
    metadata = [(tracing.TRACEPARENT, traceparent)]
    if token is not None:
        text = token if isinstance(token, str) else token()
        metadata.append((AUTHORIZATION, BEARER + text))
    return tuple(metadata)
