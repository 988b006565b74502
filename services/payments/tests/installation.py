"""A real payments process for tests, its keys, its peers' side of Kafka and gRPC."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import confluent_kafka
import grpc
from confluent_kafka.admin import AdminClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey
from kyufu.events.v1 import payments_pb2 as events_pb2
from kyufu.payments.v1 import payments_pb2_grpc

from chassis.clock import SystemClock
from chassis.grpc.client import open_sync_channel
from chassis.grpc.tokens import TokenSigner
from chassis.kafka.topics import TopicCatalogue
from chassis.secrets import SecretsDir
from services.payments.tests.town import NOW, Keys

DEADLINE_S: Final = 60.0
_STEP_S: Final = 0.05
ROOT: Final = Path(__file__).parents[3]
LOCALHOST: Final = "127.0.0.1"


def write_secrets(folder: Path, keys: Keys) -> SecretsDir:
    """The key files that payments mounts, and the staff's, to sign tokens in tests."""
    (folder / "sealing").mkdir(parents=True)
    (folder / "sealing" / "account.key").write_bytes(keys.private.private_bytes_raw())
    public_raw = keys.private.public_key().public_bytes_raw()
    (folder / "sealing" / "account.pub").write_bytes(public_raw)
    public: list[dict[str, Any]] = []
    for kind in ("staff", "service"):
        private = Ed25519PrivateKey.generate()
        (folder / kind).mkdir()
        (folder / kind / "signing.key").write_bytes(private.private_bytes_raw())
        key = OKPKey.import_key(private.public_key())
        public.append({**key.as_dict(private=False), "kid": f"{kind}-1"})
    (folder / "staff" / "verify.jwks").write_text(json.dumps({"keys": public}))
    return SecretsDir(folder)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fails with `what` when the deadline passes."""
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, f"not within {DEADLINE_S} s: {what}"
        time.sleep(_STEP_S)


class PaymentsProcess:
    """One `python -m services.payments`, started again on the same ports after a kill."""

    def __init__(self, environ: Mapping[str, str], secrets: SecretsDir, log: Path) -> None:
        self.grpc_port = free_port()
        self.metrics_port = free_port()
        self.clock = SystemClock(NOW, time.time())
        self._signer = TokenSigner(secrets.signing_key("staff"), self.clock)
        self._log = log
        self._environ = {
            **os.environ,
            **environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "proto" / "gen"))),
            "KYUFU_GRPC_PORT": str(self.grpc_port),
            "KYUFU_METRICS_PORT": str(self.metrics_port),
            "KYUFU_CLOCK_START": NOW.isoformat(),
            "KYUFU_CLOCK_EPOCH": str(time.time()),
            "KYUFU_PAYMENTS_BANK_POLL_S": "0.05",
            "KYUFU_PAYMENTS_SESSION_TIMEOUT_S": "6",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.payments"],
                cwd=ROOT,
                env=self._environ,
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_ready, "payments is ready")

    def get(self, path: str) -> str | None:
        """The body of a 200, else None."""
        try:
            url = f"http://{LOCALHOST}:{self.metrics_port}{path}"
            with urllib.request.urlopen(url, timeout=5) as response:
                return str(response.read().decode())
        except (urllib.error.URLError, OSError):
            return None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(DEADLINE_S)

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def call(
        self,
        method: str,
        request: object,
        *,
        subject: str,
        roles: Collection[str],
        municipality_code: str | None = None,
        timeout_s: float | None = 30.0,
    ) -> Any:
        """Call one method of PaymentsService as a member of the staff."""
        signed = self._signer.sign(subject, roles, municipality_code=municipality_code)
        with open_sync_channel(f"{LOCALHOST}:{self.grpc_port}") as channel:
            stub = payments_pb2_grpc.PaymentsServiceStub(channel)
            return getattr(stub, method)(
                request,
                timeout=timeout_s,
                metadata=(("authorization", f"Bearer {signed}"),),
            )

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-3000:]
        return self.get("/ready") is not None


def status_of(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    """The status that a call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        failed: Any = error
        return failed.code(), failed.details()
    return grpc.StatusCode.OK, ""


def read_events(bootstrap: str, topic: str) -> list[events_pb2.PaymentEvent]:
    """Every payment event on a topic now."""
    return [events_pb2.PaymentEvent.FromString(value) for value in read_values(bootstrap, topic)]


def fresh_topics(bootstrap: str, names: Sequence[str]) -> None:
    """The declared topics, empty, whatever another test left in them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    existing = [name for name in names if name in admin.list_topics(timeout=10).topics]
    if existing:
        for future in admin.delete_topics(existing).values():
            future.result(DEADLINE_S)
        wait_until(
            lambda: not set(existing) & set(admin.list_topics(timeout=10).topics),
            "old topics are gone",
        )
    TopicCatalogue.load().create_all(admin, names=names)


def read_values(bootstrap: str, topic: str) -> list[bytes]:
    """Everything on a topic now."""
    reader = confluent_kafka.Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False}
    )
    values: list[bytes] = []
    try:
        for number in reader.list_topics(topic, timeout=10).topics[topic].partitions:
            place = confluent_kafka.TopicPartition(topic, number)
            watermarks = reader.get_watermark_offsets(place, timeout=10)
            end = watermarks[1] if watermarks else 0
            reader.assign([confluent_kafka.TopicPartition(topic, number, 0)])
            position = 0
            while position < end:
                message = reader.poll(10)
                assert message is not None
                assert message.error() is None
                values.append(message.value() or b"")
                position = (message.offset() or 0) + 1
    finally:
        reader.close()
    return values
