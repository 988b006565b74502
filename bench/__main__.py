"""`python -m bench NAME …`: runs one bench; each has a package of its own with a `main`."""

import importlib
import sys
from collections.abc import Sequence

BENCHES = {"core": "core.cli", "national": "national.cli", "stages": "stages"}


def main(arguments: Sequence[str]) -> int:
    """The bench's exit status; 2 for a name that is none."""
    if not arguments or arguments[0] not in BENCHES:
        sys.stderr.write(f"usage: python -m bench {'|'.join(BENCHES)} …\n")
        return 2
    bench = importlib.import_module(f"bench.{BENCHES[arguments[0]]}")
    status: int = bench.main(arguments[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
