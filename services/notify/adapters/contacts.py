"""Opens sealed contacts with the private key of the purpose `contact`."""

import json

from kyufu.events.v1 import common_pb2

from chassis.logging import get_logger
from chassis.sealing import Opener, SealError
from services.notify.domain.notices import BadContact, Contact, NoContact, Notice, contact_from

OWNER_KIND = "application"
FIELD = "contact"


class SealedContacts:
    """The contact must be sealed for this very application: a moved one does not open."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    def open(self, notice: Notice) -> Contact | NoContact | BadContact:
        """The contact, or a constant reason; what was inside is never told."""
        try:
            sealed = common_pb2.Sealed.FromString(notice.sealed_contact)
            plaintext = self._opener.open(
                sealed, owner_kind=OWNER_KIND, owner_id=notice.application_id, field=FIELD
            )
        except (SealError, ValueError) as error:
            get_logger().error(
                "a contact does not open", cause=notice.event_id, error=type(error).__name__
            )
            return BadContact("contact_sealed")
        try:
            fields = json.loads(plaintext)
        except ValueError:
            return BadContact("contact_malformed")
        return contact_from(fields)
