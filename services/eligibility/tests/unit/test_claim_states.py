"""What dedup keeps of a household in state: short, without loss, and never guessed at."""

import pytest

from services.eligibility.domain import claim_states
from services.eligibility.domain.claim_states import UnknownLayout
from services.eligibility.tests.pipeline import DictState, Pipeline
from services.eligibility.tests.town import PROGRAMME, form, home

HOME = home(1)
HOT_BYTES_MAX = 170


def _state_after_one_claim() -> DictState:
    pipeline = Pipeline()
    pipeline.register(HOME)
    pipeline.submit(form(HOME))
    pipeline.run()
    return pipeline.states["dedup"]


def test_a_household_with_one_claim_takes_few_bytes() -> None:
    state = _state_after_one_claim()
    assert len(state.values[claim_states.unit_key(HOME.unit, PROGRAMME)]) <= HOT_BYTES_MAX


def test_a_claim_unit_comes_out_of_state_as_it_went_in() -> None:
    unit = claim_states.load_unit(_state_after_one_claim(), HOME.unit, PROGRAMME)
    assert unit.parties[0].revisions[0].application_id == form(HOME).application_id
    encoded = claim_states.encode_unit(unit, HOME.unit)
    assert claim_states.decode_unit(encoded, HOME.unit) == unit


def test_the_application_itself_stands_in_the_cold_record() -> None:
    state = _state_after_one_claim()
    cold = claim_states.load_cold(state, HOME.unit, form(HOME).application_id)
    assert form(HOME).application_id in cold.raw


def test_an_unknown_layout_is_an_error() -> None:
    state = DictState()
    state.put(claim_states.unit_key(HOME.unit, PROGRAMME), b"\x63rest")
    with pytest.raises(UnknownLayout):
        claim_states.load_unit(state, HOME.unit, PROGRAMME)
