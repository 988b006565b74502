"""The small HTTP face of every process: /metrics, /live and /ready.

Live says "do not kill me", ready says "send me work". A check answers None when all is well and a
constant reason otherwise; the reasons are shown, so they must not hold data.
"""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Check = Callable[[], str | None]

_REQUEST_TIMEOUT_S: Final = 5.0
_BACKLOG: Final = 16


class HealthServer:
    """Serves on `port` of `host` (0 chooses a free one; see `.port`) from a daemon thread."""

    def __init__(
        self,
        port: int,
        registry: CollectorRegistry,
        checks: Mapping[str, Check],
        *,
        live_checks: Mapping[str, Check] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        handler = _handler_class(registry, checks, live_checks or {})
        self._server = _Server((host, port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that is bound."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(_REQUEST_TIMEOUT_S)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = _BACKLOG


def _failures(checks: Mapping[str, Check]) -> dict[str, str]:
    failures: dict[str, str] = {}
    for name, check in checks.items():
        try:
            reason = check()
        except Exception as error:
            reason = f"check failed: {type(error).__name__}"
        if reason is not None:
            failures[name] = reason
    return failures


def _handler_class(
    registry: CollectorRegistry, ready: Mapping[str, Check], live: Mapping[str, Check]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif path == "/live":
                self._answer_checks(live)
            elif path == "/ready":
                self._answer_checks(ready)
            else:
                self._answer(404, "application/json", b'{"status":"unknown path"}')

        def _answer_checks(self, checks: Mapping[str, Check]) -> None:
            reasons = _failures(checks)
            status = "ok" if not reasons else "failing"
            body = json.dumps({"status": status, "reasons": reasons}).encode()
            self._answer(200 if not reasons else 503, "application/json", body)

        def _answer(self, code: int, content_type: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds; they are not logged."""

    return Handler
