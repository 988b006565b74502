"""JSON logs on stderr: one line an event, a constant message and structured fields.

Invariants: every line passes the redaction, also lines of third-party libraries, and no exception's
own words are printed beyond its first line: databases quote row values in the rest.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, cast

import structlog

from chassis.sensitive import MASK, Sensitive

_DENIED_WORDS = frozenset(
    {
        "kana", "address", "phone", "email", "mail", "token", "password", "secret", "pepper",
        "authorization", "cookie", "birth", "plaintext", "payload", "holder", "mobile",
    }
)  # fmt: skip
_DENIED_KEYS = frozenset({"name", "account_number", "account", "my_number", "contact", "body"})
_NAMES_OF_THINGS = frozenset(
    {"topic_name", "thread_name", "logger_name", "stage_name", "process_name", "host_name"}
)
_DEPTH_MAX = 6
_MESSAGE_LENGTH_MAX = 200
_FRAMES_MAX = 30
_CAUSES_MAX = 5
_QUIET_LIBRARIES = ("aiokafka", "faust", "mode", "uvicorn.access", "asyncio", "alembic")


def configure(service: str, level: str = "INFO") -> None:
    """Route structlog and the standard library's logging through one redacting JSON pipeline."""
    structlog.contextvars.clear_contextvars()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _service_adder(service),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        render_exception,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_level_number(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_drop_foreign_arguments, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=_json_default),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_level_number(level))
    for library in _QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, _level_number(level)))


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """The process's logger: `log.info("constant message", field=value)`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger())


def redact(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask sensitive values and denied keys, in nested mappings and sequences too."""
    for key, value in list(event.items()):
        event[key] = MASK if _is_denied(key) else _masked(value, _DEPTH_MAX)
    return event


def render_exception(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Turn `exc_info` into types, first lines and places in the code; never whole messages."""
    info = event.pop("exc_info", None)
    if not info:
        return event
    if info is True:
        error = sys.exc_info()[1]
    elif isinstance(info, BaseException):
        error = info
    else:
        error = info[1]
    if error is not None:
        event["error"] = describe_error(error)
    return event


def describe_error(error: BaseException) -> list[dict[str, Any]]:
    """The error and its causes, outermost first, safe to log."""
    described: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(described) < _CAUSES_MAX:
        described.append(
            {
                "type": f"{type(current).__module__}.{type(current).__qualname__}",
                "text": error_text(current),
                "frames": _frames(current),
            }
        )
        current = current.__cause__ or current.__context__
    return described


def error_text(error: BaseException) -> str:
    """One short line for an error. Database errors shrink to their code and constraint, because
    the server's own words quote the row.
    """
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate is not None:
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
        return f"sqlstate {sqlstate}" + (f", constraint {constraint}" if constraint else "")
    lines = str(error).splitlines()
    return lines[0][:_MESSAGE_LENGTH_MAX] if lines else ""


def _frames(error: BaseException) -> list[str]:
    frames: list[str] = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        frames.append(f"{code.co_filename}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return frames[-_FRAMES_MAX:]


def _is_denied(key: str) -> bool:
    lowered = key.lower()
    if lowered in _DENIED_KEYS:
        return True
    if lowered.endswith("_name") and lowered not in _NAMES_OF_THINGS:
        return True
    return not _DENIED_WORDS.isdisjoint(lowered.split("_"))


def _masked(value: object, depth: int) -> object:
    if isinstance(value, Sensitive):
        return MASK
    if depth == 0:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {
            str(key): MASK if _is_denied(str(key)) else _masked(inner, depth - 1)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(inner, depth - 1) for inner in value]
    return value


def _drop_foreign_arguments(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["library"] = record.name
    return event


def _service_adder(service: str) -> Any:
    def add(
        logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add


def _level_number(level: str) -> int:
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError("unknown log level")
    return number


def _json_default(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
