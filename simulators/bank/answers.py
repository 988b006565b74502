"""What the bank writes back: a receipt for the file, and a result for each order.

The result file is laid out as payer and bank agreed (`jpbank/README.md`): the payment file's
header, each line with the result code at byte 111, a trailer with all, paid and failed, the end.
"""

import json
import os
from pathlib import Path

from simulators.bank.reading import RECORD_BYTES, SEPARATOR, Order

RESULT_OFFSET = 111
CODES = {
    "paid": b"0",
    "no_account": b"1",
    "name_mismatch": b"2",
    "account_closed": b"3",
    "credit_blocked": b"4",
    "other": b"9",
}


def result_file(header: bytes, orders: list[Order], results: list[str]) -> bytes:
    """Bytes of the result file; `results` are keys of CODES, one an order."""
    lines = [header]
    for order, result in zip(orders, results, strict=True):
        raw = order.raw
        lines.append(raw[:RESULT_OFFSET] + CODES[result] + raw[RESULT_OFFSET + 1 :])
    paid = [o.amount_yen for o, r in zip(orders, results, strict=True) if r == "paid"]
    failed = [o.amount_yen for o, r in zip(orders, results, strict=True) if r != "paid"]
    groups = (paid + failed, paid, failed)
    trailer = "8" + "".join(f"{len(group):06d}{sum(group):012d}" for group in groups)
    lines += [trailer.encode().ljust(RECORD_BYTES), b"9".ljust(RECORD_BYTES)]
    return SEPARATOR.join(lines) + SEPARATOR


def receipt(*, file: str, sha256: str, accepted: bool, rule: str, records: int, yen: int) -> bytes:
    content = {
        "file": file,
        "sha256": sha256,
        "accepted": accepted,
        "rule": rule,
        "records": records,
        "yen": yen,
    }
    return json.dumps(content).encode()


def put(path: Path, content: bytes) -> None:
    """Lets the file appear whole under its name, or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
