"""Asking a process whether it is ready: GET /ready on its metrics port."""

import http.client
import json

from devstack.ports import HOST

PROBE_TIMEOUT_S = 5.0
_REASON_CHARS_MAX = 200


def not_ready_because(port: int) -> str | None:
    """Return None when the process is ready, else its reason in a few words."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return "no answer"
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.OK:
        return None
    return _reason(body) or f"status {answer.status}"


def _reason(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)[:_REASON_CHARS_MAX]
    except ValueError:
        return ""
