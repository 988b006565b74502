"""One synthetic installation for tests: peppers, sealing keys, a card authority, clients, cards."""

import base64
import hashlib
import hmac
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette

from chassis.clock import FakeClock
from chassis.metrics import Metrics
from chassis.secrets import SecretsDir
from services.intake.adapters.clients_file import ClientsFile
from services.intake.adapters.credentials import CredentialChecker
from services.intake.adapters.identities import PepperedIdentities
from services.intake.adapters.programmes_file import ProgrammesFile
from services.intake.adapters.wall_clock import ChassisClock
from services.intake.entrypoints.http import Doors, build_app
from services.intake.handlers import ReadStatus, SubmitApplication
from services.intake.metric_defs import INTAKE_METRICS
from services.intake.ports import (
    ApplicationLog,
    CredentialVerifier,
    IdempotencyLedger,
    StatusReader,
)
from services.intake.tests.fakes import FakeLedger, FakeLog, FakeStatuses

NOW = datetime(2020, 5, 11, tzinfo=UTC)
PROGRAMME = "tokubetsu-teigaku-2020"
SUBMIT = f"/v1/programmes/{PROGRAMME}/applications"
TOWN = "131016"
_PEPPERS = (
    "credential",
    "account",
    "person",
    "application_id",
    "application_mac",
    "subject",
    "client_token",
)


def form(**changes: Any) -> dict[str, Any]:
    """A head's faultless form; a change to None leaves the field out."""
    body: dict[str, Any] = {
        "intent": "apply",
        "capacity": "head",
        "persons": [{"name_kana": "テスト　タロウ", "born_on": "1980-01-31", "opted_out": False}],
        "persons_complete": True,
        "payout": {
            "kind": "account",
            "bank_code": "0001",
            "branch_code": "001",
            "account_type": "ordinary",
            "account_number": "1234567",
            "holder_kana": "テスト　タロウ",
        },
        "contact": {"email": "shiken@kyufu.example"},
        "language": "ja",
    }
    body.update(changes)
    return {name: value for name, value in body.items() if value is not None}


@dataclass(frozen=True)
class TestCard:
    """A card with its key."""

    __test__ = False

    certificate: bytes
    key: Ed25519PrivateKey

    def credential(
        self, key: str, body: bytes, *, programme: str = PROGRAMME, nonce: bytes = bytes(16)
    ) -> str:
        text = base64.urlsafe_b64encode(nonce).rstrip(b"=").decode()
        message = "\n".join(
            ("kyufu-application-v1", programme, key, hashlib.sha256(body).hexdigest(), text)
        )
        return encoded(
            {
                "kind": "card",
                "certificate": base64.b64encode(self.certificate).decode(),
                "nonce": text,
                "signature": base64.b64encode(self.key.sign(message.encode())).decode(),
            }
        )


def encoded(credential: dict[str, Any]) -> str:
    """The header value of a credential."""
    return base64.urlsafe_b64encode(json.dumps(credential).encode()).rstrip(b"=").decode()


class Authority:
    """A card authority with an Ed25519 key of its own."""

    def __init__(self, rng: random.Random, name: str = "Test Card Authority") -> None:
        self._rng = rng
        self._key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(datetime(2015, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2035, 1, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, None)
        )

    def pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        valid_from: datetime = NOW - timedelta(days=365),
        valid_until: datetime = NOW + timedelta(days=365),
    ) -> TestCard:
        key = Ed25519PrivateKey.from_private_bytes(self._rng.randbytes(32))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "card")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(self._rng.getrandbits(100) | 1)
            .not_valid_before(valid_from)
            .not_valid_after(valid_until)
            .sign(self._key, None)
        )
        return TestCard(certificate.public_bytes(serialization.Encoding.DER), key)


class Installation:
    """Key files and clients below `folder`; all from one seed."""

    def __init__(self, folder: Path, seed: int = 7) -> None:
        rng = random.Random(seed)
        self.folder = folder
        for name in _PEPPERS:
            self._write(f"peppers/{name}.bin", rng.randbytes(32))
        for purpose in ("identity", "account", "contact"):
            private = X25519PrivateKey.from_private_bytes(rng.randbytes(32))
            self._write(f"sealing/{purpose}.pub", private.public_key().public_bytes_raw())
            self._write(f"sealing/{purpose}.key", private.private_bytes_raw())
        self.authority = Authority(rng)
        self._write("cards/ca.pem", self.authority.pem())
        self.secrets = SecretsDir(folder)
        self.tokens: dict[str, str] = {}
        self.clients_file = folder / "clients.json"
        self.clients_file.write_text(json.dumps([self._client(*row) for row in _CLIENTS]))

    def headers(self, client_id: str = "portal") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[client_id]}"}

    def _client(
        self, client_id: str, channel: str, scopes: list[str], town: str | None
    ) -> dict[str, Any]:
        token = f"token-of-{client_id}"
        self.tokens[client_id] = token
        digest = hmac.digest(self.secrets.pepper("client_token"), token.encode(), "sha256")
        return {
            "client_id": client_id,
            "token_hash": digest.hex(),
            "scopes": scopes,
            "channel": channel,
            "municipality_code": town,
        }

    def _write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


_CLIENTS: tuple[tuple[str, str, list[str], str | None], ...] = (
    ("portal", "online", ["apply", "channel:online"], None),
    ("smartphone", "online", ["apply", "channel:online"], None),
    (f"paper-{TOWN}", "paper", ["apply", "channel:paper"], TOWN),
    (f"counter-{TOWN}", "counter", ["apply", "channel:counter"], TOWN),
    ("onlooker", "online", [], None),
)


@dataclass
class Rig:
    """The real app on fakes for Kafka and PostgreSQL."""

    installation: Installation
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    ledger: FakeLedger = field(default_factory=FakeLedger)
    log: FakeLog = field(default_factory=FakeLog)
    statuses: FakeStatuses = field(default_factory=FakeStatuses)
    metrics: Metrics = field(default_factory=lambda: Metrics(INTAKE_METRICS))

    def app(self) -> Starlette:
        return app_on(
            self.installation, self.clock, self.ledger, self.log, self.statuses, self.metrics
        )


def checker(installation: Installation, clock: FakeClock) -> CredentialVerifier:
    return CredentialChecker(
        authority_pem=installation.secrets.certificate_authority_pem(),
        pepper=installation.secrets.pepper("credential"),
        clock=clock,
    )


def app_on(
    installation: Installation,
    clock: FakeClock,
    ledger: IdempotencyLedger,
    log: ApplicationLog,
    statuses: StatusReader,
    metrics: Metrics,
) -> Starlette:
    """The application on these parts."""
    identities = PepperedIdentities(installation.secrets)
    return build_app(
        Doors(
            clients=ClientsFile(
                installation.clients_file, installation.secrets.pepper("client_token")
            ),
            submit=SubmitApplication(
                clock=ChassisClock(clock),
                identities=identities,
                programmes=ProgrammesFile(),
                credentials=checker(installation, clock),
                ledger=ledger,
                log=log,
            ),
            read_status=ReadStatus(identities=identities, statuses=statuses),
            ready={},
            metrics=metrics,
        )
    )


@dataclass(frozen=True)
class Request:
    """One POST, ready to be sent."""

    headers: dict[str, str]
    content: bytes


def request_of(
    installation: Installation,
    card: TestCard,
    *,
    key: str = "key-0000000000000001",
    body: dict[str, Any] | bytes | None = None,
    client_id: str = "portal",
) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body or form()).encode()
    return Request(
        {
            **installation.headers(client_id),
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "Kyufu-Credential": card.credential(key, content),
        },
        content,
    )
