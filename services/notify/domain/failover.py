"""Which SMS provider is asked or told next: never two that might both deliver (INV-9).

A provider that gave no clear answer may hold the message. It is asked by the delivery's key before
another is told; one that stays silent for a bounded number of asks is given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# A silent provider is asked again in that many further attempts before the next one is told.
UNANSWERED_ASKS_MAX: Final = 2


class Answer(StrEnum):
    """What a provider said, to a message or to a question about one."""

    ACCEPTED = "accepted"
    # It has the message not (a question), or took it not and said so.
    ABSENT = "absent"
    # The message itself is bad, for instance the number; another provider would say the same.
    REFUSED = "refused"
    # The connection was never made: it cannot hold the message.
    NOT_REACHED = "not_reached"
    # Time-out, broken connection, server error: it may hold the message.
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this provider whether it holds the message."""

    provider: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Hand the message to this provider."""

    provider: str


@dataclass(frozen=True, slots=True)
class Done:
    """This provider has it."""

    provider: str


@dataclass(frozen=True, slots=True)
class Stop:
    """No retry will help."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again later. `unanswered`: a provider may hold the message and did not say."""

    unanswered: bool


Step = Ask | Tell | Done | Stop | Wait


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question or message of this attempt and what came back."""

    step: Ask | Tell
    answer: Answer


def still_held(may_hold: frozenset[str], exchanges: Sequence[Exchange]) -> frozenset[str]:
    """The providers that may hold the message after this attempt."""
    held = set(may_hold)
    for exchange in exchanges:
        told = isinstance(exchange.step, Tell)
        cleared = (Answer.ABSENT, Answer.NOT_REACHED) if told else (Answer.ABSENT,)
        if exchange.answer in cleared:
            held.discard(exchange.step.provider)
        elif told:
            held.add(exchange.step.provider)
    return frozenset(held)


def next_step(
    providers: Sequence[str],
    may_hold: frozenset[str],
    unanswered_asks: int,
    exchanges: Sequence[Exchange],
) -> Step:
    """The next thing to do in one attempt.

    `may_hold`: providers told in an earlier attempt; `unanswered_asks`: earlier attempts that ended
    because one of them did not answer. Bound: each provider is asked at most twice and told once.
    """
    open_questions = [provider for provider in providers if provider in may_hold]
    told: set[str] = set()
    given_up: set[str] = set()
    for exchange in exchanges:
        provider, answer = exchange.step.provider, exchange.answer
        if answer is Answer.ACCEPTED:
            return Done(provider)
        if isinstance(exchange.step, Tell):
            told.add(provider)
            if answer is Answer.REFUSED:
                return Stop()
            if answer is Answer.UNCLEAR:
                open_questions.append(provider)
        elif answer in (Answer.ABSENT, Answer.REFUSED):
            open_questions.remove(provider)
        else:
            open_questions.remove(provider)
            given_up.add(provider)
    if open_questions:
        return Ask(open_questions[0])
    if given_up and unanswered_asks < UNANSWERED_ASKS_MAX:
        return Wait(unanswered=True)
    for provider in providers:
        if provider not in told and provider not in given_up:
            return Tell(provider)
    return Wait(unanswered=bool(given_up))
