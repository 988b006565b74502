"""link and decide on the stage runner. Reads applications.deduplicated(.protected) and
reviews.resolved.link; writes applications.decided(.protected), reviews and holds.

Sealed values are opened while a record is checked, so that the rules get opened values and a value
that does not open is set aside like any other record that cannot be taken.
"""

from collections.abc import Iterable, Sequence

from kyufu.events.v1 import applications_pb2, reviews_pb2

from chassis.streams import Incoming, StateView
from services.eligibility.adapters.claim_messages import claim_of, release_of
from services.eligibility.adapters.messages import (
    ID_BYTES,
    Submissions,
    check_application,
    party_of,
    reasons_of,
    require,
)
from services.eligibility.adapters.sealed_values import SealedValues
from services.eligibility.adapters.stage_base import (
    DECIDED,
    DECIDED_PROTECTED,
    HOLDS,
    REVIEWS,
    REVIEWS_PROTECTED,
    StageBase,
)
from services.eligibility.domain.link import Link, Output
from services.eligibility.domain.opened import Opened
from services.eligibility.domain.uses import judged_key, review_key, uses_key
from services.eligibility.domain.words import Resolution
from services.eligibility.ports import StageMeter

DEDUPLICATED = "applications.deduplicated"
DEDUPLICATED_PROTECTED = "applications.deduplicated.protected"
RESOLVED = "reviews.resolved.link"
_Place = tuple[str, int, int]


class LinkStage(StageBase):
    """Topics and messages around `domain.link` and `domain.decide`."""

    name = "link"
    version = 2
    inputs: Sequence[str] = (DEDUPLICATED, DEDUPLICATED_PROTECTED, RESOLVED)
    outputs: Sequence[str] = (DECIDED, DECIDED_PROTECTED, REVIEWS, REVIEWS_PROTECTED, HOLDS)
    stage_event = applications_pb2.ApplicationDeduplicated

    def __init__(self, rules: Link, sealed_values: SealedValues, meter: StageMeter) -> None:
        super().__init__(meter)
        self._rules = rules
        self._sealed_values = sealed_values
        # Opened in `check`, taken out in `process`: never more than the records between the two.
        self._opened: dict[_Place, Opened | None] = {}
        self._handlers = {
            DEDUPLICATED: self._deduplicated,
            DEDUPLICATED_PROTECTED: self._deduplicated,
            RESOLVED: self._resolved,
        }
        self._checkers = {
            DEDUPLICATED: self.check_event,
            DEDUPLICATED_PROTECTED: self.check_event,
            RESOLVED: self.check_resolved,
        }

    def state_keys(self, batch: Sequence[Incoming]) -> Iterable[bytes]:
        """The accounts of the batch and the reviews that it answers."""
        for incoming in batch:
            for programme in self._rules.programmes:
                yield uses_key(programme, incoming.key)
            if isinstance(incoming.message, reviews_pb2.ReviewResolved):
                yield review_key(incoming.message.review_id)
            elif isinstance(incoming.message, applications_pb2.ApplicationDeduplicated):
                yield judged_key(incoming.message.event_id)

    def check_event(
        self, message: applications_pb2.ApplicationDeduplicated, incoming: Incoming
    ) -> None:
        """A claim or release under its own key, whose sealed values open."""
        require(len(message.event_id) == ID_BYTES, "bad_event_id")
        if message.HasField("release"):
            release = message.release
            require(release.programme in self._rules.programmes, "unknown_programme")
            require(release.account_fingerprint == incoming.key, "wrong_key")
            party_of(release.party)
            return
        require(message.HasField("claim"), "no_content")
        claim = message.claim
        application, party = claim.application, claim.party
        require(application.programme in self._rules.programmes, "unknown_programme")
        check_application(application)
        require(claim.revision > 0 and bool(party.kind), "no_revision")
        party_of(party)
        reasons_of(claim.notes)
        reasons_of(claim.waived)
        key = claim.account.account_fingerprint or claim.claim_unit_id
        require(key == incoming.key, "wrong_key")
        self._opened[_place(incoming)] = self._sealed_values.open(claim)

    def check_resolved(self, message: reviews_pb2.ReviewResolved, incoming: Incoming) -> None:
        """Only claims are looked at by a person, never releases."""
        require(self.parse_event(message).HasField("claim"), "no_content")
        super().check_resolved(message, incoming)

    def _deduplicated(
        self,
        message: applications_pb2.ApplicationDeduplicated,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        if message.HasField("release"):
            return self._rules.take_release(state, release_of(message))
        return self._rules.take_claim(
            state,
            claim_of(message, submissions),
            incoming.value,
            self._take_opened(message, incoming),
        )

    def _resolved(
        self,
        message: reviews_pb2.ReviewResolved,
        incoming: Incoming,
        state: StateView,
        submissions: Submissions,
    ) -> list[Output]:
        event = self.parse_event(message)
        return self._rules.take_resolution(
            state,
            claim_of(event, submissions),
            message.stage_event,
            self._take_opened(event, incoming),
            message.review_id,
            Resolution(message.resolution),
            reasons_of(message.reasons),
            message.resolved_at_ms,
        )

    def _take_opened(
        self, message: applications_pb2.ApplicationDeduplicated, incoming: Incoming
    ) -> Opened | None:
        place = _place(incoming)
        if place in self._opened:
            return self._opened.pop(place)
        return self._sealed_values.open(message.claim)


def _place(incoming: Incoming) -> _Place:
    return incoming.topic, incoming.partition, incoming.offset
