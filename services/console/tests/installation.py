"""Keys, tokens and peers for tests of the console; every value is synthetic."""

import json
import threading
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey
from kyufu.events.v1 import applications_pb2, common_pb2, payments_pb2, reviews_pb2
from kyufu.payments.v1 import payments_pb2 as ledger_pb2
from kyufu.payments.v1 import payments_pb2_grpc as ledger_grpc
from kyufu.staff.v1 import staff_pb2, staff_pb2_grpc

from chassis.clock import SystemClock
from chassis.grpc.tokens import TokenSigner
from chassis.ids import APPLICATION_ID_BYTES, random_id
from chassis.secrets import SecretsDir

PROGRAMME = "tokubetsu-teigaku-2020"
TOWN = "131016"
OTHER_TOWN = "131024"
CANARY = "CANARY-kanari-tesuto"
AT_MS = 1_589_155_200_000


def write_secrets(folder: Path) -> SecretsDir:
    """The keys that the console mounts, and the staff's signing key for tokens of tests."""
    public: list[dict[str, Any]] = []
    for kind in ("staff", "service"):
        private = Ed25519PrivateKey.generate()
        (folder / kind).mkdir(parents=True)
        (folder / kind / "signing.key").write_bytes(private.private_bytes_raw())
        key = OKPKey.import_key(private.public_key())
        public.append({**key.as_dict(private=False), "kid": f"{kind}-1"})
    (folder / "staff" / "verify.jwks").write_text(json.dumps({"keys": public}))
    return SecretsDir(folder)


def staff_token(secrets: SecretsDir, *roles: str, town: str | None = None) -> str:
    """A token of the real clock, as the processes under test use it."""
    signer = TokenSigner(secrets.signing_key("staff"), SystemClock())
    return signer.sign("staff-test", set(roles), municipality_code=town)


def new_application_id() -> bytes:
    """20 random bytes."""
    return (random_id() + random_id())[:APPLICATION_ID_BYTES]


def canary_sealed() -> common_pb2.Sealed:
    """A sealed value whose bytes can be searched for."""
    return common_pb2.Sealed(
        purpose=common_pb2.PURPOSE_CONTACT, ciphertext=CANARY.encode(), field="contact"
    )


def submitted(application_id: bytes) -> applications_pb2.ApplicationSubmitted:
    """With canaries wherever an event holds something of a person."""
    return applications_pb2.ApplicationSubmitted(
        event_id=random_id(),
        application_id=application_id,
        programme=PROGRAMME,
        channel=common_pb2.CHANNEL_ONLINE,
        intent=applications_pb2.INTENT_APPLY,
        credential_fingerprint=CANARY.encode()[:16],
        contact=canary_sealed(),
        submitted_at_ms=AT_MS,
        receipt_number="0000-0000-0000-0000-0097",
    )


def decided(
    application_id: bytes, outcome: common_pb2.Outcome.ValueType, *, town: str = TOWN
) -> applications_pb2.ApplicationDecided:
    """A decision two seconds after the submission."""
    return applications_pb2.ApplicationDecided(
        event_id=random_id(),
        application_id=application_id,
        programme=PROGRAMME,
        outcome=outcome,
        amount_yen=200_000,
        revision=1,
        municipality_code=town,
        decided_at_ms=AT_MS + 2_000,
        stage=common_pb2.STAGE_DECIDE,
        rule_version="tokubetsu-teigaku-2020/1",
        contact=canary_sealed(),
    )


def settled(application_id: bytes) -> payments_pb2.PaymentEvent:
    """The bank has paid, a minute later."""
    return payments_pb2.PaymentEvent(
        event_id=random_id(),
        kind=payments_pb2.PAYMENT_EVENT_KIND_SETTLED,
        application_id=application_id,
        programme=PROGRAMME,
        municipality_code=TOWN,
        amount_yen=200_000,
        revision=1,
        version=5,
        file_name="file-1",
        line_number=7,
        occurred_at_ms=AT_MS + 60_000,
    )


def opened(
    application_id: bytes, *, protected: bool = False, town: str = TOWN
) -> reviews_pb2.ReviewOpened:
    """A question of link about the holder."""
    review_id = random_id()
    return reviews_pb2.ReviewOpened(
        event_id=review_id,
        review_id=review_id,
        stage=common_pb2.STAGE_LINK,
        stage_key=random_id(),
        stage_event_type="kyufu.events.v1.ApplicationDeduplicated",
        stage_event=CANARY.encode(),
        application_id=application_id,
        programme=PROGRAMME,
        municipality_code=town,
        reasons=[common_pb2.REASON_HOLDER_MISMATCH],
        opened_at_ms=AT_MS + 1_000,
        protected=protected,
    )


@dataclass
class PeerStubs(ledger_grpc.PaymentsServiceServicer, staff_pb2_grpc.RegistersServiceServicer):
    """Payments and the register importer as a real gRPC server that remembers what it was told."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _note(self, name: str, request: Any, context: grpc.ServicerContext) -> None:
        token = dict(context.invocation_metadata()).get("authorization", "")
        with self.lock:
            self.calls.append((name, str(token)))
            self.received.append(request)

    def ListBatches(self, request: Any, context: Any) -> ledger_pb2.ListBatchesResponse:  # noqa: N802
        self._note("ListBatches", request, context)
        return ledger_pb2.ListBatchesResponse(
            batches=[ledger_pb2.Batch(batch_id="b-1", sha256=b"\x01" * 32, records=2)]
        )

    def ProposeBatches(self, request: Any, context: Any) -> ledger_pb2.ProposeBatchesResponse:  # noqa: N802
        self._note("ProposeBatches", request, context)
        return ledger_pb2.ProposeBatchesResponse(held_records=3)

    def ApproveBatch(self, request: Any, context: Any) -> ledger_pb2.ApproveBatchResponse:  # noqa: N802
        self._note("ApproveBatch", request, context)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "hash_differs")
        raise AssertionError("abort raises")

    def GetYenByStation(self, request: Any, context: Any) -> ledger_pb2.GetYenByStationResponse:  # noqa: N802
        self._note("GetYenByStation", request, context)
        return ledger_pb2.GetYenByStationResponse(
            stations=[ledger_pb2.YenByStation(station="planned", payments=1, amount_yen=100_000)]
        )

    def ImportRegister(self, requests: Any, context: Any) -> staff_pb2.ImportRegisterResponse:  # noqa: N802
        got = list(requests)
        self._note("ImportRegister", got, context)
        return staff_pb2.ImportRegisterResponse(lines=len(got), loaded=len(got))

    def serve(self) -> tuple[grpc.Server, int]:
        """Start on a free port."""
        server = grpc.server(futures.ThreadPoolExecutor(4))
        ledger_grpc.add_PaymentsServiceServicer_to_server(self, server)
        staff_pb2_grpc.add_RegistersServiceServicer_to_server(self, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return server, port
