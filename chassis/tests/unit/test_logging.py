"""Logs: one JSON object a line, and nothing personal passes."""

import json
import logging
from collections.abc import Iterator

import psycopg.errors
import pytest

from chassis.logging import configure, error_text, get_logger
from chassis.sensitive import Sensitive


@pytest.fixture(autouse=True)
def _restored_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line_carries_service_time_level_and_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("example", "INFO")
    get_logger().info("file released", batch="b1", size_bytes=120)
    (line,) = _lines(capsys)
    assert line["service"] == "example"
    assert line["level"] == "info"
    assert line["event"] == "file released"
    assert line["size_bytes"] == 120
    assert str(line["time"]).endswith("Z")


def test_sensitive_values_are_masked_wherever_they_stand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("example", "INFO")
    secret = Sensitive("ﾃｽﾄ ﾀﾛｳ")
    get_logger().info("seen", value=secret, nested={"list": [secret, {"deep": secret}]})
    captured = capsys.readouterr().err
    assert "ﾃｽﾄ" not in captured
    assert captured.count("[sensitive]") == 3


@pytest.mark.parametrize(
    "key",
    ["name", "holder_name", "kana", "name_kana", "address", "email", "phone", "account_number",
     "token", "client_token", "authorization"],
)  # fmt: skip
def test_denied_keys_are_masked(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure("example", "INFO")
    get_logger().info("seen", **{key: "テスト値"})
    (line,) = _lines(capsys)
    assert line[key] == "[sensitive]"


def test_plain_keys_of_things_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configure("example", "INFO")
    get_logger().info("seen", topic_name="holds.v1", partition=3)
    (line,) = _lines(capsys)
    assert line["topic_name"] == "holds.v1"


def test_the_standard_library_logs_through_the_same_pipeline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("example", "INFO")
    logging.getLogger("some.library").warning("retrying %d", 3, extra={})
    (line,) = _lines(capsys)
    assert line["event"] == "retrying 3"
    assert line["library"] == "some.library"
    assert line["service"] == "example"


def test_lines_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    configure("example", "WARNING")
    get_logger().info("quiet")
    logging.getLogger("some.library").info("quiet")
    assert _lines(capsys) == []


def test_an_exception_is_told_by_type_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    configure("example", "INFO")
    try:
        raise ValueError("first line\nrow (テスト, 1234567)")
    except ValueError as error:
        get_logger().error("failed", exc_info=error)
    (line,) = _lines(capsys)
    assert "1234567" not in json.dumps(line, ensure_ascii=False)
    errors = line["error"]
    assert isinstance(errors, list)
    assert errors[0]["type"] == "builtins.ValueError"
    assert errors[0]["text"] == "first line"
    assert "test_logging.py" in errors[0]["frames"][-1]


def test_database_errors_shrink_to_their_code() -> None:
    error = psycopg.errors.UniqueViolation("Key (kana)=(ﾃｽﾄ) already exists")
    assert error_text(error) == "sqlstate 23505"


def test_bytes_are_shown_as_hex(capsys: pytest.CaptureFixture[str]) -> None:
    configure("example", "INFO")
    get_logger().info("seen", event_id=b"\x01\xff")
    (line,) = _lines(capsys)
    assert line["event_id"] == "01ff"
