"""Opens payees' accounts and keeps the bytes of bank files sealed, with the account key alone.

An account that was sealed for another application does not open: a moved one must not be paid. A
key that is not mounted is an error of the installation, so it is raised: no payment is set aside
for it.
"""

from typing import Final

from google.protobuf.message import DecodeError
from kyufu.events.v1 import common_pb2

from chassis.sealing import Opener, SealBroken, Sealer, WrongOwner
from services.payments.domain.payment import Payment

PURPOSE: Final = "account"
ACCOUNT_FIELD: Final = "account"
# Whose a payee's account may be: typed into the application, or the applicant's registered one.
APPLICATION_OWNER: Final = "application"
REGISTERED_OWNER: Final = "registered_account"
FILE_OWNER: Final = "batch"
FILE_FIELD: Final = "file"


class SealedVault:
    """`ports.Vault`."""

    def __init__(self, opener: Opener, sealer: Sealer) -> None:
        self._opener = opener
        self._sealer = sealer

    def open_account(self, payment: Payment) -> bytes | None:
        try:
            sealed = common_pb2.Sealed.FromString(payment.account_sealed)
            if sealed.owner_kind == REGISTERED_OWNER:
                # Link has matched its resident with the applicant, whom a payment does not name.
                return self._opener.open(sealed, field=ACCOUNT_FIELD)
            return self._opener.open(
                sealed,
                owner_kind=APPLICATION_OWNER,
                owner_id=payment.application_id,
                field=ACCOUNT_FIELD,
            )
        except (SealBroken, WrongOwner, DecodeError):
            return None

    def seal_file(self, batch_id: str, content: bytes) -> bytes:
        sealed = self._sealer.seal(PURPOSE, FILE_OWNER, batch_id.encode(), FILE_FIELD, content)
        return sealed.SerializeToString()

    def open_file(self, batch_id: str, sealed: bytes) -> bytes:
        return self._opener.open(
            common_pb2.Sealed.FromString(sealed),
            owner_kind=FILE_OWNER,
            owner_id=batch_id.encode(),
            field=FILE_FIELD,
        )
