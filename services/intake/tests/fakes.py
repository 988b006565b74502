"""Hand-written stand-ins for the ports, with the same promises as the real ones."""

from services.intake.domain.applications import Application, ApplicationId, KeyUse
from services.intake.ports import NotPublished, OwnedStatus, StatusStoreAway


class FakeLedger:
    """Remembers keys in memory; `away` answers as the real one does without PostgreSQL."""

    def __init__(self) -> None:
        self.used: dict[bytes, bytes] = {}
        self.away = False

    async def register(self, key_digest: bytes, request_digest: bytes) -> KeyUse:
        if self.away:
            return KeyUse.UNCHECKED
        earlier = self.used.get(key_digest)
        if earlier is None:
            self.used[key_digest] = request_digest
            return KeyUse.FIRST
        return KeyUse.REPEATED if earlier == request_digest else KeyUse.REUSED


class FakeLog:
    """Keeps what was published; `failure` answers as a broker that is away or behind."""

    def __init__(self) -> None:
        self.published: list[Application] = []
        self.failure: NotPublished | None = None
        self.error: Exception | None = None

    async def publish(
        self, application: Application, traceparent: str | None
    ) -> NotPublished | None:
        if self.error is not None:
            raise self.error
        if self.failure is None:
            self.published.append(application)
        return self.failure


class FakeStatuses:
    """Rows by application id."""

    def __init__(self) -> None:
        self.rows: dict[ApplicationId, OwnedStatus] = {}
        self.away = False

    async def find(self, application_id: ApplicationId) -> OwnedStatus | None:
        if self.away:
            raise StatusStoreAway
        return self.rows.get(application_id)
