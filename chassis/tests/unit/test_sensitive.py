"""Sensitive: masked everywhere but on demand."""

import pickle

import pytest

from chassis.sensitive import Sensitive


def test_every_way_to_print_is_masked() -> None:
    value = Sensitive("テスト")
    assert {str(value), repr(value), f"{value}", f"{value:>20}", format(value)} == {"[sensitive]"}


def test_the_value_is_revealed_on_demand() -> None:
    assert Sensitive(7).reveal() == 7


def test_equality_compares_the_values() -> None:
    assert Sensitive("a") == Sensitive("a")
    assert Sensitive("a") != Sensitive("b")
    assert Sensitive("a") != "a"


def test_pickling_is_refused() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Sensitive("a"))
