"""The desk at which files are taken: one look at the incoming folder, one answer a file."""

import hashlib
import json
from pathlib import Path

from simulators.bank.answers import put, receipt, result_file
from simulators.bank.books import Books, Row
from simulators.bank.reading import SEPARATOR, Order, Refused, read_orders

FILE_SUFFIX = ".dat"


class Desk:
    """`accounts`: JSON of canonical accounts that cannot be credited, with the reason."""

    def __init__(self, folder: Path, accounts: Path) -> None:
        self._incoming = folder / "to_bank"
        self._outgoing = folder / "from_bank"
        for path in (self._incoming, self._outgoing):
            path.mkdir(parents=True, exist_ok=True)
        self._accounts_path = accounts
        self._books = Books(folder / "books.jsonl")
        self._answered: set[str] = set()

    def look(self) -> int:
        """Takes or refuses every new file; gives how many were answered now."""
        answered = 0
        for path in sorted(self._incoming.glob(f"*{FILE_SUFFIX}")):
            if path.name not in self._answered:
                self._answer(path)
                self._answered.add(path.name)
                answered += 1
        return answered

    def _answer(self, path: Path) -> None:
        """Books first, then answers, from the books: after a kill in between, or when an account
        has changed since, the same answers are written.
        """
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        receipt_path = self._outgoing / f"{path.stem}.receipt.json"
        result_path = self._outgoing / f"{path.stem}.result.dat"
        try:
            orders = read_orders(content)
            self._refuse_repeats(path.stem, sha256, orders)
        except Refused as refusal:
            self._books.refuse(file=path.stem, sha256=sha256, rule=refusal.rule)
            answer = receipt(
                file=path.stem, sha256=sha256, accepted=False, rule=str(refusal), records=0, yen=0
            )
            put(receipt_path, answer)
            return
        yen = sum(order.amount_yen for order in orders)
        if self._books.taken_as(sha256) is None:
            self._book(path.stem, sha256, orders, yen)
        results = [self._books.results[order.reference] for order in orders]
        answer = receipt(
            file=path.stem, sha256=sha256, accepted=True, rule="", records=len(orders), yen=yen
        )
        put(receipt_path, answer)
        put(result_path, result_file(content.split(SEPARATOR)[0], orders, results))

    def _refuse_repeats(self, file: str, sha256: str, orders: list[Order]) -> None:
        """The same bytes under another name, or an order that was booked before: refused."""
        taken_as = self._books.taken_as(sha256)
        if taken_as is not None and taken_as != file:
            raise Refused("same_content_as_an_earlier_file", 1)
        if taken_as is None:
            for order in orders:
                if order.reference in self._books.results:
                    raise Refused("reference_used_before", order.line + 1)

    def _book(self, file: str, sha256: str, orders: list[Order], yen: int) -> None:
        unpayable = self._unpayable()
        entries: list[Row] = [
            {
                "line": order.line,
                "reference": order.reference,
                "amount_yen": order.amount_yen,
                "result": unpayable.get(order.account, "paid"),
            }
            for order in orders
        ]
        self._books.take(file=file, sha256=sha256, orders=entries, yen=yen)

    def _unpayable(self) -> dict[str, str]:
        if not self._accounts_path.exists():
            return {}
        found: dict[str, str] = json.loads(self._accounts_path.read_text(encoding="utf-8"))
        return found
