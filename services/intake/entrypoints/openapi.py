"""The published contract (OpenAPI 3.1): shapes generated from the structs, answers from the table
of problems. Tests hold the document against the routes and against real answers.
"""

from typing import Any, Final

import msgspec

from services.intake.domain.forms import PERSONS_MAX, Form
from services.intake.domain.refusals import Code
from services.intake.entrypoints.bodies import BODY_BYTES_MAX
from services.intake.entrypoints.problems import PROBLEM_TYPE, PROBLEMS, HttpCode
from services.intake.entrypoints.wire import AcceptedBody, HealthBody, ProblemBody, StatusBody

SUBMIT_PATH: Final = "/v1/programmes/{programme}/applications"
STATUS_PATH: Final = "/v1/applications/{application_id}"
DOCUMENT_PATH: Final = "/v1/openapi.json"
LIVE_PATH: Final = "/live"
READY_PATH: Final = "/ready"

_REFERENCE: Final = "#/components/schemas/{name}"
_SUBMIT_CODES: Final[tuple[Code | HttpCode, ...]] = (
    HttpCode.TOKEN_MISSING,
    HttpCode.TOKEN_UNKNOWN,
    HttpCode.IDEMPOTENCY_KEY_INVALID,
    HttpCode.CREDENTIAL_MISSING,
    HttpCode.MEDIA_TYPE_UNSUPPORTED,
    HttpCode.BODY_TOO_LARGE,
    HttpCode.BODY_TOO_SLOW,
    HttpCode.NOT_JSON,
    Code.PROGRAMME_UNKNOWN,
    Code.SCOPE_MISSING,
    Code.CREDENTIAL_MALFORMED,
    Code.CREDENTIAL_REFUSED,
    Code.FORM_INVALID,
    Code.IDEMPOTENCY_KEY_REUSED,
    Code.BROKER_UNAVAILABLE,
    Code.OVERLOADED,
)
_STATUS_CODES: Final[tuple[Code | HttpCode, ...]] = (
    HttpCode.TOKEN_MISSING,
    HttpCode.TOKEN_UNKNOWN,
    HttpCode.SUBJECT_INVALID,
    Code.SCOPE_MISSING,
    Code.APPLICATION_UNKNOWN,
    Code.STATUS_UNAVAILABLE,
)
_ABOUT: Final = f"""Applications for cash benefits.

A 202 means that the application is durably recorded and will get an outcome. Anything else means
that nothing was accepted, or that it is not known: send the same request again with the same
Idempotency-Key, as often as needed, with growing and randomised pauses, and never sooner than
Retry-After. A body has at most {BODY_BYTES_MAX} bytes and {PERSONS_MAX} persons."""
_CREDENTIAL: Final = """base64url of a JSON object. `{"kind": "card", "certificate", "nonce",
"signature"}`: base64 DER of the card's X.509 certificate, at least 16 random bytes in base64url,
and base64 of the Ed25519 signature over the lines `kyufu-application-v1`, programme,
Idempotency-Key, lowercase hex SHA-256 of the body, and nonce, joined by line feeds. Clients of
those channels send `{"kind": "paper", "form_number"}` or `{"kind": "counter",
"resident_reference"}`."""


def build_document() -> dict[str, Any]:
    """The whole document."""
    (form, accepted, status, health, problem), schemas = msgspec.json.schema_components(
        [Form, AcceptedBody, StatusBody, HealthBody, ProblemBody], ref_template=_REFERENCE
    )
    schemas["Form"] = _one_of(form)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kyufu intake", "version": "1.0.0", "description": _ABOUT},
        "security": [{"client": []}],
        "paths": {
            SUBMIT_PATH: {"post": _submit({"$ref": _REFERENCE.format(name="Form")}, accepted)},
            STATUS_PATH: {"get": _status(status)},
            DOCUMENT_PATH: {"get": _open("document", "This document", {"type": "object"})},
            LIVE_PATH: {"get": _open("live", "The process lives", health)},
            READY_PATH: {
                "get": _open("ready", "Applications can be taken", health, failing=health)
            },
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"client": {"type": "http", "scheme": "bearer"}},
            "responses": {"Problem": _answer("A refusal (RFC 9457)", problem, PROBLEM_TYPE)},
        },
    }


def _submit(form: dict[str, Any], accepted: dict[str, Any]) -> dict[str, Any]:
    taken = _answer("Durably recorded", accepted)
    taken["headers"] = {
        "Location": {"description": "Where the status is told", "schema": {"type": "string"}}
    }
    return {
        "operationId": "submitApplication",
        "summary": "Apply, correct an application, or withdraw one",
        "parameters": [
            _parameter("programme", "path", {"type": "string"}, "Programme id"),
            _parameter(
                "Idempotency-Key",
                "header",
                {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$"},
                "Chosen by the client, one for each application, kept over retries",
            ),
            _parameter(
                "Kyufu-Credential", "header", {"type": "string", "maxLength": 8192}, _CREDENTIAL
            ),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": form}},
        },
        "responses": {"202": taken, **_problems(_SUBMIT_CODES)},
    }


def _status(status: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "readStatus",
        "summary": "What became of an application; its owner alone is told",
        "parameters": [
            _parameter("application_id", "path", {"type": "string"}, "From the 202"),
            _parameter(
                "Kyufu-Subject",
                "header",
                {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                "The subject that came with the 202",
            ),
        ],
        "responses": {"200": _answer("The status", status), **_problems(_STATUS_CODES)},
    }


def _open(
    name: str, summary: str, schema: dict[str, Any], failing: dict[str, Any] | None = None
) -> dict[str, Any]:
    responses = {"200": _answer(summary, schema)}
    if failing is not None:
        responses["503"] = _answer("Not now; the reasons are listed", failing)
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}


def _parameter(name: str, place: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": schema, "description": text}


def _answer(
    text: str, schema: dict[str, Any], media_type: str = "application/json"
) -> dict[str, Any]:
    return {"description": text, "content": {media_type: {"schema": schema}}}


def _problems(codes: tuple[Code | HttpCode, ...]) -> dict[str, Any]:
    by_status: dict[str, list[str]] = {}
    for code in (*codes, HttpCode.INTERNAL_ERROR):
        by_status.setdefault(str(PROBLEMS[code][0]), []).append(code.value)
    problem = {"$ref": _REFERENCE.format(name="ProblemBody")}
    return {
        status: _answer(", ".join(names), problem, PROBLEM_TYPE)
        for status, names in sorted(by_status.items())
    }


def _one_of(schema: dict[str, Any]) -> dict[str, Any]:
    """A tagged union takes exactly one of its shapes, which msgspec writes as anyOf."""
    return {("oneOf" if name == "anyOf" else name): value for name, value in schema.items()}


DOCUMENT: Final = msgspec.json.encode(build_document())
