"""Reads a run's evidence, applies every rule, prints counts and offenders; non-zero on any."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from loadtests.check_invariants.applications_rules import inv_1, inv_2, inv_6
from loadtests.check_invariants.canaries import CanaryFinder
from loadtests.check_invariants.evidence import Evidence
from loadtests.check_invariants.money_rules import inv_3, inv_4, inv_5
from loadtests.check_invariants.notice_rules import inv_9, inv_11
from loadtests.check_invariants.sources import read_accounts, read_files, read_tables, scan_folders
from loadtests.check_invariants.topics import read_topics

OFFENDERS_MAX = 10
Rule = Callable[[Evidence], Iterator[str]]
RULES: dict[str, Rule | None] = {
    "INV-1": inv_1,
    "INV-2": inv_2,
    "INV-3": inv_3,
    "INV-4": inv_4,
    "INV-5": inv_5,
    "INV-6": inv_6,
    "INV-7": None,
    "INV-8": None,
    "INV-9": inv_9,
    "INV-10": None,
    "INV-11": inv_11,
    "INV-12": None,
}


def check(evidence: Evidence) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Verdict of each invariant, and its first offenders."""
    verdicts: dict[str, str] = {}
    offenders: dict[str, list[str]] = {}
    for name, rule in RULES.items():
        if rule is None:
            verdicts[name] = "not checked"
            continue
        found = list(islice(rule(evidence), OFFENDERS_MAX))
        verdicts[name] = "fail" if found else "pass"
        if found:
            offenders[name] = found
    return verdicts, offenders


def gather(run_dir: Path, bootstrap: str, database_url: str) -> Evidence:
    evidence = Evidence(run_dir)
    finder = CanaryFinder(read_accounts(run_dir))
    read_files(evidence)
    read_tables(database_url, evidence)
    read_topics(bootstrap, evidence, finder)
    scan_folders(evidence, finder)
    return evidence


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.check_invariants", description=__doc__
    )
    parser.add_argument("run_dir", type=Path, help="folder of the run, such as var/run")
    parser.add_argument("--json", type=Path, help="write verdicts and offenders here as well")
    arguments = parser.parse_args()
    try:
        bootstrap, database_url = os.environ["KAFKA_BOOTSTRAP"], os.environ["DATABASE_URL"]
    except KeyError as missing:
        print(f"set {missing.args[0]} to the servers of the run", file=sys.stderr)
        return 2
    evidence = gather(arguments.run_dir, bootstrap, database_url)
    verdicts, offenders = check(evidence)
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict}")
        for offender in offenders.get(name, ()):
            print(f"  {offender}")
    print(
        f"{len(evidence.history)} attempts, {len(evidence.submitted)} applications, "
        f"{len(evidence.payments)} payments, {len(evidence.files)} bank files, "
        f"{len(evidence.mailboxes)} notices, {evidence.canary_bytes_scanned:,} bytes scanned"
    )
    if arguments.json is not None:
        text = json.dumps({"invariants": verdicts, "offenders": offenders}, indent=1)
        arguments.json.write_text(text, encoding="utf-8")
    return 1 if offenders else 0


if __name__ == "__main__":
    sys.exit(main())
