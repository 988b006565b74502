"""A gRPC server on 127.0.0.1 (or a given host) with health and the guard around every method.

Start fails when a registered method has no entry in the role table, or an entry names no method.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from chassis.grpc.interceptors import GuardInterceptor
from chassis.grpc.tokens import TokenVerifier
from chassis.metrics import Metrics

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
CONCURRENT_RPCS_MAX: Final = 256
STOP_GRACE_S: Final = 5.0

# (add_XServicer_to_server, servicer)
Service = tuple[Callable[[Any, Any], None], object]


class RunningServer:
    """A server that answers; `port` is what was bound."""

    def __init__(
        self, server: grpc.aio.Server, port: int, health: HealthServicer, names: Sequence[str]
    ) -> None:
        self._server = server
        self._health = health
        self._names = names
        self.port = port

    async def set_serving(self, serving: bool) -> None:
        """What the health service answers for every service here."""
        status = health_pb2.HealthCheckResponse.SERVING
        if not serving:
            status = health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Refuse new calls, let running ones end within `grace_s`."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)

    async def wait(self) -> None:
        """Until stopped."""
        await self._server.wait_for_termination()


async def serve(
    services: Sequence[Service],
    port: int,
    verifier: TokenVerifier,
    method_roles: Mapping[str, frozenset[str] | set[str]],
    *,
    host: str = "127.0.0.1",
    metrics: Metrics | None = None,
    concurrent_rpcs_max: int = CONCURRENT_RPCS_MAX,
) -> RunningServer:
    """Start serving. `method_roles`: full method ("/package.Service/Method") -> roles of which the
    caller needs one. Port 0 chooses a free port.
    """
    roles = {method: frozenset(needed) for method, needed in method_roles.items()}
    server = grpc.aio.server(
        interceptors=[GuardInterceptor(verifier, roles, metrics)],
        maximum_concurrent_rpcs=concurrent_rpcs_max,
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
            ("grpc.so_reuseport", 0),
        ],
    )
    recorder = _Recorder(server)
    for add, servicer in services:
        add(servicer, recorder)
    _require_roles(recorder.methods, roles)
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    names = sorted({method.split("/")[1] for method in recorder.methods})
    running = RunningServer(server, bound, health, names)
    await running.set_serving(True)
    return running


def _require_roles(methods: set[str], roles: Mapping[str, frozenset[str]]) -> None:
    without = sorted(methods - roles.keys())
    unknown = sorted(roles.keys() - methods)
    if without or unknown:
        raise ValueError(f"role table: no entry for {without}, no such method {unknown}")


class _Recorder:
    """Stands before the server while services register, to learn their methods."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server
        self.methods: set[str] = set()

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        self._server.add_generic_rpc_handlers(tuple(handlers))

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        self.methods.update(f"/{service}/{name}" for name in handlers)
        register: Any = self._server
        register.add_registered_method_handlers(service, handlers)
