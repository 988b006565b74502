"""`report.json`: what happened to every application and every yen, for people and for checks.

Numbers of applications come from the topics, yen from topics, files and the bank's own books,
invariants from the outside checker. The keys named in `build` are kept from version to version.
"""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from devstack.paths import ROOT
from devstack.story import Played
from simulators.verdict import compare

CHECKER_TIMEOUT_S = 600
REBUILD_TIMEOUT_S = 600
# Exit status of `rebuild --verify`; any other means that nothing was compared.
REBUILD_VERDICTS = {0: "pass", 1: "fail", 3: "not checked"}
DIFFERENCE = "DIFFERENCE  "
OFFENDERS_MAX = 10
CHECKED = ("INV-1", "INV-3", "INV-4", "INV-5", "INV-6", "INV-9", "INV-11")
# Stations of payments that gave way: what was decided stands elsewhere or was taken back.
GONE = frozenset({"cancelled", "replaced", "decision_refused"})
SEPARATOR = b"\r\n"


def run_checker(run_dir: Path, environ: dict[str, str]) -> dict[str, Any]:
    """Runs the stand-alone checker as a process of its own and reads its verdict."""
    output = run_dir / "invariants.json"
    subprocess.run(
        [sys.executable, "-m", "loadtests.check_invariants", str(run_dir), "--json", str(output)],
        cwd=ROOT,
        env=environ,
        check=False,
        timeout=CHECKER_TIMEOUT_S,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    result: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return result


class Rebuilt(NamedTuple):
    """What a rebuild says of INV-7, in the checker's words."""

    verdict: str
    offenders: list[str]


def run_rebuild(run_dir: Path, environ: dict[str, str]) -> Rebuilt:
    """INV-7: decides the log once more and compares; all it says stands in rebuild.txt.

    A rebuild that cannot run at all counts as a failure, not as something left out.
    """
    output = run_dir / "rebuild.txt"
    with output.open("w", encoding="utf-8") as told:
        status = subprocess.run(
            [sys.executable, "-m", "services.eligibility", "rebuild", "--verify"],
            cwd=ROOT,
            env=environ,
            check=False,
            timeout=REBUILD_TIMEOUT_S,
            stdout=told,
            stderr=subprocess.STDOUT,
        ).returncode
    verdict = REBUILD_VERDICTS.get(status, "fail")
    lines = output.read_text(encoding="utf-8").splitlines()
    found = [line.removeprefix(DIFFERENCE) for line in lines if line.startswith(DIFFERENCE)]
    if verdict == "fail" and not found:
        found = [f"rebuild ended with status {status}: see {output.name}"]
    return Rebuilt(verdict, found[:OFFENDERS_MAX])


def payment_files(run_dir: Path) -> list[dict[str, Any]]:
    """Each payment file as a bank would receive it: records and yen from its own trailer."""
    files = []
    for path in sorted((run_dir / "bank" / "to_bank").glob("*.dat")):
        content = path.read_bytes()
        trailer = content.split(SEPARATOR)[-3]
        files.append(
            {
                "path": str(path.relative_to(run_dir)),
                "sha256": hashlib.sha256(content).hexdigest(),
                "records": int(trailer[1:7]),
                "yen": int(trailer[7:19]),
            }
        )
    return files


def bank_books(run_dir: Path) -> dict[str, int]:
    """Yen in the bank's own books: files taken, files refused, orders given back, orders paid."""
    books = run_dir / "bank" / "books.jsonl"
    yen = {"accepted": 0, "returned": 0, "paid": 0}
    refused: set[str] = set()
    lines = books.read_text(encoding="utf-8").splitlines() if books.exists() else []
    for entry in map(json.loads, lines):
        if entry["entry"] == "file_taken":
            yen["accepted"] += entry["yen"]
        elif entry["entry"] == "order":
            yen["paid" if entry["result"] == "paid" else "returned"] += entry["amount_yen"]
        else:
            refused.add(entry["file"])
    rejected = [f for f in payment_files(run_dir) if Path(f["path"]).stem in refused]
    return {**yen, "rejected": sum(f["yen"] for f in rejected)}


def build(
    played: Played,
    *,
    run_dir: Path,
    seed: int,
    checker: dict[str, Any],
    rebuild: Rebuilt | None,
    notices: dict[str, int],
    timings_s: dict[str, float],
) -> dict[str, Any]:
    """The report as a JSON-ready dictionary."""
    ends = played.watch.ends()
    outcomes = Counter(end.outcome for end in ends.values())
    files = payment_files(run_dir)
    bank = bank_books(run_dir)
    defects = compare(
        played.world.scenarios, played.tally.ids_by_scenario, ends, played.watch.paid_yen()
    )
    applied_s = max(timings_s["applying"], 0.001)
    households = sum(1 for _ in played.world.households)
    return {
        "seed": seed,
        "households": households,
        "applications": {
            "attempted": played.tally.attempted,
            "accepted": len(played.tally.accepted_ids),
            **{
                name: outcomes[name]
                for name in ("approved", "refused", "superseded", "withdrawn", "waiting")
            },
            "dead_lettered": outcomes["dead_lettered"],
        },
        "reasons": dict(
            sorted(
                Counter(
                    end.label for end in ends.values() if end.outcome in ("refused", "waiting")
                ).items()
            )
        ),
        "yen": {
            "decided": played.watch.decided_yen(),
            "in_files": sum(file["yen"] for file in files),
            "bank_accepted": bank["accepted"],
            "bank_rejected": bank["rejected"],
            "returned": bank["returned"],
            "paid_net": bank["paid"],
        },
        "yen_by_station": dict(sorted(played.watch.yen_by_station().items())),
        "files": files,
        "notices": notices,
        "defects": {label: asdict(verdict) for label, verdict in defects.items()},
        "unexpected_answers": played.tally.unexpected,
        "register_line_errors": played.import_errors,
        **_verdicts(checker, rebuild),
        "timings_s": {name: round(seconds, 2) for name, seconds in timings_s.items()},
        "households_per_s": round(households / applied_s, 1),
    }


def _verdicts(checker: dict[str, Any], rebuild: Rebuilt | None) -> dict[str, Any]:
    """The checker's verdicts and offenders, with INV-7 where a rebuild was asked for."""
    invariants, offenders = dict(checker["invariants"]), dict(checker.get("offenders", {}))
    if rebuild is not None:
        invariants["INV-7"] = rebuild.verdict
        if rebuild.offenders:
            offenders["INV-7"] = rebuild.offenders
    return {"invariants": invariants, "offenders": offenders}


def failures(report: dict[str, Any]) -> list[str]:
    """Why this run is not a good one; empty when every invariant held and every end is right."""
    found = [
        f"{name}: {report['invariants'].get(name, 'not checked')}"
        for name in CHECKED
        if report["invariants"].get(name) != "pass"
    ]
    found += [
        f"{name}: fail"
        for name, verdict in report["invariants"].items()
        if verdict == "fail" and name not in CHECKED
    ]
    for label, verdict in report["defects"].items():
        if verdict["as_expected"] != verdict["scenarios"]:
            found.append(f"{label}: {verdict['offenders'][0]}")
    applications = report["applications"]
    ended = sum(
        applications[name]
        for name in ("approved", "refused", "superseded", "withdrawn", "waiting", "dead_lettered")
    )
    if ended != applications["accepted"]:
        found.append(f"{applications['accepted']} accepted, but {ended} outcomes")
    standing = sum(yen for name, yen in report["yen_by_station"].items() if name not in GONE)
    if standing != report["yen"]["decided"]:
        found.append(f"decided {report['yen']['decided']} yen, but {standing} at the stations")
    found += report["unexpected_answers"][:10]
    return found
