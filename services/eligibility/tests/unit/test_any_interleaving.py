"""Whatever comes in whatever order: at most one active claim a party, and one latest outcome each.

A stateful model plays applications, proxies, corrections, partial lists, retries, withdrawals,
answers of payments, reviews, frozen files, returns, records read twice, registers closed or
corrected late, disputed cards, the clock and lost stores, one record at a time. When everything has
come to rest, dedup's books are those of payments, and whoever waits waits for somebody's answer.
"""

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2, registry_pb2, reviews_pb2

from services.eligibility.domain import claim_states
from services.eligibility.domain.claims import RevisionKind, Standing
from services.eligibility.domain.dedup import WAIT_MS
from services.eligibility.tests.pipeline import REGISTERS, Pipeline
from services.eligibility.tests.playing import lose_store
from services.eligibility.tests.town import (
    MAY_11_MS,
    PROGRAMME,
    Form,
    Home,
    Member,
    form,
    home,
    withdrawal,
)

FAMILY = home(1, 3)
NEIGHBOURS = home(2, 2)
HEAD, FLED, CHILD = FAMILY.members
ACCOUNTS = ("1111111", "2222222")
LISTS = (
    (FAMILY.members, True),
    ((HEAD,), False),
    ((FLED, CHILD), False),
    ((HEAD, FLED), True),
)
MINUTE_MS = 60_000
PAYOUTS = ("account", "account", "cash", "registered")
STAGES = ("identify", "dedup", "link")
DEAD = replace(CHILD, died_on=20200401)
# What a later version of the register says of the two households.
CORRECTIONS = (
    (FAMILY,),
    (replace(FAMILY, members=(HEAD, FLED, DEAD)),),
    (
        replace(FAMILY, members=(HEAD, FLED)),
        replace(NEIGHBOURS, members=(*NEIGHBOURS.members, CHILD)),
    ),
    (replace(FAMILY, members=(FLED, HEAD, CHILD)),),
)


