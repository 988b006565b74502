"""The HTTP door: authenticate the client, decode, call the handler, encode. No rule lives here."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis import tracing
from chassis.clock import from_ms
from chassis.health import Check
from chassis.ids import application_id_text, parse_application_id
from chassis.metrics import Metrics
from services.intake.domain.applications import Accepted, ApplicationId, Client, Subject
from services.intake.domain.forms import Form
from services.intake.domain.refusals import Code, FieldCode, FieldError, Refused
from services.intake.domain.status_words import STATUS_WORDS
from services.intake.domain.statuses import WITH_AMOUNT, status_of
from services.intake.entrypoints import openapi, strict_json
from services.intake.entrypoints.bodies import read_body
from services.intake.entrypoints.problems import Answer, HttpCode, problem
from services.intake.entrypoints.wire import AcceptedBody, HealthBody, StatusBody, Words
from services.intake.handlers import FoundStatus, ReadStatus, Submission, SubmitApplication
from services.intake.metric_defs import REQUESTS, REQUESTS_IN_FLIGHT
from services.intake.ports import ClientDirectory

Endpoint = Callable[[Request], Awaitable[Answer]]
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SUBJECT: Final = re.compile(r"[0-9a-f]{32}")
_JSON_TYPES: Final = frozenset({"application/json", "application/json;charset=utf-8"})
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Doors:
    """What stands behind the routes."""

    clients: ClientDirectory
    submit: SubmitApplication
    read_status: ReadStatus
    ready: dict[str, Check]
    metrics: Metrics


def build_app(doors: Doors, lifespan: Lifespan | None = None) -> Starlette:
    """The application; `lifespan` starts and stops what the doors need."""
    intake = _Endpoints(doors)
    counted = _Counted(doors.metrics)
    app = Starlette(
        routes=[
            Route(openapi.SUBMIT_PATH, counted("submit", intake.submit), methods=["POST"]),
            Route(openapi.STATUS_PATH, counted("status", intake.status), methods=["GET"]),
            Route(openapi.DOCUMENT_PATH, counted("openapi", _document), methods=["GET"]),
            Route(openapi.LIVE_PATH, _live, methods=["GET"]),
            Route(openapi.READY_PATH, intake.ready, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _on_http_error, Exception: _on_error},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


class _Endpoints:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def submit(self, request: Request) -> Answer:
        headers = request.headers
        client = self._client(headers.get("authorization"))
        if isinstance(client, HttpCode):
            return problem(client)
        if headers.get("content-type", "").replace(" ", "").lower() not in _JSON_TYPES:
            return problem(HttpCode.MEDIA_TYPE_UNSUPPORTED)
        idempotency_key = headers.get("idempotency-key", "")
        if not _KEY.fullmatch(idempotency_key):
            return _header_problem(HttpCode.IDEMPOTENCY_KEY_INVALID, "Idempotency-Key")
        credential = headers.get("kyufu-credential")
        if credential is None:
            return _header_problem(HttpCode.CREDENTIAL_MISSING, "Kyufu-Credential")
        body = await read_body(request)
        if isinstance(body, HttpCode):
            return problem(body)
        try:
            form: Form = strict_json.decode(body, Form)
        except strict_json.NotJson:
            return problem(HttpCode.NOT_JSON)
        except strict_json.BadValue as bad:
            return problem(Code.FORM_INVALID, (bad.error,))
        answer = await self._doors.submit.submit(
            Submission(
                client=client,
                programme_id=request.path_params["programme"],
                idempotency_key=idempotency_key,
                credential=credential,
                body_digest=hashlib.sha256(body).digest(),
                form=form,
                traceparent=tracing.child(headers.get("traceparent")),
            )
        )
        return _accepted(answer) if isinstance(answer, Accepted) else _refused(answer)

    async def status(self, request: Request) -> Answer:
        client = self._client(request.headers.get("authorization"))
        if isinstance(client, HttpCode):
            return problem(client)
        subject = request.headers.get("kyufu-subject", "")
        if not _SUBJECT.fullmatch(subject):
            return _header_problem(HttpCode.SUBJECT_INVALID, "Kyufu-Subject")
        application_id = parse_application_id(request.path_params["application_id"])
        if application_id is None:
            return problem(Code.APPLICATION_UNKNOWN)
        answer = await self._doors.read_status.read(
            ApplicationId(application_id), client, Subject(bytes.fromhex(subject))
        )
        return _status(answer) if isinstance(answer, FoundStatus) else _refused(answer)

    async def ready(self, request: Request) -> Answer:
        reasons = {
            name: reason
            for name, check in self._doors.ready.items()
            if (reason := check()) is not None
        }
        body = HealthBody("failing" if reasons else "ok", reasons)
        return Answer("ready", _ENCODER.encode(body), status=503 if reasons else 200)

    def _client(self, authorization: str | None) -> Client | HttpCode:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return HttpCode.TOKEN_MISSING
        return self._doors.clients.by_token(token) or HttpCode.TOKEN_UNKNOWN


class _Counted:
    """Counts answers by route and code; the label objects are looked up once."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.counter(REQUESTS)
        self._in_flight = metrics.gauge(REQUESTS_IN_FLIGHT)

    def __call__(self, route: str, endpoint: Endpoint) -> Endpoint:
        by_code: dict[str, Callable[[], None]] = {}

        async def counted(request: Request) -> Answer:
            self._in_flight.inc()
            code: str = HttpCode.INTERNAL_ERROR
            try:
                answer = await endpoint(request)
                code = answer.code
                return answer
            finally:
                self._in_flight.dec()
                count = by_code.get(code)
                if count is None:
                    count = by_code[code] = self._requests.labels(route=route, code=str(code)).inc
                count()

        return counted


def _accepted(accepted: Accepted) -> Answer:
    identifier = application_id_text(accepted.application_id)
    body = AcceptedBody(identifier, accepted.receipt_number, accepted.subject.hex())
    return Answer(
        "accepted",
        _ENCODER.encode(body),
        status=202,
        headers={"Location": openapi.STATUS_PATH.format(application_id=identifier)},
    )


def _status(found: FoundStatus) -> Answer:
    status = status_of(found.facts)
    japanese, english = STATUS_WORDS[status]
    facts = found.facts
    body = StatusBody(
        application_id=application_id_text(found.application_id),
        status=status,
        message=Words(ja=japanese, en=english),
        reasons=list(facts.reasons) if facts is not None else [],
        amount_yen=facts.amount_yen if facts is not None and status in WITH_AMOUNT else None,
        updated_at=from_ms(facts.updated_at_ms).isoformat() if facts is not None else None,
    )
    return Answer("ok", _ENCODER.encode(body))


def _refused(refused: Refused) -> Answer:
    return problem(refused.code, refused.errors)


def _header_problem(code: HttpCode, header: str) -> Answer:
    return problem(code, (FieldError(header, FieldCode.BAD_FORMAT),))


async def _document(request: Request) -> Answer:
    return Answer("ok", openapi.DOCUMENT)


async def _live(request: Request) -> Answer:
    return Answer("live", _ENCODER.encode(HealthBody("ok", {})))


async def _on_http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    answer = problem(HttpCode.METHOD_NOT_ALLOWED if status == 405 else HttpCode.NOT_FOUND)
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer


async def _on_error(request: Request, error: Exception) -> Response:
    return problem(HttpCode.INTERNAL_ERROR)
