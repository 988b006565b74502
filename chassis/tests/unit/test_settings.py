"""Settings: everything wrong is named at once, and nothing secret is shown."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.sensitive import Sensitive
from chassis.settings import SettingsError, env, load


@dataclass(frozen=True, slots=True)
class Example:
    port: int = env("X_PORT", 8080)
    bootstrap: str = env("X_BOOTSTRAP")
    start: datetime | None = env("X_START", None)
    folder: Path = env("X_FOLDER")
    password: Sensitive[str] = env("X_PASSWORD")
    peers: tuple[str, ...] = env("X_PEERS", ())
    strict: bool = env("X_STRICT", True)


COMPLETE = {
    "X_PORT": "9",
    "X_BOOTSTRAP": "127.0.0.1:1",
    "X_START": "2020-05-11T09:00:00+09:00",
    "X_FOLDER": "/tmp/x",
    "X_PASSWORD": "hidden",
    "X_PEERS": "a, b",
    "X_STRICT": "no",
}


def test_each_type_is_read_from_its_text() -> None:
    settings = load(Example, COMPLETE)
    assert settings.port == 9
    assert settings.start == datetime(2020, 5, 11, tzinfo=UTC)
    assert settings.folder == Path("/tmp/x")
    assert settings.password.reveal() == "hidden"
    assert settings.peers == ("a", "b")
    assert settings.strict is False


def test_defaults_hold_for_what_is_absent() -> None:
    needed = {key: COMPLETE[key] for key in ("X_BOOTSTRAP", "X_FOLDER", "X_PASSWORD")}
    settings = load(Example, needed)
    assert (settings.port, settings.start, settings.strict) == (8080, None, True)


def test_every_missing_and_malformed_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Example, {"X_PORT": "many", "X_START": "2020-05-11T09:00:00", "X_PASSWORD": "p"})
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "X_PORT",
        "X_BOOTSTRAP",
        "X_START",
        "X_FOLDER",
    ]


def test_a_malformed_value_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Example, COMPLETE | {"X_PORT": "verysecret"})
    assert "verysecret" not in str(caught.value)


def test_an_empty_value_counts_as_missing() -> None:
    with pytest.raises(SettingsError, match="X_BOOTSTRAP is missing"):
        load(Example, COMPLETE | {"X_BOOTSTRAP": ""})


def test_settings_do_not_print_their_secrets() -> None:
    assert "hidden" not in repr(load(Example, COMPLETE))
