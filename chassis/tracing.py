"""W3C trace context: one id follows a request through HTTP, gRPC and Kafka headers.

Only ids are carried; no baggage, so nothing about a person can ride along.
"""

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

TRACEPARENT: Final = "traceparent"
_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_SAMPLED: Final = 0x01


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Trace id (32 hex digits), span id (16 hex digits) and the sampled flag."""

    trace_id: str
    span_id: str
    sampled: bool = True

    def format(self) -> str:
        """The `traceparent` value."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.sampled else 0:02x}"

    def child(self) -> "TraceContext":
        """The same trace with a new span."""
        return TraceContext(self.trace_id, os.urandom(_SPAN_ID_BYTES).hex(), self.sampled)


def new_trace() -> TraceContext:
    """The first span of a new trace."""
    return TraceContext(os.urandom(_TRACE_ID_BYTES).hex(), os.urandom(_SPAN_ID_BYTES).hex())


def parse(traceparent: str | bytes | None) -> TraceContext | None:
    """The context of a header, or None when it is absent or malformed (then start a new trace)."""
    if traceparent is None:
        return None
    text = traceparent.decode("ascii", "replace") if isinstance(traceparent, bytes) else traceparent
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    trace_id, span_id, flags = match.groups()
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


_current: ContextVar[TraceContext | None] = ContextVar("kyufu_trace", default=None)


def current() -> TraceContext | None:
    """The trace of the running request, if one was entered."""
    return _current.get()


def enter(context: TraceContext | None) -> None:
    """Make `context` the trace of the running task or thread."""
    _current.set(context)


def child(traceparent: str | bytes | None) -> str:
    """The header to send on: a child of the given one, or a new trace."""
    parent = parse(traceparent)
    return (parent.child() if parent is not None else new_trace()).format()
