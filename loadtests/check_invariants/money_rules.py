"""INV-3, INV-4 and INV-5: every yen, once, on every book."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from kyufu.events.v1 import common_pb2

from loadtests.check_invariants.evidence import Evidence, Row

GONE = frozenset({"cancelled", "replaced"})
PAID = "paid"
# States of a batch whose file has not left, so that none need lie in the bank's folder.
NOT_SENT = frozenset({"proposed", "frozen", "approved", "releasing", "voided"})
# States of a batch whose payments the ledger may put into another file. `releasing` is none of
# them: its file may be at the bank already.
MAY_BE_SENT_ANEW = (NOT_SENT - {"releasing"}) | {"file_rejected"}
ANSWERED = frozenset({"reconciled"})


def inv_3(evidence: Evidence) -> Iterator[str]:
    """At most one live item per (programme, beneficiary, occurrence), and none paid twice."""
    live: Counter[tuple[str, bytes, str]] = Counter()
    items_of: defaultdict[bytes, list[tuple[str, bytes, str]]] = defaultdict(list)
    for item in evidence.items:
        key = (item["programme"], bytes(item["beneficiary_id"]), item["occurrence"])
        items_of[bytes(item["payment_id"])].append(key)
        if item["live"]:
            live[key] += 1
    for key, number in live.items():
        if number > 1:
            yield f"{number} live items for beneficiary {key[1].hex()}, {key[2]}"
    payment_of = {line["reference"]: bytes(line["payment_id"]) for line in evidence.lines}
    paid: Counter[tuple[str, bytes, str]] = Counter()
    for order in _orders(evidence):
        payment = payment_of.get(order["reference"])
        if payment is None:
            yield f"the bank booked reference {order['reference']}, which the ledger does not know"
        elif order["result"] == PAID:
            paid.update(items_of[payment])
    for key, number in paid.items():
        if number > 1:
            yield f"the bank paid beneficiary {key[1].hex()}, {key[2]}, {number} times"


def inv_4(evidence: Evidence) -> Iterator[str]:
    """Balances are the sums of transfers, payments stand at the stations the balances say, and
    what was decided is what the ledger holds."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for transfer in evidence.transfers:
        town = (transfer["programme"], transfer["municipality_code"])
        sums[(*town, transfer["debit"])] -= transfer["amount_yen"]
        sums[(*town, transfer["credit"])] += transfer["amount_yen"]
    balances = {
        (row["programme"], row["municipality_code"], row["station"]): row["amount_yen"]
        for row in evidence.balances
    }
    for key in sorted(sums.keys() | balances.keys()):
        if sums[key] != balances.get(key, 0):
            yield f"balance of {'/'.join(key)} is {balances.get(key, 0)}, transfers say {sums[key]}"
    if sum(balances.values()) != 0:
        yield f"balances do not cancel out: {sum(balances.values())} yen"
    yield from _stations(evidence)
    decided = sum(
        event.amount_yen
        for event in evidence.last_decided().values()
        if event.outcome == common_pb2.OUTCOME_APPROVED
    )
    held = sum(row["amount_yen"] for row in evidence.payments if row["state"] not in GONE)
    if decided != held:
        yield f"decided {decided} yen, the ledger holds {held}"


def _stations(evidence: Evidence) -> Iterator[str]:
    """Per municipality and station: payments by state against balances, in yen and in count."""
    yen: Counter[tuple[str, str, str]] = Counter()
    count: Counter[tuple[str, str, str]] = Counter()
    for row in evidence.payments:
        key = (row["programme"], row["municipality_code"], row["state"])
        yen[key] += row["amount_yen"]
        count[key] += 1
    for row in evidence.balances:
        key = (row["programme"], row["municipality_code"], row["station"])
        if row["station"] == "appropriation":
            continue
        found = (yen.pop(key, 0), count.pop(key, 0))
        if found != (row["amount_yen"], row["payments"]):
            yield (
                f"station {'/'.join(key)}: balance {row['amount_yen']} yen in {row['payments']} "
                f"payments, payments say {found[0]} in {found[1]}"
            )
    for key in yen:
        yield f"station {'/'.join(key)}: payments without a balance"


