"""Which key files each process is given. A process that asks for another one does not start.

Invariants: a private sealing key goes to those alone who must open what it seals; nobody but the
provisioner sees the whole set. A test reads the services' code and compares it with this table.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

VERIFY_KEYS: Final = "staff/verify.jwks"
SERVICE_KEY: Final = "service/signing.key"

# By process, as devstack.topology names them.
KEY_FILES_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "intake": (
            "peppers/credential.bin",
            "peppers/account.bin",
            "peppers/person.bin",
            "peppers/subject.bin",
            "peppers/application_id.bin",
            "peppers/application_mac.bin",
            "peppers/client_token.bin",
            "sealing/account.pub",
            "sealing/contact.pub",
            "cards/ca.pem",
        ),
        "registers": (
            "peppers/credential.bin",
            "peppers/account.bin",
            "peppers/person.bin",
            "sealing/identity.pub",
            "sealing/account.pub",
            VERIFY_KEYS,
        ),
        "identify": (),
        "dedup": (),
        "link": ("sealing/account.key", "sealing/identity.key"),
        "payments": ("sealing/account.key", "sealing/account.pub", VERIFY_KEYS, SERVICE_KEY),
        "notify": ("peppers/application_id.bin", "sealing/contact.key", VERIFY_KEYS),
        "console": (VERIFY_KEYS, SERVICE_KEY),
    }
)
# Processes with a schema of their own, which has the same name; each gets a role's address.
SCHEMAS: Final = ("intake", "payments", "notify", "console")
