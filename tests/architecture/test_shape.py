"""Style as tests: sizes, left-overs, and that nothing names a place outside the project."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
LEFT_OVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|mock\.patch|except:\s*$", re.MULTILINE)
ABSOLUTE_WORK_PATH = re.compile(r"(^|[^A-Za-z0-9_.])/(work|farm)/")
LOCK_ADDRESS = re.compile(r"https?://|^ *--?(extra-)?index-url", re.MULTILINE)


def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    paths = (ROOT / line for line in listed.stdout.splitlines())
    return [path for path in paths if path.is_file()]


def sources() -> list[Path]:
    return [path for path in tracked("*.py") if "gen" not in path.relative_to(ROOT).parts]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    long = {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > FILE_LINES_MAX}
    assert long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{name}": lines
        for path in sources()
        for name, lines in functions(path)
        if lines > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_nothing_is_left_over() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in sources()
        if path != Path(__file__) and LEFT_OVERS.search(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_locks_name_no_registry() -> None:
    found = {
        path.name
        for path in tracked("requirements/*")
        if LOCK_ADDRESS.search(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_no_tracked_file_names_a_folder_of_one_machine() -> None:
    found = set()
    for path in tracked("."):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path != Path(__file__) and ABSOLUTE_WORK_PATH.search(text):
            found.add(str(path.relative_to(ROOT)))
    assert found == set()
