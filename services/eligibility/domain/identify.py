"""identify: who applies, and for which claim unit. Key: credential fingerprint.

Invariants: a credential that the register does not know is refused only when this partition of the
credentials register is complete; before that the application waits, at most until its deadline,
and then a person looks.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from services.eligibility.domain import registers, waiting
from services.eligibility.domain.days import legal_day
from services.eligibility.domain.registers import Credential, Register
from services.eligibility.domain.waiting import Waiting
from services.eligibility.domain.words import (
    Application,
    Decided,
    EventIds,
    Ignored,
    Ordinal,
    Outcome,
    Reason,
    Record,
    Resolution,
    ReviewOpened,
    Stage,
    State,
)

NAME: Final = "identify"
WAIT_MS: Final = 3_600_000
_REVIEW_PREFIX: Final = b"r"
_OPEN: Final = b"o"
_CLOSED: Final = b"x"


class Identified(Record, frozen=True):
    """The applicant is known."""

    event_id: bytes
    causing_event_id: bytes
    application: Application
    resident_id: bytes
    claim_unit_id: bytes
    municipality_code: str
    snapshot_id: str
    register_version: int


Output = Identified | Decided | ReviewOpened | Ignored

_application = msgspec.msgpack.Decoder(Application)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Identify:
    """The rules of the stage. `snapshots`: the register snapshot of each programme."""

    snapshots: dict[str, str]
    event_ids: EventIds
    wait_ms: int = WAIT_MS

    def take_credential(
        self, state: State, snapshot_id: str, credential_fingerprint: bytes, record: Credential
    ) -> list[Output]:
        """A record of the register; whoever waits for it goes on."""
        registers.load_credential(state, snapshot_id, credential_fingerprint, record)
        return self._resume(state, credential_fingerprint) if waiting.anyone(state) else []

    def take_complete(self, state: State, snapshot_id: str) -> list[Output]:
        """This partition of the register is complete; whoever still waits is answered, now or by
        the next ticks.
        """
        registers.set_complete(state, snapshot_id, Register.CREDENTIALS)
        return [
            output for owner in waiting.everyone(state) for output in self._resume(state, owner)
        ]

    def take_tick(self, state: State, at_ms: int) -> list[Output]:
        """Whoever has waited too long is looked at by a person; who need not wait goes on."""
        outputs: list[Output] = []
        for owner in waiting.tick(state, at_ms):
            for entry in waiting.take(state, owner):
                application = _application.decode(entry.body)
                if entry.deadline_ms > at_ms or self._can_answer(state, application):
                    outputs.extend(self.take_application(state, application))
                else:
                    outputs.extend(self._give_up(state, application))
        return outputs

    def _can_answer(self, state: State, application: Application) -> bool:
        snapshot_id = self.snapshots[application.programme]
        if registers.is_complete(state, snapshot_id, Register.CREDENTIALS):
            return True
        fingerprint = application.credential_fingerprint
        return registers.find_credential(state, snapshot_id, fingerprint) is not None

    def take_application(self, state: State, application: Application) -> list[Output]:
        """An application as submitted."""
        snapshot_id = self.snapshots[application.programme]
        fingerprint = application.credential_fingerprint
        known = registers.find_credential(state, snapshot_id, fingerprint)
        if known is not None:
            if known.disputed:
                return self._review(state, application, Reason.CLAIM_DISPUTED)
            return [self._answer(state, application, known)]
        if registers.is_complete(state, snapshot_id, Register.CREDENTIALS):
            return [self._refused(state, application, (Reason.NOT_IN_REGISTER,))]
        if state.get(self._review_key(application)) is not None:
            # A person has been asked; the answer goes on from there.
            return [Ignored(Stage.IDENTIFY, "application_repeated")]
        return self._park(state, application)

    def _park(self, state: State, application: Application) -> list[Output]:
        deadline_ms = waiting.now_ms(state, application.submitted_at_ms) + self.wait_ms
        entry = Waiting(application.application_id, deadline_ms, _encode(application))
        if waiting.park(state, application.credential_fingerprint, entry):
            return []
        return self._give_up(state, application)

    def take_resolution(
        self,
        state: State,
        application: Application,
        review_id: bytes,
        resolution: Resolution,
        reasons: tuple[Reason, ...],
    ) -> list[Output]:
        """A case worker has looked. Only an open review is answered, and once."""
        key = _REVIEW_PREFIX + review_id
        if state.get(key) != _OPEN:
            return [Ignored(Stage.IDENTIFY, "resolution_repeated")]
        state.put(key, _CLOSED)
        if resolution is Resolution.REFUSE:
            refused = (Reason.REVIEW_REFUSED, *reasons)
            return [self._refused(state, application, refused, review_id)]
        snapshot_id = self.snapshots[application.programme]
        known = registers.find_credential(state, snapshot_id, application.credential_fingerprint)
        if known is None and not registers.is_complete(state, snapshot_id, Register.CREDENTIALS):
            # The register may still bring it. From here on the resolution is the cause, so that a
            # further review is another one.
            return self._park(state, msgspec.structs.replace(application, event_id=review_id))
        if known is None:
            not_found = (Reason.NOT_IN_REGISTER,)
            return [self._refused(state, application, not_found, review_id)]
        return [self._answer(state, application, known)]

    def _resume(self, state: State, owner: bytes) -> list[Output]:
        return [
            output
            for entry in waiting.take(state, owner)
            for output in self.take_application(state, _application.decode(entry.body))
        ]

    def _give_up(self, state: State, application: Application) -> list[Output]:
        return self._review(state, application, Reason.REGISTER_INCOMPLETE)

    def _answer(self, state: State, application: Application, known: Credential) -> Output:
        day = legal_day(application.submitted_at_ms)
        if day < known.valid_from or 0 < known.valid_until < day:
            return self._refused(state, application, (Reason.NOT_IN_REGISTER,))
        return Identified(
            event_id=self._id(application, application.event_id, Ordinal.ONWARD),
            causing_event_id=application.event_id,
            application=application,
            resident_id=known.resident_id,
            claim_unit_id=known.claim_unit_id,
            municipality_code=known.municipality_code,
            snapshot_id=self.snapshots[application.programme],
            register_version=known.version,
        )

    def _refused(
        self,
        state: State,
        application: Application,
        reasons: tuple[Reason, ...],
        cause: bytes | None = None,
    ) -> Decided:
        return self._decided(state, application, Outcome.REFUSED, reasons, cause=cause)

    def _review(self, state: State, application: Application, reason: Reason) -> list[Output]:
        review_id = self._review_id(application)
        key = self._review_key(application)
        if state.get(key) is not None:
            return [Ignored(Stage.IDENTIFY, "application_repeated")]
        state.put(key, _OPEN)
        opened = ReviewOpened(
            review_id=review_id,
            causing_event_id=application.event_id,
            stage=Stage.IDENTIFY,
            stage_key=application.credential_fingerprint,
            stage_event=application.raw,
            application_id=application.application_id,
            programme=application.programme,
            reasons=(reason,),
            opened_at_ms=waiting.now_ms(state, application.submitted_at_ms),
        )
        waits = self._decided(state, application, Outcome.WAITING, (reason,), review_id=review_id)
        return [opened, waits]

    def _review_id(self, application: Application) -> bytes:
        return self._id(application, application.event_id, Ordinal.REVIEW)

    def _review_key(self, application: Application) -> bytes:
        return _REVIEW_PREFIX + self._review_id(application)

    def _decided(
        self,
        state: State,
        application: Application,
        outcome: Outcome,
        reasons: tuple[Reason, ...],
        *,
        cause: bytes | None = None,
        review_id: bytes = b"",
    ) -> Decided:
        causing = application.event_id if cause is None else cause
        return Decided(
            event_id=self._id(application, causing, Ordinal.DECIDED),
            causing_event_id=causing,
            application_id=application.application_id,
            programme=application.programme,
            stage=Stage.IDENTIFY,
            outcome=outcome,
            reasons=reasons,
            decided_at_ms=waiting.now_ms(state, application.submitted_at_ms),
            submitted_at_ms=application.submitted_at_ms,
            raw=application.raw,
            snapshot_id=self.snapshots[application.programme],
            review_id=review_id,
        )

    def _id(self, application: Application, causing: bytes, ordinal: Ordinal) -> bytes:
        return self.event_ids(application.application_id, 0, NAME, causing, ordinal)
