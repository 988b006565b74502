"""The pages in docs/ say what the contracts, the checker and the commands say."""

import re
import tomllib
from pathlib import Path

import pytest
import typer

from loadtests.check_invariants.__main__ import RULES
from services.console.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "deploy").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
QUESTION = re.compile(r"\bQ(\d+)\b")
COMMAND = re.compile(r"`(?:\./)?kyufu ([a-z]+)(?: ([a-z]+))?")


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(page: str, heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its head."""
    below = page.split(heading, 1)[1]
    table = re.search(r"(?:^\|.*\|\n)+", below, re.MULTILINE)
    assert table is not None, heading
    lines = table.group(0).splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_table_of_topics_is_that_of_the_catalogue() -> None:
    catalogue = tomllib.loads((ROOT / "proto" / "topics.toml").read_text(encoding="utf-8"))
    declared = [
        [
            f"`{topic['name']}`", topic["key"], topic["personal"],
            ", ".join(topic["writers"]), ", ".join(topic["readers"]),
        ]
        for topic in catalogue["topic"]
    ]  # fmt: skip
    assert rows(text("dataflow.md"), "## Topics") == declared


def test_partitions_and_retention_are_those_of_the_catalogue() -> None:
    defaults = tomllib.loads((ROOT / "proto" / "topics.toml").read_text(encoding="utf-8"))[
        "defaults"
    ]
    page = " ".join(text("dataflow.md").split())
    partitions = defaults["partitions"]
    assert (
        f"{partitions['one_machine']} on one machine, {partitions['deploy']} in the profile" in page
    )
    assert f"Kept for {defaults['retention_hours'] // 24} days" in page


def test_every_invariant_is_listed_with_what_checks_it_today() -> None:
    table = {row[0]: row[2] for row in rows(text("architecture.md"), "## The invariants")}
    assert list(table) == list(RULES)
    checked = {name for name, how in table.items() if how.startswith("the outside checker")}
    assert checked == {name for name, rule in RULES.items() if rule is not None}


def test_questions_are_numbered_without_a_gap() -> None:
    numbers = [row[0] for row in rows(text("open_questions.md"), "# Open questions")]
    assert numbers == [f"Q{number}" for number in range(1, len(numbers) + 1)]


def test_every_cited_question_exists() -> None:
    known = {int(row[0][1:]) for row in rows(text("open_questions.md"), "# Open questions")}
    cited = {
        (named(page), int(number))
        for page in PAGES
        for number in QUESTION.findall(page.read_text(encoding="utf-8"))
    }
    assert {place for place in cited if place[1] not in known} == set()


def test_what_is_from_memory_names_its_question() -> None:
    lines = [line for line in text("sources.md").splitlines() if line.startswith("|")]
    assert [line for line in lines if "from memory" in line and not QUESTION.search(line)] == []


def test_every_version_of_the_rules_has_a_line_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    rules = (ROOT / "services" / "eligibility" / "parameters").glob("*.toml")
    versions = {tomllib.loads(path.read_text("utf-8"))["rule_version"] for path in rules}
    assert versions
    assert {version for version in versions if f"`{version}`" not in changelog} == set()


def test_decisions_are_numbered_without_a_gap_and_have_all_parts() -> None:
    pages = sorted((DOCS / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        content = page.read_text(encoding="utf-8")
        parts = ("Status: ", "**Question.**", "**Choice.**", "**Weighed.**", "**Price.**")
        assert [part for part in parts if part not in content] == [], named(page)
        assert content.startswith(f"# {page.name[:4]}: ")


def test_links_between_pages_lead_somewhere() -> None:
    broken = {
        f"{named(page)} -> {target}"
        for page in PAGES
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    }
    assert broken == set()


def commands() -> set[tuple[str, str]]:
    group = typer.main.get_group(app)
    found = {("rebuild", "")}  # the shell script hands it to eligibility
    for name, command in group.commands.items():
        found.add((name, ""))
        found |= {(name, one) for one in getattr(command, "commands", {})}
    return found


@pytest.mark.parametrize("page", [p for p in PAGES if "kyufu " in p.read_text("utf-8")], ids=named)
def test_commands_in_the_pages_exist(page: Path) -> None:
    known = commands()
    wrong = {
        (name, sub)
        for name, sub in COMMAND.findall(page.read_text(encoding="utf-8"))
        if (name, "") not in known or (sub and any(k == name and s for k, s in known)
                                       and (name, sub) not in known)
    }  # fmt: skip
    assert wrong == set()


def test_ports_in_the_deployment_page_are_those_of_the_compose_file() -> None:
    page = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| (\d{5}) \|", page, re.MULTILINE))
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert told == set(re.findall(r'"127\.0\.0\.1:(\d{5}):', compose))
