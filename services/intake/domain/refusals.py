"""Why a request is not taken: constant codes, never a value of the request.

A refusal is a value that handlers return; the HTTP entrypoint gives each code its status.
"""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """What was wrong with the request as a whole."""

    PROGRAMME_UNKNOWN = "programme_unknown"
    SCOPE_MISSING = "scope_missing"
    CREDENTIAL_MALFORMED = "credential_malformed"
    CREDENTIAL_REFUSED = "credential_refused"
    FORM_INVALID = "form_invalid"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    BROKER_UNAVAILABLE = "broker_unavailable"
    OVERLOADED = "overloaded"
    STATUS_UNAVAILABLE = "status_unavailable"
    APPLICATION_UNKNOWN = "application_unknown"


class FieldCode(StrEnum):
    """What was wrong with one field."""

    REQUIRED = "required"
    UNKNOWN_FIELD = "unknown_field"
    DUPLICATE_FIELD = "duplicate_field"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_VALUE = "unknown_value"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_DEEP = "too_deep"
    BAD_FORMAT = "bad_format"
    BAD_CHARACTER = "bad_character"
    NOT_KANA = "not_kana"
    NOT_A_DATE = "not_a_date"
    DATE_OUT_OF_RANGE = "date_out_of_range"
    NOT_AN_ACCOUNT = "not_an_account"
    ONE_OF_EMAIL_AND_PHONE = "one_of_email_and_phone"
    ISSUER_UNKNOWN = "issuer_unknown"
    CERTIFICATE_INVALID = "certificate_invalid"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_EXPIRED = "certificate_expired"
    SIGNATURE_WRONG = "signature_wrong"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field by its path, such as `persons[2].born_on`, and what is wrong with it."""

    field: str
    code: FieldCode


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is not taken."""

    code: Code
    errors: tuple[FieldError, ...] = ()
