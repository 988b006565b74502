"""INV-9 for SMS: over every combination of provider behaviour at most one copy is kept."""

from itertools import product

import pytest

from services.notify.domain.failover import (
    UNANSWERED_ASKS_MAX,
    Answer,
    Ask,
    Done,
    Exchange,
    Stop,
    Tell,
    Wait,
    next_step,
    still_held,
)
from services.notify.tests.fakes import Provider

NAMES = ("a", "b")
# told, asked, keeps what it was told: everything an honest provider can do.
BEHAVIOURS = [
    (Answer.ACCEPTED, Answer.ACCEPTED, True),
    (Answer.NOT_REACHED, Answer.UNCLEAR, False),
    (Answer.ABSENT, Answer.ABSENT, False),
    (Answer.REFUSED, Answer.ABSENT, False),
    (Answer.UNCLEAR, Answer.ABSENT, False),
    (Answer.UNCLEAR, Answer.ACCEPTED, True),
]
STEPS_MAX = 7
ATTEMPTS_MAX = 6


def _attempts(providers: dict[str, Provider]) -> str:
    """Attempts as the adapter makes them, until an end."""
    may_hold: frozenset[str] = frozenset()
    unanswered = 0
    for _ in range(ATTEMPTS_MAX):
        exchanges: list[Exchange] = []
        for _ in range(STEPS_MAX):
            match next_step(NAMES, may_hold, unanswered, exchanges):
                case Tell(name) as step:
                    exchanges.append(Exchange(step, providers[name].tell()))
                case Ask(name) as step:
                    held = providers[name].holds > 0
                    asked = providers[name].asked
                    answer = Answer.ACCEPTED if held and asked is not Answer.UNCLEAR else asked
                    exchanges.append(Exchange(step, answer))
                case Done(name):
                    return f"done {name}"
                case Stop():
                    return "stop"
                case Wait(asked_in_vain):
                    may_hold = still_held(may_hold, exchanges)
                    unanswered += int(asked_in_vain)
                    break
        else:
            raise AssertionError("an attempt does not end")
    return "gave up"


@pytest.mark.parametrize(("first", "second"), list(product(BEHAVIOURS, repeat=2)))
def test_at_most_one_provider_keeps_the_message(
    first: tuple[Answer, Answer, bool], second: tuple[Answer, Answer, bool]
) -> None:
    providers = {"a": Provider(*first), "b": Provider(*second)}
    end = _attempts(providers)
    copies = sum(min(provider.holds, 1) for provider in providers.values())
    assert copies <= 1
    assert end.startswith("done") == (copies == 1)


def test_a_provider_silent_in_everything_is_given_up_after_its_bound_and_not_before() -> None:
    told = [Exchange(Tell("a"), Answer.UNCLEAR), Exchange(Ask("a"), Answer.UNCLEAR)]
    for unanswered in range(UNANSWERED_ASKS_MAX):
        assert next_step(NAMES, frozenset(), unanswered, told) == Wait(unanswered=True)
    assert next_step(NAMES, frozenset(), UNANSWERED_ASKS_MAX, told) == Tell("b")


def test_a_provider_told_before_a_crash_is_asked_before_anybody_is_told() -> None:
    assert next_step(NAMES, frozenset({"b"}), 0, []) == Ask("b")
    asked = [Exchange(Ask("b"), Answer.ABSENT)]
    assert next_step(NAMES, frozenset({"b"}), 0, asked) == Tell("a")
    assert still_held(frozenset({"b"}), asked) == frozenset()
