"""Writes the population file for a system that `./run --keep` has set up.

The same number of households and the same seed give the same people and cards as that run, so their
credentials stand in its registers. Idempotency-Keys are the load test's own.
"""

import argparse
import base64
import json
import sys
from pathlib import Path
from typing import Any

from simulators.cards import Card
from simulators.population.plan import PROGRAMME, Attempt
from simulators.population.world import build_world


def main(arguments: list[str]) -> int:
    """Write one line for each attempt of the plan."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.population", description=__doc__)
    parser.add_argument("--households", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--secrets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    world = build_world(
        households=options.households,
        seed=options.seed,
        ca_pem=(options.secrets / "cards" / "ca.pem").read_bytes(),
        ca_key_pem=(options.secrets / "cards" / "ca.key").read_bytes(),
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8") as lines:
        for scenario in world.scenarios:
            for attempt in scenario.attempts:
                lines.write(json.dumps(_line(attempt), ensure_ascii=False) + "\n")
    return 0


def _line(attempt: Attempt) -> dict[str, Any]:
    return {
        "label": f"{attempt.scenario_id} {attempt.label}",
        "client_id": attempt.client_id,
        "programme": PROGRAMME,
        "body": attempt.body,
        "credential": _credential(attempt),
    }


def _credential(attempt: Attempt) -> dict[str, str]:
    credential = attempt.credential
    if not isinstance(credential, Card):
        return {"kind": "paper", "form_number": credential.form_number}
    return {
        "kind": "card",
        "certificate": base64.b64encode(credential.certificate).decode(),
        "key": base64.b64encode(credential.key.private_bytes_raw()).decode(),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
