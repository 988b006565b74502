"""Notices read from protobuf: requests of other services, and decisions."""

from collections.abc import Sequence
from typing import Final

from kyufu.events.v1 import applications_pb2, common_pb2
from kyufu.notify.v1 import notify_pb2

from chassis.ids import APPLICATION_ID_BYTES, ID_BYTES, is_receipt_number, receipt_number
from services.notify.domain.notices import Notice, Template, Yen

LANGUAGE_LENGTH_MAX: Final = 35  # RFC 5646, section 4.4.1
PROGRAMME_LENGTH_MAX: Final = 64
# A sealed contact is an address of at most 254 characters with its keys; anything near this is not.
SEALED_BYTES_MAX: Final = 4096
_REASON_PREFIX: Final = "REASON_"
_TEMPLATES: Final = {
    notify_pb2.TEMPLATE_PAID: Template.PAID,
    notify_pb2.TEMPLATE_RETURNED: Template.RETURNED,
    notify_pb2.TEMPLATE_REFUSED: Template.REFUSED,
}


class FieldError(Exception):
    """A request cannot be taken; names the field, never its value."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class NoticeReader:
    """Reads notices from messages; knows the receipt numbers of applications."""

    def __init__(self, receipt_pepper: bytes) -> None:
        self._receipt_pepper = receipt_pepper

    def from_request(self, request: notify_pb2.NotifyRequest, traceparent: str | None) -> Notice:
        """The notice asked for; raises FieldError."""
        template = _TEMPLATES.get(request.template)
        if template is None:
            raise FieldError("template")
        if request.receipt_number and not is_receipt_number(request.receipt_number):
            raise FieldError("receipt_number")
        return self._notice(
            event_id=request.event_id,
            application_id=request.application_id,
            template=template,
            language=request.language,
            programme=request.programme,
            receipt=request.receipt_number,
            amount_yen=request.amount_yen,
            reasons=request.reasons,
            contact=request.contact,
            traceparent=traceparent,
        )

    def from_refusal(
        self, decided: applications_pb2.ApplicationDecided, traceparent: str | None
    ) -> Notice:
        """The notice of a refusal; raises FieldError."""
        return self._notice(
            event_id=decided.event_id,
            application_id=decided.application_id,
            template=Template.REFUSED,
            language=decided.language,
            programme=decided.programme,
            receipt="",
            amount_yen=0,
            reasons=decided.reasons,
            contact=decided.contact,
            traceparent=traceparent,
        )

    def _notice(
        self,
        *,
        event_id: bytes,
        application_id: bytes,
        template: Template,
        language: str,
        programme: str,
        receipt: str,
        amount_yen: int,
        reasons: Sequence[common_pb2.Reason.ValueType],
        contact: common_pb2.Sealed,
        traceparent: str | None,
    ) -> Notice:
        _require(len(event_id) == ID_BYTES, "event_id")
        _require(len(application_id) == APPLICATION_ID_BYTES, "application_id")
        _require(len(language) <= LANGUAGE_LENGTH_MAX, "language")
        _require(0 < len(programme) <= PROGRAMME_LENGTH_MAX, "programme")
        _require(amount_yen >= 0, "amount_yen")
        sealed = b""
        if contact.ciphertext:
            _require(contact.purpose == common_pb2.PURPOSE_CONTACT, "contact")
            sealed = contact.SerializeToString()
            _require(len(sealed) <= SEALED_BYTES_MAX, "contact")
        return Notice(
            event_id=event_id,
            application_id=application_id,
            template=template,
            language=language or "ja",
            programme=programme,
            receipt_number=receipt or receipt_number(self._receipt_pepper, application_id),
            amount_yen=Yen(amount_yen),
            reasons=tuple(_reason_name(reason) for reason in reasons),
            sealed_contact=sealed,
            traceparent=traceparent,
        )


def all_reason_names() -> frozenset[str]:
    """Every reason that the contract knows, as the texts name them."""
    return frozenset(
        name.removeprefix(_REASON_PREFIX) for name, number in common_pb2.Reason.items() if number
    )


def _require(condition: bool, field: str) -> None:
    if not condition:
        raise FieldError(field)


def _reason_name(reason: common_pb2.Reason.ValueType) -> str:
    if not reason or reason not in common_pb2.Reason.values():
        raise FieldError("reasons")
    return common_pb2.Reason.Name(reason).removeprefix(_REASON_PREFIX)
