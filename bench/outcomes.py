"""Outcomes as benches count them: stage, outcome and reasons in words."""

from functools import lru_cache

from kyufu.events.v1 import applications_pb2, common_pb2

from bench.town.mix import Outcome


def outcome_of(message: applications_pb2.ApplicationDecided) -> Outcome:
    """As `Town.expected` names it."""
    return _named(message.stage, message.outcome, tuple(message.reasons))


@lru_cache(maxsize=4096)
def _named(
    stage: common_pb2.Stage.ValueType,
    outcome: common_pb2.Outcome.ValueType,
    reasons: tuple[common_pb2.Reason.ValueType, ...],
) -> Outcome:
    names = [common_pb2.Reason.Name(each).removeprefix("REASON_") for each in reasons]
    return (
        common_pb2.Stage.Name(stage).removeprefix("STAGE_"),
        common_pb2.Outcome.Name(outcome).removeprefix("OUTCOME_"),
        " ".join(names),
    )
