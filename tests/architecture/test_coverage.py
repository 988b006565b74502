"""Every branch of the rules that decide about money is taken by a test written for it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GATE_TIMEOUT_S = 240
RULES = "services/eligibility/domain"


def gate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devstack.selection", "coverage", "-q", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=GATE_TIMEOUT_S,
        check=False,
    )


def test_every_branch_of_the_rules_is_taken() -> None:
    done = gate()
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def test_the_gate_closes_and_names_the_file_when_tests_are_missing() -> None:
    done = gate("-k", "test_claim_states")
    assert done.returncode != 0
    assert f"{RULES}/feedback.py" in done.stdout


def test_no_branch_of_the_rules_is_exempt() -> None:
    exempt = [str(path) for path in (ROOT / RULES).glob("*.py") if "pragma" in path.read_text()]
    assert exempt == []
