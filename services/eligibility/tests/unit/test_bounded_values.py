"""However many apply at once or with one account, no value of a changelog outgrows its record."""

import secrets

import pytest

from chassis.ids import event_id
from services.eligibility.domain import waiting
from services.eligibility.domain.emitting import Claim
from services.eligibility.domain.uses import (
    USES_MAX,
    HoldWriter,
    Uses,
    load_uses,
    others_before,
    save_uses,
)
from services.eligibility.domain.waiting import OWNERS_PER_STEP, Waiting
from services.eligibility.domain.words import Party, PartyKind
from services.eligibility.tests.pipeline import REGISTERS, DictState, Pipeline
from services.eligibility.tests.town import form, home

RECORD_BYTES_MAX = 1_000_000
ACCOUNT = b"a" * 16
DEADLINE_MS = 1_589_158_800_000


def claim_of(number: int) -> Claim:
    unit = number.to_bytes(16, "big")
    return Claim(
        event_id=unit,
        causing_event_id=unit,
        application_id=unit + b"mac4",
        programme="programme",
        submitted_at_ms=DEADLINE_MS,
        at_ms=DEADLINE_MS,
        claim_unit_id=unit,
        party=Party(PartyKind.HEAD, unit),
        revision=1,
        replaces_revision=0,
        persons=(),
        resident_id=unit,
        account_fingerprint=ACCOUNT,
        account=b"",
        municipality_code="131016",
        snapshot_id="2020-04-27",
        register_version=1,
        notes=(),
        unknown_persons=0,
        opted_out=(),
        omitted=(),
        waived=(),
        raw=b"",
    )


def test_all_who_wait_for_one_minute_are_found_again_and_no_list_is_too_large() -> None:
    state = DictState()
    owners = {secrets.token_bytes(16) for _ in range(OWNERS_PER_STEP)}
    for owner in owners:
        waiting.park(state, owner, Waiting(owner, DEADLINE_MS, b""))
    assert max(map(len, state.values.values())) < RECORD_BYTES_MAX / 40
    assert set(waiting.tick(state, DEADLINE_MS + 120_000)) == owners
    assert waiting.tick(state, DEADLINE_MS + 240_000) == []


def test_a_collectors_account_is_questioned_for_ever_and_noted_up_to_a_bound() -> None:
    uses: Uses = ()
    writer = HoldWriter(event_id, "programme", ACCOUNT, b"c" * 16, DEADLINE_MS)
    for number in range(USES_MAX):
        uses, _ = writer.settle(uses, claim_of(number), accepted=True)
    assert len(uses) == USES_MAX
    newcomer = claim_of(USES_MAX)
    assert others_before(uses, newcomer)
    assert writer.question(uses, newcomer, shared=True) == (uses, [])
    assert writer.settle(uses, newcomer, accepted=True) == (uses, [])
    assert writer.take_back(uses, newcomer.party, newcomer.revision) == (uses, [])


def test_newcomers_who_each_stop_others_stay_within_a_record() -> None:
    state = DictState()
    uses: Uses = ()
    writer = HoldWriter(event_id, "programme", ACCOUNT, b"c" * 16, DEADLINE_MS)
    for number in range(USES_MAX + 10):
        uses, _ = writer.question(uses, claim_of(number), shared=True)
    save_uses(state, "programme", ACCOUNT, uses)
    assert max(map(len, state.values.values())) < RECORD_BYTES_MAX * 0.6
    assert load_uses(state, "programme", ACCOUNT) == uses


def test_one_step_brings_on_so_many_and_the_next_ticks_the_others() -> None:
    state = DictState()
    owners = {secrets.token_bytes(16) for _ in range(OWNERS_PER_STEP + 500)}
    for owner in owners:
        waiting.park(state, owner, Waiting(owner, DEADLINE_MS, b""))
    first = waiting.everyone(state)
    waiting.park(state, b"later", Waiting(b"later", DEADLINE_MS + 3_600_000, b""))
    rest = waiting.tick(state, DEADLINE_MS - 60_000)
    assert (len(first), len(rest)) == (OWNERS_PER_STEP, 500)
    assert set(first) | set(rest) == owners
    assert waiting.tick(state, DEADLINE_MS + 120_000) == []
    assert waiting.tick(state, DEADLINE_MS + 3_720_000) == [b"later"]


@pytest.mark.parametrize("passed_ms", [1_000, 7_200_000], ids=["before", "after the deadline"])
def test_whoever_the_closing_of_a_register_left_for_later_is_decided_and_not_looked_at(
    passed_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "OWNERS_PER_STEP", 1)
    homes = (home(1, 2), home(2, 2), home(3, 2))
    strangers = tuple(form(home(number, 1)) for number in (8, 9))
    pipeline = Pipeline()
    pipeline.register(*homes, complete=False)
    forms = tuple(pipeline.submit(form(each)) for each in homes)
    for each in strangers:
        pipeline.submit(each)
    pipeline.run()
    pipeline.complete(*REGISTERS)
    pipeline.run()
    outcomes = {pipeline.outcome(each) for each in (*forms, *strangers)}
    assert "NONE" in outcomes
    for number in range(len(homes)):
        pipeline.tick(forms[0].submitted_at_ms + passed_ms + number)
        pipeline.run()
    assert {pipeline.outcome(each) for each in forms} == {"APPROVED 200000"}
    assert {pipeline.outcome(each) for each in strangers} == {"REFUSED NOT_IN_REGISTER"}
    assert pipeline.reviews() == []
