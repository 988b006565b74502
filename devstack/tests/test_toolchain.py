"""Java's version, the choice of a runtime, and the pinned jars."""

from pathlib import Path

import pytest

from devstack.errors import SetupError
from devstack.toolchain import (
    KAFKA_FILES,
    choose_java,
    kafka_jars,
    parse_java_major,
    read_hashes,
    verify_jars,
)

OLD, NEW, WHEEL = Path("/old/java"), Path("/new/java"), Path("/wheel/java")


@pytest.mark.parametrize(
    ("banner", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('openjdk version "21-ea" 2023-09-19', 21),
        ('java version "1.8.0_292"', 8),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "11.0.2" 2019-01-15', 11),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_the_major_version_is_read_from_the_banner(banner: str, major: int | None) -> None:
    assert parse_java_major(banner) == major


def test_the_machines_java_is_taken_when_it_is_new_enough() -> None:
    assert choose_java([(OLD, 16), (NEW, 17)], WHEEL) == NEW


def test_an_old_java_gives_way_to_the_wheels() -> None:
    assert choose_java([(OLD, 16)], WHEEL) == WHEEL


def test_without_any_java_the_error_says_what_was_seen_and_what_to_do() -> None:
    with pytest.raises(SetupError, match=r"Java 17 or newer \(/old/java is 16\): install one"):
        choose_java([(OLD, 16)], None)


def test_missing_maven_is_named_with_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="apt-get install maven"):
        kafka_jars(tmp_path, NEW, {"PATH": str(tmp_path)})


def test_a_changed_a_missing_and_an_unlisted_jar_are_each_found(tmp_path: Path) -> None:
    (tmp_path / "changed.jar").write_bytes(b"other")
    (tmp_path / "extra.jar").write_bytes(b"x")
    assert verify_jars(tmp_path, {"changed.jar": "0" * 64, "gone.jar": "0" * 64}) == [
        "gone.jar is missing",
        "extra.jar is not in the list",
        "changed.jar has another SHA-256",
    ]


def test_the_pinned_list_names_kafka_and_a_logging_binding() -> None:
    hashes = read_hashes(KAFKA_FILES / "jars.sha256")
    assert "kafka_2.13-4.3.1.jar" in hashes
    assert any(name.startswith("log4j-slf4j-impl-") for name in hashes)
    assert all(len(digest) == 64 for digest in hashes.values())
