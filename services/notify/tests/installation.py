"""A small installation for tests: keys, tokens, sealed contacts, mail sink and SMS providers.

Every value that looks like a person's is synthetic and visibly so.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from joserfc.jwk import OKPKey
from kyufu.events.v1 import common_pb2
from kyufu.notify.v1 import notify_pb2

from chassis.clock import SystemClock
from chassis.grpc.tokens import TokenSigner
from chassis.ids import APPLICATION_ID_BYTES, random_id
from chassis.sealing import Sealer
from chassis.secrets import SecretsDir

PROGRAMME = "tokubetsu-teigaku-2020"
NOW = datetime(2020, 5, 11, 3, 0, tzinfo=UTC)
LOCALHOST = "127.0.0.1"


def write_secrets(folder: Path) -> SecretsDir:
    """Random keys as an installation provisions them; only those that notify mounts."""
    (folder / "peppers").mkdir(parents=True)
    (folder / "peppers" / "application_id.bin").write_bytes(random_id() + random_id())
    (folder / "sealing").mkdir()
    contact = X25519PrivateKey.generate()
    (folder / "sealing" / "contact.key").write_bytes(contact.private_bytes_raw())
    (folder / "sealing" / "contact.pub").write_bytes(contact.public_key().public_bytes_raw())
    public: list[dict[str, Any]] = []
    for kind in ("staff", "service"):
        private = Ed25519PrivateKey.generate()
        (folder / kind).mkdir()
        (folder / kind / "signing.key").write_bytes(private.private_bytes_raw())
        key = OKPKey.import_key(private.public_key())
        public.append({**key.as_dict(private=False), "kid": f"{kind}-1"})
    (folder / "staff" / "verify.jwks").write_text(json.dumps({"keys": public}))
    return SecretsDir(folder)


def token(secrets: SecretsDir, roles: set[str], kind: str = "service") -> str:
    """A token of the real clock, as the processes under test use it."""
    return TokenSigner(secrets.signing_key(kind), SystemClock()).sign(f"{kind}-test", roles)


def application_id() -> bytes:
    """20 random bytes."""
    return (random_id() + random_id())[:APPLICATION_ID_BYTES]


def sealed_contact(
    secrets: SecretsDir, owner_id: bytes, contact: dict[str, str] | None
) -> common_pb2.Sealed:
    """As intake seals it."""
    sealer = Sealer({"contact": secrets.public_key("contact")})
    return sealer.seal("contact", "application", owner_id, "contact", json.dumps(contact).encode())


def request(
    secrets: SecretsDir, contact: dict[str, str] | None, *, event: bytes | None = None
) -> notify_pb2.NotifyRequest:
    """A request for a paid notice; without a contact nothing is sealed."""
    owner_id = application_id()
    made = notify_pb2.NotifyRequest(
        event_id=event if event is not None else random_id(),
        application_id=owner_id,
        template=notify_pb2.TEMPLATE_PAID,
        language="ja",
        amount_yen=100_000,
        programme=PROGRAMME,
    )
    if contact is not None:
        made.contact.CopyFrom(sealed_contact(secrets, owner_id, contact))
    return made


@dataclass
class MailSink:
    """A real SMTP server on a fixed port that can be taken away and brought back."""

    port: int
    content: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    # How the next mails are answered after their text arrived; empty: accepted.
    answers: list[str] = field(default_factory=list)
    _controller: Controller | None = None

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.content.append(envelope.original_content or b"")
        self.recipients.extend(envelope.rcpt_tos)
        return self.answers.pop(0) if self.answers else "250 OK"

    def start(self) -> None:
        self._controller = Controller(self, hostname=LOCALHOST, port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def message_ids(self) -> list[str]:
        lines = [line for mail in self.content for line in mail.decode("ascii").splitlines()]
        return [line for line in lines if line.startswith("Message-ID:")]


class SmsStub:
    """A real HTTP SMS provider. `mode`: ok, error (500, keeps nothing), error_after (keeps it and
    then answers 500), silent (answers nothing), silent_after (keeps it, answers nothing), a number
    (answers that status, keeps nothing). `location` is where a redirect leads.
    """

    def __init__(self, silence_s: float = 30.0) -> None:
        self.mode = "ok"
        self.location = ""
        self.asks_answered = True
        self.messages: dict[str, dict[str, str]] = {}
        self.posts = 0
        self.asks: list[str] = []
        self._silence_s = silence_s
        self._ending = threading.Event()
        self._server = ThreadingHTTPServer((LOCALHOST, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{LOCALHOST}:{self._server.server_address[1]}"

    def close(self) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    def _keep(self, message: dict[str, str]) -> None:
        self.messages.setdefault(message["key"], message)

    def _handler(stub) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - two selves
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                message = json.loads(self.rfile.read(length))
                stub.posts += 1
                if stub.mode in ("ok", "error_after", "silent_after"):
                    stub._keep(message)
                if stub.mode.startswith("silent"):
                    stub._ending.wait(stub._silence_s)
                    self.close_connection = True
                elif stub.mode.startswith("error"):
                    self._answer(500, {})
                elif stub.mode.isdigit():
                    self._answer(int(stub.mode), {})
                else:
                    self._answer(202, {"key": message["key"]})

            def do_GET(self) -> None:
                key = self.path.rpartition("/")[2]
                stub.asks.append(key)
                if not stub.asks_answered:
                    stub._ending.wait(stub._silence_s)
                    self.close_connection = True
                else:
                    self._answer(200 if key in stub.messages else 404, {"key": key})

            def _answer(self, status: int, content: dict[str, str]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if stub.location:
                    self.send_header("Location", stub.location)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@contextmanager
def sms_stub(silence_s: float = 30.0) -> Iterator[SmsStub]:
    """A provider for the time of a test."""
    stub = SmsStub(silence_s)
    try:
        yield stub
    finally:
        stub.close()
