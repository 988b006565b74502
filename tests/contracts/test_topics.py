"""Topics: each one in code is declared, each declared one is used by whom it says."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOPIC = re.compile(
    r'"((?:applications|payments|holds|reviews|registry|clock|notices|eligibility)'
    r'\.[a-z0-9_.]*[a-z0-9]|deadletters)"'
)
NAMED_BY_STAGE = re.compile(r"eligibility\.(\w+)\.(changelog|journal)")
# Names of the same form that are no topics.
NOT_TOPICS = re.compile(
    r"^(payments|eligibility)\.(checker_\w+|identify|dedup|link|registers|rebuild|decisions|holds)$"
)


def declared() -> dict[str, dict[str, Any]]:
    content = tomllib.loads((ROOT / "proto" / "topics.toml").read_text(encoding="utf-8"))
    return {topic["name"]: topic for topic in content["topic"]}


def production_sources(service: str) -> str:
    paths = (ROOT / "services" / service).rglob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in paths if "tests" not in path.parts]
    return "\n".join(texts)


@pytest.mark.parametrize("folder", ["services", "chassis", "devstack", "loadtests", "simulators"])
def test_every_topic_named_in_code_is_declared(folder: str) -> None:
    names = declared().keys()
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        if "tests" not in path.parts
        for name in TOPIC.findall(path.read_text(encoding="utf-8"))
        if name not in names and not NOT_TOPICS.match(name)
    }
    assert unknown == set()


def test_every_declared_topic_is_named_by_its_writers_and_readers() -> None:
    sources = {
        service: production_sources(service)
        for service in ("intake", "eligibility", "payments", "notify", "console")
    }
    missing = set()
    for name, topic in declared().items():
        if NAMED_BY_STAGE.fullmatch(name):
            # Named after the stage that owns it, by the stage runner's settings.
            continue
        for principal in {*topic["writers"], *topic["readers"]}:
            service = principal.partition(".")[0]
            if name == "deadletters":
                # Written by the shared consumer loop and stage runner on the service's behalf.
                continue
            if f'"{name}"' not in sources[service]:
                missing.add(f"{name}: {principal}")
    assert missing == set()


def test_every_topic_has_a_writer_and_a_reader() -> None:
    lonely = [n for n, t in declared().items() if not t["writers"] or not t["readers"]]
    assert lonely == []


def test_protected_topics_are_marked_as_such() -> None:
    for name, topic in declared().items():
        if name.endswith(".protected") or name == "registry.separations":
            assert topic["personal"] == "protected" or name.startswith("payments"), name


def test_what_a_journal_points_at_is_not_compacted_away_while_the_journal_is_kept() -> None:
    topics = declared()
    defaults = tomllib.loads((ROOT / "proto" / "topics.toml").read_text(encoding="utf-8"))
    kept_hours = defaults["defaults"]["retention_hours"]
    for stage in ("identify", "dedup", "link"):
        assert "retention_hours" not in topics[f"eligibility.{stage}.journal"]
        for name, topic in topics.items():
            if f"eligibility.{stage}" not in topic["readers"] or name.endswith(".changelog"):
                continue
            lag_hours = topic.get("compaction_lag_hours", 0)
            assert lag_hours == (kept_hours if topic.get("compacted") else 0), name
            assert topic.get("retention_hours", kept_hours) >= kept_hours, name
