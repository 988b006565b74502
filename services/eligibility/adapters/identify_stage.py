"""identify on the stage runner. Reads applications.submitted, registry.credentials,
reviews.resolved.identify and clock.ticks; writes applications.identified, or an outcome or review.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from kyufu.events.v1 import applications_pb2, operations_pb2, registry_pb2, reviews_pb2

from chassis.streams import Incoming, Outgoing, StateView
from services.eligibility.adapters.messages import (
    ID_BYTES,
    Submissions,
    application_of,
    check_application,
    reasons_of,
    require,
)
from services.eligibility.adapters.stage_base import CLOCK, DECIDED, REVIEWS, StageBase
from services.eligibility.adapters.wire import field, number, number_tag, tag
from services.eligibility.domain import registers, waiting
from services.eligibility.domain.identify import Identified, Identify, Output
from services.eligibility.domain.registers import Credential, Register
from services.eligibility.domain.words import Resolution
from services.eligibility.ports import StageMeter

SUBMITTED = "applications.submitted"
CREDENTIALS = "registry.credentials"
RESOLVED = "reviews.resolved.identify"
IDENTIFIED = "applications.identified"
# The bound of intake's bodies, of which an application takes a part. See REGISTRY_BYTES_MAX.
APPLICATION_BYTES_MAX = 64 * 1024
_EVENT = applications_pb2.ApplicationIdentified
_EVENT_ID = tag(_EVENT.EVENT_ID_FIELD_NUMBER)
_CAUSING = tag(_EVENT.CAUSING_EVENT_ID_FIELD_NUMBER)
_APPLICATION = tag(_EVENT.APPLICATION_FIELD_NUMBER)
_RESIDENT_ID = tag(_EVENT.RESIDENT_ID_FIELD_NUMBER)
_CLAIM_UNIT_ID = tag(_EVENT.CLAIM_UNIT_ID_FIELD_NUMBER)
_MUNICIPALITY = tag(_EVENT.MUNICIPALITY_CODE_FIELD_NUMBER)
_SNAPSHOT = tag(_EVENT.SNAPSHOT_ID_FIELD_NUMBER)
_REGISTER_VERSION = number_tag(_EVENT.REGISTER_VERSION_FIELD_NUMBER)


class IdentifyStage(StageBase):
    """Topics and messages around `domain.identify`."""

    name = "identify"
    version = 2
    inputs: Sequence[str] = (SUBMITTED, CREDENTIALS, RESOLVED, CLOCK)
    tables: Sequence[str] = (CREDENTIALS,)
    outputs: Sequence[str] = (IDENTIFIED, DECIDED, REVIEWS)
    stage_event = applications_pb2.ApplicationSubmitted

    def __init__(self, rules: Identify, meter: StageMeter) -> None:
        super().__init__(meter)
        self._rules = rules
        self._handlers = {
            SUBMITTED: self._submitted,
            CREDENTIALS: self._credential,
            RESOLVED: self._resolved,
            CLOCK: self._tick,
        }
        self._checkers = {
            SUBMITTED: self._check_submitted,
            CREDENTIALS: self._check_credential,
            RESOLVED: self.check_resolved,
            CLOCK: self.check_tick,
        }

    def state_keys(self, batch: Sequence[Incoming]) -> Iterable[bytes]:
        """Credentials of the batch, the clock and the completeness marks."""
        yield waiting.clock_key()
        snapshots = self._rules.snapshots
        for snapshot_id in snapshots.values():
            yield registers.complete_key(snapshot_id, Register.CREDENTIALS)
        for incoming in batch:
            message: Any = incoming.message
            if incoming.topic == SUBMITTED:
                yield registers.credential_key(snapshots[message.programme], incoming.key)
            elif incoming.topic == CREDENTIALS:
                yield registers.credential_key(message.snapshot_id, incoming.key[:ID_BYTES])
                yield registers.dispute_key(message.snapshot_id, incoming.key[:ID_BYTES])

    def reload(self, batch: Sequence[Incoming], state: StateView) -> None:
        """Credentials and completeness marks, once more."""
        for incoming in batch:
            message: Any = incoming.message
            if message.HasField("complete"):
                registers.set_complete(state, message.snapshot_id, Register.CREDENTIALS)
            else:
                registers.load_credential(
                    state,
                    message.snapshot_id,
                    message.credential.credential_fingerprint,
                    _credential_of(message),
                    again=True,
                )

    def check_event(
        self, message: applications_pb2.ApplicationSubmitted, incoming: Incoming
    ) -> None:
        """An application of a known programme under its own key."""
        require(message.programme in self._rules.snapshots, "unknown_programme")
        check_application(message)
        require(incoming.key == message.credential_fingerprint, "wrong_key")

    def _check_submitted(
        self, message: applications_pb2.ApplicationSubmitted, incoming: Incoming
    ) -> None:
        require(len(incoming.value) <= APPLICATION_BYTES_MAX, "too_large")
        self.check_event(message, incoming)

    def _check_credential(self, message: registry_pb2.RegistryRecord, incoming: Incoming) -> None:
        self.check_registry(message, incoming)
        if message.HasField("credential"):
            record = message.credential
            fingerprint = record.credential_fingerprint
            require(len(fingerprint) == ID_BYTES, "bad_credential")
            # Records of older imports lie under the fingerprint alone; they hold as well.
            named = fingerprint + message.snapshot_id.encode()
            require(incoming.key in (named, fingerprint), "wrong_key")
            require(len(record.resident_id) == ID_BYTES, "bad_resident_id")
            require(len(record.claim_unit_id) == ID_BYTES, "bad_claim_unit_id")

    def _submitted(
        self,
        message: applications_pb2.ApplicationSubmitted,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        raw = submissions.keep(incoming.value, message)
        return self._rules.take_application(state, application_of(message, raw))

    def _credential(
        self,
        message: registry_pb2.RegistryRecord,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        if message.HasField("complete"):
            return self._rules.take_complete(state, message.snapshot_id)
        return self._rules.take_credential(
            state,
            message.snapshot_id,
            message.credential.credential_fingerprint,
            _credential_of(message),
        )

    def _resolved(
        self,
        message: reviews_pb2.ReviewResolved,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        submitted = self.parse_event(message)
        raw = submissions.remember(submitted)
        return self._rules.take_resolution(
            state,
            application_of(submitted, raw),
            message.review_id,
            Resolution(message.resolution),
            reasons_of(message.reasons),
        )

    def _tick(
        self,
        message: operations_pb2.ClockTick,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        return self._rules.take_tick(state, message.at_ms)

    def _encode_onward(
        self, output: Any, submissions: Submissions, trace: str | None
    ) -> Outgoing | None:
        if not isinstance(output, Identified):
            return super()._encode_onward(output, submissions, trace)
        self._meter.outcome(self.name, "onward", 0.0)
        value = b"".join(
            (
                field(_EVENT_ID, output.event_id),
                field(_CAUSING, output.causing_event_id),
                field(_RESIDENT_ID, output.resident_id),
                field(_CLAIM_UNIT_ID, output.claim_unit_id),
                field(_MUNICIPALITY, output.municipality_code.encode()),
                field(_SNAPSHOT, output.snapshot_id.encode()),
                number(_REGISTER_VERSION, output.register_version),
                field(_APPLICATION, output.application.raw),
            )
        )
        return Outgoing(IDENTIFIED, output.claim_unit_id, value, trace)


def _credential_of(message: registry_pb2.RegistryRecord) -> Credential:
    record = message.credential
    return Credential(
        version=message.version,
        resident_id=record.resident_id,
        claim_unit_id=record.claim_unit_id,
        municipality_code=record.municipality_code,
        valid_from=record.valid_from,
        valid_until=record.valid_until,
    )
