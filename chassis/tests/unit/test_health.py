"""Health: live, ready with reasons, metrics."""

import http.client
import json
from collections.abc import Iterator

import pytest

from chassis.health import HealthServer
from chassis.metrics import Metrics


@pytest.fixture
def reasons() -> dict[str, str | None]:
    return {"database": None}


@pytest.fixture
def server(reasons: dict[str, str | None]) -> Iterator[HealthServer]:
    def broken() -> str | None:
        if reasons.get("raise"):
            raise RuntimeError("テスト")
        return None

    server = HealthServer(
        0, Metrics().registry, {"database": lambda: reasons["database"], "broken": broken}
    )
    server.start()
    yield server
    server.stop()


def _get(server: HealthServer, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_ready_when_every_check_passes(server: HealthServer) -> None:
    status, body = _get(server, "/ready")
    assert status == 200
    assert json.loads(body) == {"status": "ok", "reasons": {}}


def test_a_failing_check_gives_503_and_its_reason(
    server: HealthServer, reasons: dict[str, str | None]
) -> None:
    reasons["database"] = "does not answer"
    status, body = _get(server, "/ready")
    assert status == 503
    assert json.loads(body)["reasons"] == {"database": "does not answer"}


def test_a_check_that_raises_fails_without_its_text(
    server: HealthServer, reasons: dict[str, str | None]
) -> None:
    reasons["raise"] = "yes"
    status, body = _get(server, "/ready")
    assert status == 503
    assert json.loads(body)["reasons"] == {"broken": "check failed: RuntimeError"}


def test_live_does_not_depend_on_readiness(
    server: HealthServer, reasons: dict[str, str | None]
) -> None:
    reasons["database"] = "does not answer"
    assert _get(server, "/live")[0] == 200


def test_metrics_are_exposed(server: HealthServer) -> None:
    status, body = _get(server, "/metrics")
    assert status == 200
    assert b"kyufu_dead_letters_records" in body


def test_other_paths_are_unknown(server: HealthServer) -> None:
    assert _get(server, "/admin")[0] == 404
