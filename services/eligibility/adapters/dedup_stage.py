"""dedup on the stage runner. Reads applications.identified, registers of households, accounts and
separations, answers (applications.decided and payments.events, each with its protected twin),
reviews.resolved.dedup and clock.ticks; writes applications.deduplicated(.protected), outcomes,
reviews and holds.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from kyufu.events.v1 import applications_pb2, payments_pb2, registry_pb2, reviews_pb2

from chassis.streams import Incoming, Outgoing, StateView
from services.eligibility.adapters.claim_messages import (
    claim_value,
    feedback_of_decision,
    feedback_of_payment,
    release_message,
)
from services.eligibility.adapters.messages import (
    ID_BYTES,
    Submissions,
    application_of,
    check_application,
    check_party,
    party_of,
    reasons_of,
    require,
)
from services.eligibility.adapters.register_messages import (
    account_of,
    check_record,
    household_of,
    separation_of,
)
from services.eligibility.adapters.stage_base import (
    CLOCK,
    DECIDED,
    DECIDED_PROTECTED,
    HOLDS,
    REVIEWS,
    REVIEWS_PROTECTED,
    StageBase,
)
from services.eligibility.domain import registers, waiting
from services.eligibility.domain.claim_states import unit_key
from services.eligibility.domain.dedup import Dedup
from services.eligibility.domain.emitting import Claim, Output, Release
from services.eligibility.domain.feedback import Feedback
from services.eligibility.domain.identify import Identified
from services.eligibility.domain.looks import Entry
from services.eligibility.domain.registers import Register
from services.eligibility.domain.words import Resolution
from services.eligibility.ports import StageMeter

IDENTIFIED = "applications.identified"
DEDUPLICATED = "applications.deduplicated"
DEDUPLICATED_PROTECTED = "applications.deduplicated.protected"
PAYMENTS = "payments.events"
PAYMENTS_PROTECTED = "payments.events.protected"
RESOLVED = "reviews.resolved.dedup"
ACCOUNTS = "registry.accounts"
_TABLE_KEYS = {
    "registry.households": registers.household_key,
    ACCOUNTS: registers.accounts_key,
    "registry.separations": registers.separation_key,
}
REGISTERS = tuple(_TABLE_KEYS)


class DedupStage(StageBase):
    """Topics and messages around `domain.dedup`."""

    name = "dedup"
    version = 2
    inputs: Sequence[str] = (
        IDENTIFIED, *REGISTERS, DECIDED, DECIDED_PROTECTED, PAYMENTS, PAYMENTS_PROTECTED,
        RESOLVED, CLOCK,
    )  # fmt: skip
    tables: Sequence[str] = REGISTERS
    outputs: Sequence[str] = (
        DEDUPLICATED, DEDUPLICATED_PROTECTED, DECIDED, DECIDED_PROTECTED, REVIEWS,
        REVIEWS_PROTECTED, HOLDS,
    )  # fmt: skip
    stage_event = applications_pb2.ApplicationIdentified

    def __init__(self, rules: Dedup, meter: StageMeter) -> None:
        super().__init__(meter)
        self._rules = rules
        self._programmes = rules.looks.programmes
        self._handlers = {
            IDENTIFIED: self._identified,
            DECIDED: self._decision,
            DECIDED_PROTECTED: self._decision,
            PAYMENTS: self._payment,
            PAYMENTS_PROTECTED: self._payment,
            RESOLVED: self._resolved,
            CLOCK: self._tick,
            **dict.fromkeys(REGISTERS, self._register),
        }
        self._checkers = {
            IDENTIFIED: self.check_event,
            DECIDED: self._check_answer,
            DECIDED_PROTECTED: self._check_answer,
            PAYMENTS: self._check_payment,
            PAYMENTS_PROTECTED: self._check_payment,
            RESOLVED: self.check_resolved,
            CLOCK: self.check_tick,
            **dict.fromkeys(REGISTERS, self._check_register),
        }

    def state_keys(self, batch: Sequence[Incoming]) -> Iterable[bytes]:
        """What the batch is about; answers of link and decide mostly change and read nothing."""
        yield waiting.clock_key()
        for rules in self._programmes.values():
            for register in (Register.HOUSEHOLDS, Register.ACCOUNTS, Register.SEPARATIONS):
                yield registers.complete_key(rules.snapshot_id, register)
        for incoming in batch:
            topic, claim_unit_id = incoming.topic, incoming.key[:ID_BYTES]
            if topic in (IDENTIFIED, RESOLVED, PAYMENTS, PAYMENTS_PROTECTED):
                yield registers.household_key(claim_unit_id)
                yield registers.separation_key(claim_unit_id)
                for programme in self._programmes:
                    yield unit_key(claim_unit_id, programme)
            elif topic in _TABLE_KEYS:
                yield _TABLE_KEYS[topic](claim_unit_id)

    def reload(self, batch: Sequence[Incoming], state: StateView) -> None:
        """Households, accounts, separations and completeness marks, once more."""
        for incoming in batch:
            message: Any = incoming.message
            kind = message.WhichOneof("record")
            if kind == "household":
                registers.load_household(state, incoming.key, household_of(message), again=True)
            elif kind == "account":
                account = account_of(message)
                registers.load_account(state, incoming.key[:ID_BYTES], account, again=True)
            elif kind == "separation":
                registers.load_separation(state, incoming.key, separation_of(message), again=True)
            else:
                register = Register(message.complete.register)
                registers.set_complete(state, message.snapshot_id, register)

    # -- checks -----------------------------------------------------------------------------

    def check_event(
        self, message: applications_pb2.ApplicationIdentified, incoming: Incoming
    ) -> None:
        """An identified application of a known programme under its own key."""
        require(message.application.programme in self._programmes, "unknown_programme")
        check_application(message.application)
        require(len(message.resident_id) == ID_BYTES, "bad_resident_id")
        require(message.claim_unit_id == incoming.key, "wrong_key")
        require(len(incoming.key) == ID_BYTES, "bad_claim_unit_id")

    def _check_register(self, message: registry_pb2.RegistryRecord, incoming: Incoming) -> None:
        self.check_registry(message, incoming)
        check_record(message, incoming.key)

    def _check_answer(
        self, message: applications_pb2.ApplicationDecided, incoming: Incoming
    ) -> None:
        require(message.programme in self._programmes, "unknown_programme")
        # identify knows no claim unit: what it writes lies under the application's id.
        claim_unit_id = message.claim_unit_id
        require(not claim_unit_id or claim_unit_id == incoming.key, "wrong_key")
        check_party(message.party)

    def _check_payment(self, message: payments_pb2.PaymentEvent, incoming: Incoming) -> None:
        require(message.programme in self._programmes, "unknown_programme")
        require(message.claim_unit_id == incoming.key, "wrong_key")
        check_party(message.party)
        feedback_of_payment(message)

    # -- handlers ---------------------------------------------------------------------------

    def _identified(
        self,
        message: applications_pb2.ApplicationIdentified,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        entry = _entry_of(message, incoming.value, incoming.offset, submissions)
        return self._rules.take_application(state, entry)

    def _register(
        self,
        message: registry_pb2.RegistryRecord,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        kind = message.WhichOneof("record")
        if kind == "household":
            return self._rules.take_household(state, incoming.key, household_of(message))
        if kind == "account":
            return self._rules.take_account(
                state, message.account.claim_unit_id, account_of(message)
            )
        if kind == "separation":
            return self._rules.take_separation(state, incoming.key, separation_of(message))
        register = Register(message.complete.register)
        return self._rules.take_complete(state, message.snapshot_id, register)

    def _decision(
        self,
        message: applications_pb2.ApplicationDecided,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        return self._feedback(message, feedback_of_decision(message), message.decided_at_ms, state)

    def _payment(
        self,
        message: payments_pb2.PaymentEvent,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        return self._feedback(message, feedback_of_payment(message), message.occurred_at_ms, state)

    def _feedback(
        self, message: Any, answer: Feedback | None, at_ms: int, state: StateView
    ) -> list[Output]:
        if answer is None:
            return []
        return self._rules.take_feedback(
            state,
            message.claim_unit_id,
            message.programme,
            party_of(message.party),
            message.event_id,
            answer,
            at_ms,
        )

    def _resolved(
        self,
        message: reviews_pb2.ReviewResolved,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        # The place of the first acceptance is not known here, and no record is this one again.
        event = self.parse_event(message)
        entry = _entry_of(event, message.stage_event, -1, submissions)
        return self._rules.take_resolution(
            state,
            entry,
            message.review_id,
            Resolution(message.resolution),
            reasons_of(message.reasons),
            message.resolved_at_ms,
        )

    def _tick(
        self, message: Any, incoming: Incoming, state: StateView, submissions: Submissions
    ) -> list[Output]:
        return self._rules.take_tick(state, message.at_ms)

    def _encode_onward(
        self, output: Any, submissions: Submissions, trace: str | None
    ) -> Outgoing | None:
        if isinstance(output, Claim):
            self._meter.outcome(
                self.name, "onward", max(0, output.at_ms - output.submitted_at_ms) / 1000
            )
            topic = DEDUPLICATED_PROTECTED if output.party.protected else DEDUPLICATED
            key = output.account_fingerprint or output.claim_unit_id
            return Outgoing(topic, key, claim_value(output, submissions), trace)
        if isinstance(output, Release):
            topic = DEDUPLICATED_PROTECTED if output.party.protected else DEDUPLICATED
            return Outgoing(topic, output.account_fingerprint, release_message(output), trace)
        return super()._encode_onward(output, submissions, trace)


def _entry_of(
    message: applications_pb2.ApplicationIdentified,
    value: bytes,
    position: int,
    submissions: Submissions,
) -> Entry:
    raw = submissions.remember(message.application)
    identified = Identified(
        event_id=message.event_id,
        causing_event_id=message.causing_event_id,
        application=application_of(message.application, raw),
        resident_id=message.resident_id,
        claim_unit_id=message.claim_unit_id,
        municipality_code=message.municipality_code,
        snapshot_id=message.snapshot_id,
        register_version=message.register_version,
    )
    return Entry(identified, position, value)
