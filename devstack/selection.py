"""`./test [kind …] [pytest arguments]`: the kinds' words as arguments of pytest and coverage.

Kinds name what a test needs, so a folder never has to be known: `unit` is whatever needs no server.
`simulation` kills each service in long runs, about a minute each; a plain `./test` leaves it out.
The marker `peers` (systems we are measured against) is left out by it too.
`coverage` fails unless every branch of the rules is taken by a test of its own.

A plain `./test` runs two files at a time, each of the two with servers of its own: most tests wait
for a session, a lease or a restart. `-n 0` puts them one after the other.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from devstack.paths import ROOT

_ALL_PLACES = (
    "tests", "jpbank", "chassis", "services", "simulators", "devstack", "loadtests", "bench",
)  # fmt: skip
_OWN_FOLDERS = ("architecture", "contracts", "simulation", "e2e")
_SLOW_OR_SERVED = "not integration and not e2e"
_NOT_LONG = "not kills and not peers"
_TWO_FILES_AT_A_TIME = ("-n", "2", "--dist", "loadfile")
KINDS = ("unit", "architecture", "contracts", "integration", "e2e", "simulation", "coverage")
PYTEST_NO_TESTS = 5
# The rules that decide about money, and the tests that take each of their branches on purpose. The
# random walk is left out: a branch that it alone reaches is lost with the next change of a seed.
_COVERED = "services/eligibility/domain"
_COVERING = (
    "services/eligibility/tests/unit",
    "--ignore=services/eligibility/tests/unit/test_any_interleaving.py",
)


def module_runs(arguments: Sequence[str]) -> list[list[str]]:
    """Return the arguments of `python -m`, one list a run; without a kind, one run of all but the
    long.
    """
    kinds = []
    rest = list(arguments)
    while rest and rest[0] in KINDS:
        kinds.append(rest.pop(0))
    if not kinds:
        return [["pytest", "-m", _NOT_LONG, *_TWO_FILES_AT_A_TIME, *rest]]
    return [run for kind in dict.fromkeys(kinds) for run in _runs_of(kind, rest)]


def _runs_of(kind: str, rest: list[str]) -> list[list[str]]:
    if kind != "coverage":
        return [["pytest", *_places_of(kind), *rest]]
    measured = ["coverage", "run", "--branch", f"--source={_COVERED}", "-m", "pytest"]
    return [
        [*measured, *_COVERING, *rest],
        ["coverage", "report", "--show-missing", "--skip-covered", "--fail-under=100"],
    ]


def _places_of(kind: str) -> list[str]:
    places = [place for place in _ALL_PLACES if (ROOT / place).is_dir()]
    if kind == "unit":
        ignored = [f"--ignore=tests/{folder}" for folder in _OWN_FOLDERS]
        return [*places, *ignored, "-m", _SLOW_OR_SERVED]
    if kind == "integration":
        return [*places, "-m", "integration"]
    return [f"tests/{kind}"]


def main(arguments: Sequence[str]) -> int:
    """Run each selection; the first failure decides the status, and all are run."""
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "COVERAGE_FILE": f"{folder}/coverage"}
        for run in module_runs(arguments):
            command = [sys.executable, "-m", *run]
            done = subprocess.run(command, cwd=ROOT, env=environ, check=False)
            status = status or done.returncode
    if status == PYTEST_NO_TESTS:
        print("kyufu: no test matched", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
