"""Reads the ledger's public views, the files, the bank's books, the mailboxes and the logs."""

import hashlib
import json
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from loadtests.check_invariants.canaries import CanaryFinder
from loadtests.check_invariants.evidence import BankFile, Evidence, Row

SEPARATOR = b"\r\n"
VIEWS = (
    ("payments", "payments.checker_payment"),
    ("items", "payments.checker_item"),
    ("batches", "payments.checker_batch"),
    ("lines", "payments.checker_line"),
    ("approvals", "payments.checker_approval"),
    ("transfers", "payments.checker_transfer"),
    ("balances", "payments.checker_balance"),
)


def read_tables(database_url: str, evidence: Evidence) -> None:
    """All views from one snapshot, so that sums can be compared."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name, view in VIEWS:
            rows = connection.execute(f"SELECT * FROM {view}").fetchall()  # noqa: S608 - constant
            setattr(evidence, name, rows)


def read_files(evidence: Evidence) -> None:
    run_dir = evidence.run_dir
    evidence.history = read_json_lines(run_dir / "history.jsonl")
    evidence.books = read_json_lines(run_dir / "bank" / "books.jsonl")
    for path in sorted((run_dir / "notices").glob("*.jsonl")):
        evidence.mailboxes += [{**line, "mailbox": path.stem} for line in read_json_lines(path)]
    for path in sorted((run_dir / "bank" / "to_bank").glob("*.dat")):
        evidence.files.append(read_bank_file(path))


def scan_folders(evidence: Evidence, finder: CanaryFinder) -> None:
    """Logs, metrics and whatever was answered to clients: nothing personal may stand there."""
    for folder in ("logs", "metrics"):
        for path in sorted((evidence.run_dir / folder).glob("*")):
            content = path.read_bytes()
            evidence.canary_bytes_scanned += len(content)
            evidence.canaries += [(f"{folder}/{path.name}", hit) for hit in finder.find(content)]
    for number, line in enumerate(evidence.history, 1):
        content = json.dumps(line.get("error_body") or {}, ensure_ascii=False).encode()
        evidence.canaries += [(f"history line {number}", hit) for hit in finder.find(content)]


def read_accounts(run_dir: Path) -> frozenset[bytes]:
    path = run_dir / "canaries.txt"
    return frozenset(path.read_bytes().split()) if path.exists() else frozenset()


def read_json_lines(path: Path) -> list[Row]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_bank_file(path: Path) -> BankFile:
    """The checker's own reading of a 総合振込 file: 120-byte records, CR LF after each."""
    content = path.read_bytes()
    records = content.split(SEPARATOR)[:-1]
    orders = [
        (line, record[91:111].decode("ascii"), int(record[80:90]))
        for line, record in enumerate(records[1:-2], 1)
    ]
    trailer = records[-2]
    return BankFile(
        name=path.stem,
        sha256=hashlib.sha256(content).hexdigest(),
        orders=orders,
        trailer_records=int(trailer[1:7]),
        trailer_yen=int(trailer[7:19]),
    )