class AnyInterleaving(RuleBasedStateMachine):
    """One household with a possible separation, and a neighbour who may share an account."""

    def __init__(self) -> None:
        super().__init__()
        self.pipeline = Pipeline()
        self.forms: list[Form] = []
        self.answered: set[bytes] = set()
        self.now_ms = MAY_11_MS
        self.version = self.card_version = 1

    @initialize(apart=st.booleans(), complete=st.sampled_from((True, True, True, False)))
    def registers(self, apart: bool, complete: bool) -> None:
        if apart:
            record = FAMILY.separation(FLED)
            self.pipeline.put("registry.separations", FAMILY.unit, record)
        record = FAMILY.registered_account(HEAD, ACCOUNTS[0])
        self.pipeline.put("registry.accounts", FAMILY.unit + HEAD.resident_id, record)
        self.pipeline.register(FAMILY, NEIGHBOURS, complete=complete)
        if complete:
            self.pipeline.run()

    @rule(
        digits=st.sampled_from(ACCOUNTS),
        listed=st.sampled_from(LISTS),
        out=st.booleans(),
        payout=st.sampled_from(PAYOUTS),
    )
    def head_applies(
        self, digits: str, listed: tuple[tuple[object, ...], bool], out: bool, payout: str
    ) -> None:
        persons, complete = listed
        self._submit(
            form(FAMILY, digits=digits).but(
                key=str(len(self.forms)),
                persons=persons,
                complete=complete,
                opted_out=frozenset({CHILD} if out else ()),
                payout=payout,
            )
        )

    @rule(digits=st.sampled_from(ACCOUNTS))
    def separated_member_applies(self, digits: str) -> None:
        self._submit(
            Form(
                FLED,
                (FLED,),
                key=str(len(self.forms)),
                digits=digits,
                capacity=apps.CAPACITY_SEPARATED,
            )
        )

    @rule(digits=st.sampled_from(ACCOUNTS))
    def neighbour_applies(self, digits: str) -> None:
        self._submit(form(NEIGHBOURS, digits=digits).but(key=str(len(self.forms))))

    @rule()
    def head_withdraws(self) -> None:
        self._submit(withdrawal(FAMILY, key=str(len(self.forms))))

    @rule(digits=st.sampled_from(ACCOUNTS), member=st.sampled_from((FLED, CHILD)))
    def a_member_applies_for_the_head(self, digits: str, member: Member) -> None:
        self._submit(
            form(FAMILY, digits=digits).but(
                key=str(len(self.forms)), applicant=member, capacity=apps.CAPACITY_PROXY
            )
        )

    @rule(closed=st.sampled_from((*((each,) for each in REGISTERS), tuple(REGISTERS))))
    def registers_are_closed(self, closed: tuple[int, ...]) -> None:
        self.pipeline.complete(*closed)

    @rule(homes=st.sampled_from(CORRECTIONS), newer=st.booleans())
    def a_household_is_corrected(self, homes: tuple[Home, ...], newer: bool) -> None:
        self.version += newer
        for each in homes:
            record = each.household(self.version if newer else self.version - 1)
            self.pipeline.put("registry.households", each.unit, record)

    @rule(owner=st.sampled_from((HEAD, FLED)), newer=st.booleans())
    def a_card_is_given_to(self, owner: Member, newer: bool) -> None:
        """The head's card; given to two persons in one version it is disputed."""
        self.card_version += newer
        record = registry_pb2.RegistryRecord()
        record.CopyFrom(FAMILY.credentials(self.card_version)[0])
        record.credential.resident_id = owner.resident_id
        key = HEAD.credential + record.snapshot_id.encode()
        self.pipeline.put("registry.credentials", key, record)

    @rule(minutes=st.sampled_from((1, 30, 61)))
    def the_clock_goes_on(self, minutes: int) -> None:
        self.now_ms += minutes * MINUTE_MS
        self.pipeline.tick(self.now_ms)

    @rule(name=st.sampled_from(STAGES))
    def a_stage_loses_its_store(self, name: str) -> None:
        lost = self.pipeline.states[name].values
        lose_store(self.pipeline, name)
        assert self.pipeline.states[name].values == lost, "a lost store comes back otherwise"

    @rule()
    def evidence_of_separation_comes_late(self) -> None:
        self.pipeline.put("registry.separations", FAMILY.unit, FAMILY.separation(FLED, version=2))

    @precondition(lambda self: self.forms)
    @rule(data=st.data())
    def a_request_is_retried(self, data: st.DataObject) -> None:
        self.pipeline.submit(data.draw(st.sampled_from(self.forms)))

    @precondition(lambda self: self.pipeline.ready())
    @rule(data=st.data(), steps=st.integers(1, 12))
    def something_goes_on(self, data: st.DataObject, steps: int) -> None:
        for _ in range(steps):
            ready = self.pipeline.ready()
            if ready:
                self.pipeline.step(*data.draw(st.sampled_from(ready)))

    @rule()
    def everything_comes_to_rest(self) -> None:
        self.pipeline.run()

    @precondition(lambda self: self.pipeline.reviews())
    @rule(data=st.data(), accept=st.sampled_from((True, True, False)))
    def a_case_worker_answers(self, data: st.DataObject, accept: bool) -> None:
        """Sometimes once more, and otherwise than before."""
        review = data.draw(st.sampled_from(self._unanswered() or self.pipeline.reviews()))
        self.answered.add(review.review_id)
        answer = reviews_pb2.RESOLUTION_ACCEPT if accept else reviews_pb2.RESOLUTION_REFUSE
        self.pipeline.resolve(review, answer, self.now_ms)

    @rule(party=st.sampled_from((FAMILY.unit, FLED.resident_id)), back=st.booleans())
    def a_file_is_frozen_or_money_comes_back(self, party: bytes, back: bool) -> None:
        live = self.pipeline.payments.live((FAMILY.unit, party))
        held = self.pipeline.holds_on(FAMILY)
        if live is not None and live.station == "PLANNED" and not held:
            self.pipeline.freeze(FAMILY, party)
        elif live is not None and live.station == "FROZEN" and back:
            self.pipeline.give_back(FAMILY, party)

    @precondition(lambda self: self.pipeline.topics.get("applications.identified"))
    @rule(data=st.data())
    def a_record_is_read_twice(self, data: st.DataObject) -> None:
        stage = data.draw(st.sampled_from(self.pipeline.stages))
        read = {
            topic: len(self.pipeline.topics.get(topic, ())) - len(queue)
            for topic, queue in self.pipeline.queues[stage.name].items()
        }
        topic = data.draw(st.sampled_from(stage.inputs))
        if read[topic] and not topic.startswith("clock"):
            offset = data.draw(st.integers(0, read[topic] - 1))
            self.pipeline.feed(stage, topic, offset)

    @invariant()
    def at_most_one_payment_of_a_party_lives(self) -> None:
        for key in self.pipeline.payments.payments:
            self.pipeline.payments.live(key)

    @invariant()
    def nobody_is_paid_twice_for_one_person(self) -> None:
        paid = [
            item.beneficiary_id
            for key in self.pipeline.payments.payments
            if (live := self.pipeline.payments.live(key))
            for item in live.decision.items
        ]
        assert len(paid) == len(set(paid))

    def teardown(self) -> None:
        self.pipeline.run()
        # Whoever still waits, as for a head's claim that nobody answers, comes before a person.
        self.pipeline.tick(self.now_ms + WAIT_MS + MINUTE_MS)
        self.pipeline.run()
        for name in STAGES:
            self.a_stage_loses_its_store(name)
        for each in self.forms:
            self._has_one_outcome(each)
        self._books_agree()
        assert not self.pipeline.dead

    def _unanswered(self) -> list[reviews_pb2.ReviewOpened]:
        reviews = self.pipeline.reviews()
        return [each for each in reviews if each.review_id not in self.answered]

    def _submit(self, application: Form) -> None:
        self.forms.append(self.pipeline.submit(application))

    def _has_one_outcome(self, application: Form) -> None:
        last = self.pipeline.latest(application)
        assert last is not None, "an application without an outcome"
        if last.outcome == common_pb2.OUTCOME_WAITING:
            asked = [review.review_id for review in self._unanswered()]
            assert last.review_id in asked, "an application waits, and nobody is asked about it"
        if last.outcome == common_pb2.OUTCOME_APPROVED:
            live = self.pipeline.payments.live((last.claim_unit_id, last.party.party_id))
            assert live is not None, "approved, and no payment lives"
            assert live.decision.application_id == application.application_id

    def _books_agree(self) -> None:
        state = self.pipeline.states["dedup"]
        for household in (FAMILY, NEIGHBOURS):
            unit = claim_states.load_unit(state, household.unit, PROGRAMME)
            for party in unit.parties:
                planned = [
                    each.number
                    for each in party.revisions
                    if each.standing in (Standing.PLANNED, Standing.LOCKED, Standing.RETURNED)
                ]
                live = self.pipeline.payments.live((household.unit, party.party.party_id))
                assert planned == ([live.decision.revision] if live else [])
                over = [
                    each
                    for each in party.revisions
                    if each.alive and each.number < max(planned, default=0)
                ]
                assert not over, "a revision lives below the one that is paid"
                open_withdrawals = [
                    each
                    for each in party.revisions
                    if each.kind is RevisionKind.WITHDRAWAL and each.alive
                ]
                assert not open_withdrawals


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(
    max_examples=130,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
