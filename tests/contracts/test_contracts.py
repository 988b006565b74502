"""The contracts in proto/ are well formed, stay compatible, and match the generated code."""

import filecmp
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
BUF = Path(sys.executable).with_name("buf")


def buf(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BUF), *arguments], cwd=PROTO, capture_output=True, text=True, timeout=120, check=False
    )


def last_commit_with_contracts() -> str | None:
    """The newest commit of `main` that holds contracts: what running installations speak."""
    for name in ("origin/main", "main", "HEAD"):
        found = subprocess.run(
            ["git", "cat-file", "-e", f"{name}:proto/buf.yaml"],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        if found.returncode == 0:
            return name
    return None


def files_below(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder)
        for path in folder.rglob("*.py*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_contracts_pass_the_standard_lint() -> None:
    result = buf("lint", ".")
    assert result.returncode == 0, result.stdout + result.stderr


def test_contracts_do_not_break_those_of_the_last_commit_on_main(tmp_path: Path) -> None:
    commit = last_commit_with_contracts()
    if commit is None:
        pytest.skip("no commit with contracts yet, or not a git checkout")
    archive = tmp_path / "before.tar"
    subprocess.run(
        ["git", "archive", "--output", str(archive), f"{commit}:proto"],
        cwd=ROOT,
        check=True,
    )
    before = tmp_path / "before"
    before.mkdir()
    subprocess.run(["tar", "-xf", str(archive), "-C", str(before)], check=True)
    result = buf("breaking", ".", "--against", str(before))
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_removed_field_would_be_found_as_breaking(tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    subprocess.run(["cp", "-r", str(PROTO), str(changed)], check=True)
    contract = changed / "kyufu/events/v1/operations.proto"
    text = contract.read_text(encoding="utf-8")
    assert "  int64 sequence = 2;\n" in text
    contract.write_text(text.replace("  int64 sequence = 2;\n", ""), encoding="utf-8")
    result = buf("breaking", str(changed), "--against", str(PROTO))
    assert result.returncode != 0
    assert "sequence" in result.stdout


def test_generated_code_is_what_the_contracts_generate(tmp_path: Path) -> None:
    fresh = tmp_path / "gen"
    subprocess.run(
        [sys.executable, str(PROTO / "generate.py"), str(fresh)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    committed = PROTO / "gen"
    names = files_below(fresh)
    assert names == files_below(committed)
    _, different, unreadable = filecmp.cmpfiles(
        fresh, committed, [str(name) for name in names], shallow=False
    )
    assert (different, unreadable) == ([], []), "run: .venv/bin/python proto/generate.py"
