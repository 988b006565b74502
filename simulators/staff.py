"""Simulated staff: an identity provider that issues tokens, and people who use the staff's door.

They speak the same gRPC as `kyufu` and hold no other power. The maker and the checker are two.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from kyufu.events.v1 import reviews_pb2
from kyufu.events.v1.registry_pb2 import Register
from kyufu.notify.v1 import notify_pb2, notify_pb2_grpc
from kyufu.staff.v1 import staff_pb2, staff_pb2_grpc

from chassis.clock import Clock
from chassis.grpc.client import call_sync, open_sync_channel
from chassis.grpc.tokens import TokenSigner
from chassis.secrets import SecretsDir
from simulators.population.plan import PROGRAMME

CHUNK_BYTES = 64 * 1024
IMPORT_TIMEOUT_S = 600.0
BATCH_TIMEOUT_S = 60.0
READ_TIMEOUT_S = 10.0
PAGE_SIZE = 500
# A working day: long enough for the slowest play, short enough to be a token of the day.
TOKEN_LIFE = timedelta(hours=8)

ROLES_OF = {
    "registrar-1": ("registrar",),
    "case-worker-1": ("case_worker", "protected_case_worker"),
    "maker-1": ("payments_maker", "payments_viewer"),
    "checker-1": ("payments_checker", "payments_viewer"),
    "operator-1": ("operator", "payments_viewer"),
}


def issue_token(secrets: Path, clock: Clock, subject: str) -> str:
    """A token of the working day for one of ROLES_OF, as the agency's identity provider would."""
    signer = TokenSigner(SecretsDir(secrets).signing_key("staff"), clock)
    return signer.sign(subject, ROLES_OF[subject], life=TOKEN_LIFE)


class Staff:
    """Everything the play asks of people."""

    def __init__(
        self, *, console_address: str, notify_address: str, secrets: Path, clock: Clock
    ) -> None:
        self._channel = open_sync_channel(console_address)
        self._stub = staff_pb2_grpc.StaffServiceStub(self._channel)
        self._notify_channel = open_sync_channel(notify_address)
        self._notify = notify_pb2_grpc.NotificationServiceStub(self._notify_channel)
        self._tokens = {subject: issue_token(secrets, clock, subject) for subject in ROLES_OF}

    def close(self) -> None:
        self._channel.close()
        self._notify_channel.close()

    def import_register(
        self, register: Register.ValueType, file: Path, *, snapshot_id: str
    ) -> staff_pb2.ImportRegisterResponse:
        """One register of the base date, whole: closes its snapshot."""
        header = staff_pb2.ImportRegisterHeader(
            register=register, snapshot_id=snapshot_id, version=1, complete=True
        )

        def messages() -> Iterator[staff_pb2.ImportRegisterRequest]:
            yield staff_pb2.ImportRegisterRequest(header=header)
            with file.open("rb") as content:
                while chunk := content.read(CHUNK_BYTES):
                    yield staff_pb2.ImportRegisterRequest(chunk=chunk)

        return call_sync(
            self._stub.ImportRegister,
            messages(),
            IMPORT_TIMEOUT_S,
            token=self._tokens["registrar-1"],
        )

    def open_reviews(self) -> dict[str, staff_pb2.Review]:
        """Open reviews by application id."""
        found: dict[str, staff_pb2.Review] = {}
        page_token = ""
        while True:
            answer = call_sync(
                self._stub.ListReviews,
                staff_pb2.ListReviewsRequest(page_size=PAGE_SIZE, page_token=page_token),
                READ_TIMEOUT_S,
                token=self._tokens["case-worker-1"],
            )
            found.update((review.application_id, review) for review in answer.reviews)
            page_token = answer.next_page_token
            if not page_token:
                return found

    def resolve(self, review_id: str, *, accept: bool) -> None:
        resolution = reviews_pb2.RESOLUTION_ACCEPT if accept else reviews_pb2.RESOLUTION_REFUSE
        call_sync(
            self._stub.ResolveReview,
            staff_pb2.ResolveReviewRequest(review_id=review_id, resolution=resolution),
            READ_TIMEOUT_S,
            token=self._tokens["case-worker-1"],
        )

    def propose_batches(self, request_id: str) -> staff_pb2.ProposeBatchesResponse:
        return call_sync(
            self._stub.ProposeBatches,
            staff_pb2.ProposeBatchesRequest(programme=PROGRAMME, request_id=request_id),
            BATCH_TIMEOUT_S,
            token=self._tokens["maker-1"],
        )

    def approve_batch(self, batch_id: str, sha256: bytes) -> staff_pb2.ApproveBatchResponse:
        return call_sync(
            self._stub.ApproveBatch,
            staff_pb2.ApproveBatchRequest(batch_id=batch_id, sha256=sha256),
            BATCH_TIMEOUT_S,
            token=self._tokens["checker-1"],
        )

    def status(self) -> staff_pb2.GetStatusResponse:
        return call_sync(
            self._stub.GetStatus,
            staff_pb2.GetStatusRequest(),
            READ_TIMEOUT_S,
            token=self._tokens["operator-1"],
        )

    def notice_totals(self) -> notify_pb2.GetNoticeTotalsResponse:
        return call_sync(
            self._notify.GetNoticeTotals,
            notify_pb2.GetNoticeTotalsRequest(),
            READ_TIMEOUT_S,
            token=self._tokens["operator-1"],
        )
