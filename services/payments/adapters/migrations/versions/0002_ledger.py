"""The accounts: a transfer moves yen from one account to another, so the books always balance.

A payment's version names its transfer, so the same change cannot be posted twice. Transfers,
approvals and audit rows are only ever added: triggers stand on every partition, because a statement
against a partition bypasses the parent's.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

HASH_PARTITIONS = 8

TABLES = (
    """
    CREATE TABLE account (
        account_id        int  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        programme         text NOT NULL,
        municipality_code text NOT NULL,
        -- "appropriation" gives; every other kind is a station of a payment
        kind              text NOT NULL,
        UNIQUE (programme, municipality_code, kind)
    )
    """,
    """
    CREATE TABLE balance (
        account_id int    PRIMARY KEY REFERENCES account,
        -- received minus given
        amount_yen bigint NOT NULL,
        payments   bigint NOT NULL
    )
    """,
    """
    CREATE TABLE transfer (
        payment_id      bytea  NOT NULL,
        payment_version int    NOT NULL,
        debit_account   int    NOT NULL,
        credit_account  int    NOT NULL,
        amount_yen      bigint NOT NULL CHECK (amount_yen > 0),
        cause           bytea  NOT NULL,
        actor           text   NOT NULL,
        at              timestamptz NOT NULL,
        CHECK (debit_account <> credit_account),
        PRIMARY KEY (payment_id, payment_version)
    ) PARTITION BY HASH (payment_id)
    """,
    """
    CREATE TABLE budget (
        programme         text   NOT NULL,
        municipality_code text   NOT NULL,
        limit_yen         bigint NOT NULL CHECK (limit_yen >= 0),
        committed_yen     bigint NOT NULL CHECK (committed_yen >= 0),
        CHECK (committed_yen <= limit_yen),
        PRIMARY KEY (programme, municipality_code)
    )
    """,
    """
    CREATE TABLE audit (
        audit_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at         timestamptz NOT NULL,
        actor      text   NOT NULL,
        action     text   NOT NULL,
        subject    text   NOT NULL,
        cause      bytea  NOT NULL,
        payments   int    NOT NULL,
        amount_yen bigint NOT NULL
    )
    """,
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END $$
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for part in range(HASH_PARTITIONS):
        op.execute(
            f"CREATE TABLE transfer_{part} PARTITION OF transfer"
            f" FOR VALUES WITH (MODULUS {HASH_PARTITIONS}, REMAINDER {part})"
        )
    tables = ("transfer", *(f"transfer_{part}" for part in range(HASH_PARTITIONS)), "audit")
    for table in tables:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM PUBLIC, CURRENT_USER")


def downgrade() -> None:
    raise NotImplementedError("money is not migrated backwards")
