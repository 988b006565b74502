"""The published example file as values, and strategies for files like it."""

from pathlib import Path

from hypothesis import strategies as st

from jpbank import kana
from jpbank.accounts import AccountType
from jpbank.zengin import TransferFile, TransferHeader, TransferRecord

VECTOR_BYTES = (Path(__file__).parent / "data" / "vector_sougou_crlf.dat").read_bytes()

HEADER = TransferHeader(
    client_code="1234567890",
    client_name="ﾃｽﾄｼ ｶｲｹｲｶﾝﾘｼﾔ",
    value_date_mmdd="0529",
    bank_code="9999",
    branch_code="001",
    account_type=AccountType.ORDINARY,
    account_number="1234567",
    bank_name="ﾃｽﾄ",
    branch_name="ﾎﾝﾃﾝ",
)
FIRST = TransferRecord(
    bank_code="9900",
    branch_code="058",
    account_type=AccountType.ORDINARY,
    account_number="1234567",
    payee_name="ﾔﾏﾀﾞ ｼﾖｳｺ",
    amount_yen=300_000,
    reference="00000000010000000003",
    bank_name="ﾕｳﾁﾖ",
    branch_name="ｾﾞﾛｺﾞﾊﾁ",
)
SECOND = TransferRecord(
    bank_code="9999",
    branch_code="002",
    account_type=AccountType.ORDINARY,
    account_number="0000042",
    payee_name="ｳﾞｱﾝ ﾀﾞｲｸ",
    amount_yen=100_000,
    reference="00000000020000000001",
    bank_name="ﾃｽﾄ",
    branch_name="ｶﾞｸﾌﾞﾁ",
    new_code="0",
)
VECTOR = TransferFile(HEADER, (FIRST, SECOND))


def _digits(length: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=length, max_size=length)


def _name(character_class: kana.CharacterClass, low: int, high: int) -> st.SearchStrategy[str]:
    letters = "".join(sorted(kana.LEGAL_CHARACTERS[character_class]))
    return (
        st.text(letters, min_size=low, max_size=high)
        .filter(lambda text: text == text.strip(" "))
        .filter(lambda text: kana.is_legal(text, character_class))
    )


PARTY = _name(kana.CharacterClass.PARTY_NAME, 1, 30)
BANK = _name(kana.CharacterClass.BANK_NAME, 0, 15)

records = st.builds(
    TransferRecord,
    bank_code=_digits(4),
    branch_code=_digits(3),
    account_type=st.sampled_from(AccountType),
    account_number=_digits(7),
    payee_name=PARTY,
    amount_yen=st.integers(1, 9_999_999_999),
    reference=_digits(20),
    bank_name=BANK,
    branch_name=BANK,
    new_code=st.sampled_from(["0", "1", "2"]),
)
edi_records = st.builds(
    TransferRecord,
    bank_code=_digits(4),
    branch_code=_digits(3),
    account_type=st.sampled_from(AccountType),
    account_number=_digits(7),
    payee_name=PARTY,
    amount_yen=st.integers(1, 9_999_999_999),
    reference=st.just(""),
    transfer_class=st.sampled_from(["7", "8"]),
    edi_information=_name(kana.CharacterClass.EDI, 0, 20),
)
headers = st.builds(
    TransferHeader,
    client_code=_digits(10),
    client_name=PARTY,
    value_date_mmdd=st.dates().map(lambda day: f"{day.month:02d}{day.day:02d}"),
    bank_code=_digits(4),
    branch_code=_digits(3),
    account_type=st.sampled_from([AccountType.ORDINARY, AccountType.CURRENT, AccountType.OTHER]),
    account_number=_digits(7),
    bank_name=BANK,
    branch_name=BANK,
)
files = st.builds(
    TransferFile,
    header=headers,
    records=st.lists(records | edi_records, min_size=1, max_size=5, unique=True).map(tuple),
)
