"""`./test [kind …] [pytest arguments]`: turns the kinds' words into pytest's arguments.

Kinds name what a test needs, so a folder never has to be known: `unit` is whatever needs no server.
`simulation` kills each service in long runs, about a minute each; a plain `./test` leaves it out.
The marker `peers` (systems we are measured against) is left out by it too. A plain `./test` runs
two files at a time, each of the two with servers of its own: most tests wait for a session, a lease
or a restart. `-n 0` puts them one after the other.
"""

import subprocess
import sys
from collections.abc import Sequence

from devstack.paths import ROOT

_ALL_PLACES = (
    "tests", "jpbank", "chassis", "services", "simulators", "devstack", "loadtests", "bench",
)  # fmt: skip
_OWN_FOLDERS = ("architecture", "contracts", "simulation", "e2e")
_SLOW_OR_SERVED = "not integration and not e2e"
_NOT_LONG = "not kills and not peers"
_TWO_FILES_AT_A_TIME = ("-n", "2", "--dist", "loadfile")
KINDS = ("unit", "architecture", "contracts", "integration", "e2e", "simulation")
PYTEST_NO_TESTS = 5


def pytest_runs(arguments: Sequence[str]) -> list[list[str]]:
    """Return one list of pytest arguments a kind; without a kind, one run of all but the long."""
    kinds = []
    rest = list(arguments)
    while rest and rest[0] in KINDS:
        kinds.append(rest.pop(0))
    if not kinds:
        return [["-m", _NOT_LONG, *_TWO_FILES_AT_A_TIME, *rest]]
    return [[*_of_kind(kind), *rest] for kind in dict.fromkeys(kinds)]


def _of_kind(kind: str) -> list[str]:
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
    for run in pytest_runs(arguments):
        done = subprocess.run([sys.executable, "-m", "pytest", *run], cwd=ROOT, check=False)
        status = status or done.returncode
    if status == PYTEST_NO_TESTS:
        print("kyufu: no test matched", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
