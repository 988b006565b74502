"""A small payments for the in-memory way: one payment a party, by the rules of the contract.

It keeps its own books, which the tests compare with what dedup believes.
"""

from dataclasses import dataclass, field

from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2, payments_pb2

from chassis.ids import event_id

DEAD = frozenset({"REPLACED", "CANCELLED"})
TOO_LATE, NO_REASON = common_pb2.REASON_TOO_LATE_TO_CHANGE, common_pb2.REASON_UNSPECIFIED
REPLACEABLE = frozenset({"PLANNED", "RETURNED"})


@dataclass
class Payment:
    """One revision's payment."""

    decision: apps.ApplicationDecided
    station: str = "PLANNED"
    version: int = 1


@dataclass
class FakePayments:
    """Takes outcomes and holds; answers with payment events."""

    payments: dict[tuple[bytes, bytes], list[Payment]] = field(default_factory=dict)
    withdrawn: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    holds: dict[bytes, payments_pb2.Hold] = field(default_factory=dict)

    def take_hold(self, hold: payments_pb2.Hold) -> None:
        """The newest word on a hold counts."""
        known = self.holds.get(hold.hold_id)
        if known is None or known.version < hold.version:
            self.holds[hold.hold_id] = hold

    def active_holds(self, unit: bytes) -> set[bytes]:
        """Holds that stop a claim unit's money now."""
        return {
            hold_id
            for hold_id, hold in self.holds.items()
            if hold.active and hold.claim_unit_id == unit
        }

    def live(self, key: tuple[bytes, bytes]) -> Payment | None:
        """The party's payment that lives."""
        alive = [each for each in self.payments.get(key, []) if each.station not in DEAD]
        assert len(alive) <= 1, "two live payments of one party"
        return alive[0] if alive else None

    def take(self, decision: apps.ApplicationDecided) -> list[payments_pb2.PaymentEvent]:
        """One outcome; only approvals and withdrawals move money."""
        if decision.outcome == common_pb2.OUTCOME_APPROVED:
            return self._approve(decision)
        if decision.outcome == common_pb2.OUTCOME_WITHDRAWN and decision.replaces_revision:
            return self._withdraw(decision)
        return []

    def move(self, unit: bytes, party: bytes, station: str) -> list[payments_pb2.PaymentEvent]:
        """The live payment comes to another station."""
        payment = self.live((unit, party))
        assert payment is not None
        return [self._moved(payment, station, payment.decision.event_id)]

    def _approve(self, decision: apps.ApplicationDecided) -> list[payments_pb2.PaymentEvent]:
        key = (decision.claim_unit_id, decision.party.party_id)
        known = self.payments.setdefault(key, [])
        highest = max([each.decision.revision for each in known], default=0)
        if any(each.decision.revision == decision.revision for each in known):
            return []
        if decision.revision <= max(highest, self.withdrawn.get(key, 0)):
            return [_event(decision, "REPLACED", decision.event_id)]
        live = self.live(key)
        if live is not None and live.station not in REPLACEABLE:
            return [_event(decision, "DECISION_REFUSED", decision.event_id)]
        if self._claimed_by_another(key, decision):
            refused = _event(decision, "DECISION_REFUSED", decision.event_id)
            refused.refusal = common_pb2.REASON_ALREADY_CLAIMED
            return [refused]
        events = []
        if live is not None:
            events.append(self._moved(live, "REPLACED", decision.event_id))
        known.append(Payment(decision))
        return [*events, _event(decision, "PLANNED", decision.event_id)]

    def _claimed_by_another(
        self, key: tuple[bytes, bytes], decision: apps.ApplicationDecided
    ) -> bool:
        """Whether a live payment of another party is for one of the same persons."""
        wanted = {item.beneficiary_id for item in decision.items}
        others = [self.live(other) for other in self.payments if other != key]
        return any(
            item.beneficiary_id in wanted
            for payment in others
            if payment is not None
            for item in payment.decision.items
        )

    def _withdraw(self, decision: apps.ApplicationDecided) -> list[payments_pb2.PaymentEvent]:
        key = (decision.claim_unit_id, decision.party.party_id)
        live = self.live(key)
        if live is not None and (
            live.decision.revision > decision.replaces_revision or live.station not in REPLACEABLE
        ):
            return [_event(decision, "DECISION_REFUSED", decision.event_id)]
        self.withdrawn[key] = max(self.withdrawn.get(key, 0), decision.replaces_revision)
        if live is not None:
            return [self._moved(live, "CANCELLED", decision.event_id)]
        event = _event(decision, "CANCELLED", decision.event_id)
        event.revision = decision.replaces_revision
        return [event]

    def _moved(self, payment: Payment, station: str, cause: bytes) -> payments_pb2.PaymentEvent:
        payment.version += 1
        payment.station = station
        return _event(payment.decision, station, cause, payment.version)


def _event(
    decision: apps.ApplicationDecided, kind: str, cause: bytes, version: int = 1
) -> payments_pb2.PaymentEvent:
    refused = kind == "DECISION_REFUSED"
    return payments_pb2.PaymentEvent(
        event_id=event_id(decision.application_id, decision.revision, "pay", cause, version),
        causing_event_id=cause,
        kind=payments_pb2.PaymentEventKind.Value(f"PAYMENT_EVENT_KIND_{kind}"),
        application_id=decision.application_id,
        programme=decision.programme,
        claim_unit_id=decision.claim_unit_id,
        party=decision.party,
        revision=decision.revision,
        version=version,
        refusal=TOO_LATE if refused else NO_REASON,
        occurred_at_ms=decision.decided_at_ms,
    )
