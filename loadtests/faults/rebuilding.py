"""The run's log decided once more by the product's own `rebuild --verify`: outputs and state."""

import os
import subprocess
import sys
from collections.abc import Mapping

from devstack.paths import ROOT

DEADLINE_S = 120
EQUAL = 0
SHOWN_MAX = 6


def rebuild_findings(environment: Mapping[str, str]) -> list[str]:
    """Empty where every output and every state follows from the log; whoever wrote has ended."""
    ended = subprocess.run(
        [sys.executable, "-m", "services.eligibility", "rebuild", "--verify"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE_S,
        text=True,
        check=False,
    )
    if ended.returncode == EQUAL:
        return []
    said = [
        line
        for line in ended.stdout.splitlines()
        if line.startswith(("DIFFERENCE", "not verified"))
    ] or ended.stdout.splitlines()[-SHOWN_MAX:]
    return [f"rebuild ended with {ended.returncode}", *said[:SHOWN_MAX]]
