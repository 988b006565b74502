"""Trace context: W3C form only."""

import pytest

from chassis import tracing

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_header_survives_parse_and_format() -> None:
    context = tracing.parse(HEADER.encode())
    assert context is not None
    assert context.format() == HEADER


def test_a_child_keeps_the_trace_and_gets_a_span_of_its_own() -> None:
    parent = tracing.parse(HEADER)
    child = tracing.parse(tracing.child(HEADER))
    assert parent is not None
    assert child is not None
    assert child.trace_id == parent.trace_id
    assert child.span_id != parent.span_id


def test_without_a_parent_a_new_trace_begins() -> None:
    assert tracing.parse(tracing.child(None)) is not None


@pytest.mark.parametrize(
    "header",
    [None, "", "00-xyz", HEADER.upper(), "01" + HEADER[2:], HEADER + "-00",
     "00-" + "0" * 32 + "-b7ad6b7169203331-01", HEADER[:36] + "0" * 16 + "-01"],
)  # fmt: skip
def test_malformed_headers_are_ignored(header: str | None) -> None:
    assert tracing.parse(header) is None
