"""Every refusal as problem+json (RFC 9457): one table of codes, statuses and titles."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec
from starlette.responses import Response

from services.intake.domain.refusals import Code, FieldError
from services.intake.entrypoints.wire import ProblemBody, ProblemField

PROBLEM_TYPE: Final = "application/problem+json"
_ENCODER: Final = msgspec.json.Encoder()


class HttpCode(StrEnum):
    """Refusals that HTTP itself gives rise to, before any handler is asked."""

    TOKEN_MISSING = "token_missing"  # noqa: S105 - a code, not a token
    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    CREDENTIAL_MISSING = "credential_missing"
    SUBJECT_INVALID = "subject_invalid"
    MEDIA_TYPE_UNSUPPORTED = "media_type_unsupported"
    BODY_TOO_LARGE = "body_too_large"
    BODY_TOO_SLOW = "body_too_slow"
    NOT_JSON = "not_json"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CLIENT_GONE = "client_gone"
    INTERNAL_ERROR = "internal_error"


# code: (HTTP status, title)
PROBLEMS: Final[dict[Code | HttpCode, tuple[int, str]]] = {
    HttpCode.TOKEN_MISSING: (401, "A bearer token is required."),
    HttpCode.TOKEN_UNKNOWN: (401, "The bearer token is not valid."),
    HttpCode.IDEMPOTENCY_KEY_INVALID: (
        400,
        "The Idempotency-Key must have 16 to 64 of the characters A-Z a-z 0-9 _ -.",
    ),
    HttpCode.CREDENTIAL_MISSING: (400, "The citizen's credential is required."),
    HttpCode.SUBJECT_INVALID: (400, "Kyufu-Subject must be the subject given with the 202."),
    HttpCode.MEDIA_TYPE_UNSUPPORTED: (415, "The body must be application/json in UTF-8."),
    HttpCode.BODY_TOO_LARGE: (413, "The body is larger than 64 KiB."),
    HttpCode.BODY_TOO_SLOW: (408, "The body did not arrive in time."),
    HttpCode.NOT_JSON: (400, "The body is not one JSON document in UTF-8."),
    HttpCode.NOT_FOUND: (404, "There is nothing at this address."),
    HttpCode.METHOD_NOT_ALLOWED: (405, "This address does not take this method."),
    HttpCode.CLIENT_GONE: (400, "The connection closed before the request was complete."),
    HttpCode.INTERNAL_ERROR: (500, "The request could not be answered."),
    Code.PROGRAMME_UNKNOWN: (404, "No such programme takes applications."),
    Code.SCOPE_MISSING: (403, "This client may not do this."),
    Code.CREDENTIAL_MALFORMED: (400, "The credential cannot be read."),
    Code.CREDENTIAL_REFUSED: (403, "The credential does not hold for this request."),
    Code.FORM_INVALID: (422, "The form has defects."),
    Code.IDEMPOTENCY_KEY_REUSED: (422, "This Idempotency-Key was used for another request."),
    Code.BROKER_UNAVAILABLE: (503, "Applications cannot be recorded now. Nothing was accepted."),
    Code.OVERLOADED: (503, "Too many applications at once. Nothing was accepted."),
    Code.STATUS_UNAVAILABLE: (503, "The status cannot be read now. The application is safe."),
    Code.APPLICATION_UNKNOWN: (404, "There is no such application of yours."),
}
# Seconds, spread by nobody: clients are asked to add their own jitter (openapi document).
_RETRY_AFTER_S: Final[dict[Code | HttpCode, str]] = {
    Code.BROKER_UNAVAILABLE: "5",
    Code.OVERLOADED: "2",
    Code.STATUS_UNAVAILABLE: "5",
}
_NO_STORE: Final = {"Cache-Control": "no-store"}


class Answer(Response):
    """A response that knows its outcome code, for the metrics."""

    def __init__(
        self,
        code: str,
        body: bytes,
        *,
        status: int = 200,
        media_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(
            body, status, {**_NO_STORE, **headers} if headers else _NO_STORE, media_type
        )
        self.code = code


def problem(code: Code | HttpCode, errors: Sequence[FieldError] = ()) -> Answer:
    """The answer for a refusal."""
    status, title = PROBLEMS[code]
    body = ProblemBody(
        type=f"urn:kyufu:problem:{code.value}",
        title=title,
        status=status,
        code=code.value,
        errors=[ProblemField(error.field, error.code.value) for error in errors],
    )
    headers: dict[str, str] = {}
    if code in _RETRY_AFTER_S:
        headers["Retry-After"] = _RETRY_AFTER_S[code]
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if code in (HttpCode.BODY_TOO_LARGE, HttpCode.BODY_TOO_SLOW):
        headers["Connection"] = "close"
    return Answer(
        code.value, _ENCODER.encode(body), status=status, media_type=PROBLEM_TYPE, headers=headers
    )
