"""`python -m loadtests SHAPE …`: play a shape against a running system, without a browser.

Leaves history.jsonl, report.html and verdict.json in the folder of `--out`. Exit status 1 when an
arrival was never answered, or not accepted.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from locust import events
from locust.env import Environment
from locust.html import get_html_report

from loadtests.locustfile import Citizens, add_options

# Arrivals per second at factor 1.
SHAPES: Final = {"citizens": 20.0}
PERCENTILES: Final = (0.5, 0.99, 0.999)


def main(arguments: list[str]) -> int:
    """Run one shape; 0 when everyone was accepted."""
    parser = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    parser.add_argument("shape", choices=sorted(SHAPES))
    parser.add_argument("--host", default="http://127.0.0.1:28400")
    parser.add_argument("--factor", type=float, default=1.0)
    add_options(parser)
    options = parser.parse_args(arguments)
    options.rate = SHAPES[options.shape] * options.factor
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    environment = Environment(
        user_classes=[Citizens], events=events, host=options.host, parsed_options=options
    )
    runner = environment.create_local_runner()
    runner.start(1, spawn_rate=1)
    runner.greenlet.join()
    page: str = get_html_report(environment)  # type: ignore[no-untyped-call]
    (out / "report.html").write_text(page, encoding="utf-8")
    verdict = make_verdict(environment, options)
    (out / "verdict.json").write_text(json.dumps(verdict, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(verdict, indent=2))
    return 0 if verdict["arrivals"] and not verdict["failures"] else 1


def make_verdict(environment: Any, options: argparse.Namespace) -> dict[str, Any]:
    """What the run showed; times are from the intended start, in ms."""
    applied = environment.stats.get("apply", "POST")
    looked = environment.stats.get("status", "GET")
    return {
        "shape": options.shape,
        "factor": options.factor,
        "seed": options.seed,
        "seconds": options.seconds,
        "rate_offered_per_s": options.rate,
        "arrivals": applied.num_requests,
        "failures": environment.stats.total.num_failures,
        "apply_ms": {str(p): applied.get_response_time_percentile(p) for p in PERCENTILES},
        "status_ms": {str(p): looked.get_response_time_percentile(p) for p in PERCENTILES},
        "errors": [
            {"name": entry.name, "error": str(entry.error), "count": entry.occurrences}
            for entry in environment.stats.errors.values()
        ],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
