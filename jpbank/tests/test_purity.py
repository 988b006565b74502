"""The library stays usable from any domain: no I/O, clock or random, nothing of the services."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [path for path in sorted(ROOT.rglob("*.py")) if "tests" not in path.parts]
# zengin_code and jpholiday carry the data; the rest of the list is arithmetic and text.
ALLOWED = {
    "jpbank", "zengin_code", "jpholiday", "collections", "dataclasses", "datetime", "enum",
    "functools", "re", "types", "typing", "unicodedata",
}  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_nothing_that_reads_the_world(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= ALLOWED


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_neither_opens_a_file_nor_asks_what_day_it_is(path: Path) -> None:
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    assert not called & {"open", "today", "now", "utcnow", "print", "input"}
