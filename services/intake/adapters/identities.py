"""Ids and fingerprints under the installation's peppers, one pepper per purpose."""

from chassis.fingerprints import Fingerprinter, canonical
from chassis.ids import ApplicationIds
from chassis.secrets import SecretsDir
from services.intake.domain.applications import ApplicationId, Subject


class PepperedIdentities:
    """The `Identities` port on the installation's key files."""

    def __init__(self, secrets: SecretsDir) -> None:
        self._person = Fingerprinter(secrets.pepper("person"))
        self._account = Fingerprinter(secrets.pepper("account"))
        self._subject = Fingerprinter(secrets.pepper("subject"))
        self._ids = ApplicationIds(
            id_pepper=secrets.pepper("application_id"),
            mac_pepper=secrets.pepper("application_mac"),
        )

    def person(self, key: bytes) -> bytes:
        return self._person.fingerprint(key)

    def account(self, canonical_account: bytes) -> bytes:
        return self._account.fingerprint(canonical_account)

    def subject(self, client_id: str, credential_fingerprint: bytes) -> Subject:
        return Subject(
            self._subject.fingerprint(canonical(client_id, credential_fingerprint.hex()))
        )

    def application_id(
        self, *, client_id: str, programme_id: str, idempotency_key: str, subject: Subject
    ) -> ApplicationId:
        return ApplicationId(
            self._ids.derive(
                client_id=client_id,
                programme=programme_id,
                idempotency_key=idempotency_key,
                subject=subject,
            )
        )

    def is_own(self, application_id: ApplicationId, *, client_id: str, subject: Subject) -> bool:
        return self._ids.is_own(application_id, client_id=client_id, subject=subject)

    def receipt_number(self, application_id: ApplicationId) -> str:
        return self._ids.receipt_number(application_id)
