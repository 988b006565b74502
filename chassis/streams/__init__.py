"""Stages on Faust, by batches and exactly once. See README.md; services import from here."""

from chassis.streams.stage import (
    Codec,
    Incoming,
    InvalidMessage,
    Outgoing,
    StageLogic,
    StateView,
    Topics,
)

__all__ = [
    "Codec",
    "Incoming",
    "InvalidMessage",
    "Outgoing",
    "StageLogic",
    "StateView",
    "Topics",
]
