"""The answers as they go over the wire; the published OpenAPI is generated from these structs."""

from typing import Annotated

from msgspec import Meta, Struct

from services.intake.domain.statuses import Status

ApplicationIdText = Annotated[
    str, Meta(pattern="^[a-z2-7]{32}$", examples=["mzxw6ytboi2dgmjsgm2dknrxha4tcmrt"])
]
SubjectText = Annotated[
    str, Meta(pattern="^[0-9a-f]{32}$", examples=["3f1c5a7e9b2d4f60817263544536271a"])
]


class AcceptedBody(Struct, frozen=True):
    """202: the application is durably recorded. Keep `subject`: it opens the status."""

    application_id: ApplicationIdText
    # 18 digits and two check digits (ISO 7064 MOD 97-10). To be read out; opens nothing.
    receipt_number: Annotated[str, Meta(pattern="^[0-9]{4}(-[0-9]{4}){4}$")]
    subject: SubjectText
    status: Status = Status.RECEIVED


class Words(Struct, frozen=True):
    """One sentence for people."""

    ja: str
    en: str


class StatusBody(Struct, frozen=True, omit_defaults=True):
    """200: what became of an application. `reasons` are codes of the programme's rules."""

    application_id: ApplicationIdText
    status: Status
    message: Words
    reasons: list[str]
    # RFC 3339 in UTC; null until the record of the application was read back.
    updated_at: str | None
    # Present once an amount is decided.
    amount_yen: Annotated[int, Meta(ge=0)] | None = None


class ProblemField(Struct, frozen=True):
    """One field, by its path or header name, and what is wrong with it."""

    field: str
    code: str


class ProblemBody(Struct, frozen=True):
    """RFC 9457. No member ever repeats a value of the request."""

    type: Annotated[str, Meta(pattern="^urn:kyufu:problem:[a-z_]+$")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    code: str
    errors: list[ProblemField]


class HealthBody(Struct, frozen=True):
    """Whether the process lives, or takes work; the reasons are constant sentences."""

    status: str
    reasons: dict[str, str]