def inv_5(evidence: Evidence) -> Iterator[str]:
    """Ledger = file = trailer = what the bank took; and what it took = paid + given back."""
    files = {file.name: file for file in evidence.files}
    taken = {entry["file"]: entry for entry in evidence.books if entry["entry"] == "file_taken"}
    for name in sorted(set(taken) - set(files)):
        yield f"{name}: the bank took a file that nobody sent"
    batches = {batch["file_name"]: batch for batch in evidence.batches}
    for name in sorted(set(files) - set(batches)):
        yield f"{name}: a file in the bank's folder that no batch knows"
    for name, batch in batches.items():
        if name in files:
            yield from _file_against_ledger(evidence, batch, name)
        elif batch["state"] not in NOT_SENT:
            yield f"{name}: batch is {batch['state']}, but there is no file"
        if name in taken:
            yield from _bank_against_ledger(evidence, batch, taken[name])
        elif batch["state"] in ANSWERED:
            yield f"{name}: reconciled, but the bank did not take it"
    references = Counter(order["reference"] for order in _orders(evidence))
    for reference, number in references.items():
        if number > 1:
            yield f"the bank booked reference {reference} {number} times"


def _file_against_ledger(evidence: Evidence, batch: Row, name: str) -> Iterator[str]:
    file = next(file for file in evidence.files if file.name == name)
    if file.sha256 != bytes(batch["sha256"]).hex():
        yield f"{name}: the file's SHA-256 is not the approved one"
    totals = (len(file.orders), sum(yen for _, _, yen in file.orders))
    if totals != (file.trailer_records, file.trailer_yen):
        yield f"{name}: lines {totals}, trailer {(file.trailer_records, file.trailer_yen)}"
    if totals != (batch["records"], batch["amount_yen"]):
        yield f"{name}: lines {totals}, ledger {(batch['records'], batch['amount_yen'])}"
    ours = {
        (line["line_number"], line["reference"], line["amount_yen"])
        for line in evidence.lines
        if line["batch_id"] == batch["batch_id"]
    }
    if ours != set(file.orders):
        yield f"{name}: {len(ours ^ set(file.orders))} lines differ between file and ledger"
    approved = [row for row in evidence.approvals if row["batch_id"] == batch["batch_id"]]
    if not any(row["sha256"] == batch["sha256"] for row in approved):
        yield f"{name}: sent without an approval of these bytes"
    if any(row["maker"] == row["checker"] for row in approved):
        yield f"{name}: approved by its maker"


def _bank_against_ledger(evidence: Evidence, batch: Row, taken: Row) -> Iterator[str]:
    name = batch["file_name"]
    if batch["state"] in MAY_BE_SENT_ANEW:
        yield f"{name}: the bank took it, but the batch is {batch['state']}"
    if taken["sha256"] != bytes(batch["sha256"]).hex():
        yield f"{name}: the bank took other bytes than were approved"
    if (taken["records"], taken["yen"]) != (batch["records"], batch["amount_yen"]):
        yield f"{name}: the bank took {taken['records']} records, {taken['yen']} yen"
    orders = [order for order in _orders(evidence) if order["file"] == name]
    paid = sum(order["amount_yen"] for order in orders if order["result"] == PAID)
    back = sum(order["amount_yen"] for order in orders if order["result"] != PAID)
    if paid + back != taken["yen"]:
        yield f"{name}: bank accepted {taken['yen']} yen, paid {paid}, gave back {back}"
    if batch["state"] in ANSWERED:
        ours = Counter[str]()
        for row in evidence.payments:
            if row["batch_id"] == batch["batch_id"]:
                # Only money that came back can give way while it still names its file.
                state = "returned" if row["state"] in GONE else row["state"]
                ours[state] += row["amount_yen"]
        if (ours["settled"], ours["returned"]) != (paid, back):
            yield (
                f"{name}: ledger settled {ours['settled']} and returned {ours['returned']}, "
                f"bank paid {paid} and gave back {back}"
            )


def _orders(evidence: Evidence) -> Iterator[Row]:
    return (entry for entry in evidence.books if entry["entry"] == "order")
