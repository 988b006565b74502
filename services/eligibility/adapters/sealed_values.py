"""Opens what link must read: the account with its holder, and the names that may receive.

A value that does not open, or was sealed for somebody else, makes the message invalid. A key that
is not mounted is an error of the installation and ends the process: no citizen is refused for it.
"""

from kyufu.events.v1 import applications_pb2, common_pb2

from chassis.sealing import Opener, SealBroken, WrongOwner
from chassis.streams import InvalidMessage
from services.eligibility.domain.opened import CANONICAL_BYTES, Opened

ACCOUNT_FIELD = "account"
NAME_FIELD = "name_kana"
APPLICATION = "application"
REGISTERED_ACCOUNT = "registered_account"
RESIDENT = "resident"


class SealedValues:
    """Opens the sealed values of a claim."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    def open(self, claim: applications_pb2.Claim) -> Opened | None:
        """Account, holder and payees' names; None where cash is paid. Raises InvalidMessage."""
        if not claim.HasField("account"):
            return None
        application, applicant = claim.application, claim.resident_id
        typed = application.HasField("account")
        plain = self._open(
            claim.account.account,
            APPLICATION if typed else REGISTERED_ACCOUNT,
            application.application_id if typed else applicant,
            ACCOUNT_FIELD,
        )
        payees: list[bytes] = []
        for person in claim.persons:
            resident = person.resident_id
            if resident == applicant or person.is_head:
                payees.append(self._open(person.name_kana, RESIDENT, resident, NAME_FIELD))
        return Opened(plain[:CANONICAL_BYTES], plain[CANONICAL_BYTES:], tuple(payees))

    def _open(
        self, sealed: common_pb2.Sealed, owner_kind: str, owner_id: bytes, field: str
    ) -> bytes:
        try:
            return self._opener.open(sealed, owner_kind=owner_kind, owner_id=owner_id, field=field)
        except (SealBroken, WrongOwner) as error:
            raise InvalidMessage("sealed_value_does_not_open") from error
