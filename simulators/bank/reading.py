"""The bank's own reading of a 総合振込 file (種別 21). Whole file or nothing.

Source of the layout: 全銀協 適用業務およびレコード・フォーマット, 総合振込; offsets are 0-based.
"""

from dataclasses import dataclass

RECORD_BYTES = 120
SEPARATOR = b"\r\n"
TRANSFER = b"21"
ALLOWED = frozenset(b" ()-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") | frozenset(range(0xB1, 0xE0))


class Refused(Exception):
    """The whole file is refused; `rule` is a constant, `line` the record from 1."""

    def __init__(self, rule: str, line: int) -> None:
        super().__init__(f"{rule} in record {line}")
        self.rule = rule
        self.line = line


@dataclass(frozen=True, slots=True)
class Order:
    """One payment as ordered: `reference` is the payer's, 20 digits."""

    line: int
    raw: bytes
    account: str
    holder: bytes
    amount_yen: int
    reference: str


def read_orders(content: bytes) -> list[Order]:
    """Every order of the file.

    Raises:
        Refused: at the first record that is not as the format says.
    """
    records = content.split(SEPARATOR)
    if records and records[-1] == b"":
        records.pop()
    for number, record in enumerate(records, 1):
        if len(record) != RECORD_BYTES:
            raise Refused("record_length", number)
    if len(records) < 4 or records[0][:1] != b"1" or records[0][1:3] != TRANSFER:
        raise Refused("header", 1)
    if records[0][3:4] != b"0":
        raise Refused("code_kubun", 1)
    if records[-1][:1] != b"9":
        raise Refused("end_record", len(records))
    orders = [_order(record, number) for number, record in enumerate(records[1:-2], 1)]
    _check_trailer(records[-2], orders, len(records) - 1)
    return orders


def _order(record: bytes, line: int) -> Order:
    number = line + 1
    if record[:1] != b"2":
        raise Refused("data_record", number)
    digits = (record[1:5], record[20:23], record[42:43], record[43:50], record[80:90])
    if not all(part.isdigit() for part in digits) or not record[91:111].isdigit():
        raise Refused("not_numeric", number)
    if not record[50:80].strip() or not ALLOWED.issuperset(record[50:80]):
        raise Refused("holder", number)
    amount = int(record[80:90])
    if amount <= 0:
        raise Refused("amount", number)
    return Order(
        line=line,
        raw=record,
        account=b"".join(digits[:4]).decode(),
        holder=record[50:80].rstrip(),
        amount_yen=amount,
        reference=record[91:111].decode(),
    )


def _check_trailer(record: bytes, orders: list[Order], number: int) -> None:
    if record[:1] != b"8" or not record[1:19].isdigit():
        raise Refused("trailer", number)
    if int(record[1:7]) != len(orders):
        raise Refused("trailer_count", number)
    if int(record[7:19]) != sum(order.amount_yen for order in orders):
        raise Refused("trailer_sum", number)
