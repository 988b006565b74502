"""Claims, payments, items, holds, and the inbox that lets a decision take effect once.

Big tables are partitioned by hash, because UNIQUE cannot stand on partitions by date.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

HASH_PARTITIONS = 8

TABLES = (
    """
    CREATE TABLE inbox (event_id bytea PRIMARY KEY CHECK (octet_length(event_id) = 16))
    PARTITION BY HASH (event_id)
    """,
    """
    CREATE TABLE claim (
        claim_unit_id      bytea    NOT NULL CHECK (octet_length(claim_unit_id) = 16),
        programme          text     NOT NULL,
        party_id           bytea    NOT NULL,
        highest_revision   int      NOT NULL DEFAULT 0 CHECK (highest_revision >= 0),
        -- revisions up to this one were withdrawn, whether or not they ever arrived here
        withdrawn_revision int      NOT NULL DEFAULT 0 CHECK (withdrawn_revision >= 0),
        current_payment_id bytea,
        protected          boolean  NOT NULL DEFAULT false,
        PRIMARY KEY (claim_unit_id, programme, party_id)
    ) PARTITION BY HASH (claim_unit_id)
    """,
    """
    CREATE TABLE payment (
        claim_unit_id       bytea    NOT NULL,
        payment_id          bytea    NOT NULL CHECK (octet_length(payment_id) = 16),
        programme           text     NOT NULL,
        party_id            bytea    NOT NULL,
        party_kind          smallint NOT NULL,
        protected           boolean  NOT NULL,
        revision            int      NOT NULL CHECK (revision > 0),
        application_id      bytea    NOT NULL,
        municipality_code   text     NOT NULL,
        amount_yen          bigint   NOT NULL CHECK (amount_yen > 0),
        payout              text     NOT NULL CHECK (payout IN ('account', 'cash')),
        state               text     NOT NULL CHECK (state IN ('planned', 'held',
            'awaiting_budget', 'frozen', 'releasing', 'sent', 'unknown', 'settled', 'returned',
            'cancelled', 'replaced')),
        version             int      NOT NULL CHECK (version > 0),
        batch_id            text,
        line_number         int CHECK (line_number > 0),
        bank_result         smallint,
        account_sealed      bytea    NOT NULL,
        contact_sealed      bytea    NOT NULL,
        language            text     NOT NULL,
        account_fingerprint bytea    NOT NULL,
        planned_at          timestamptz NOT NULL,
        changed_at          timestamptz NOT NULL,
        CHECK ((batch_id IS NULL) = (line_number IS NULL)),
        CHECK (state NOT IN ('frozen', 'releasing', 'sent', 'unknown', 'settled')
               OR batch_id IS NOT NULL),
        PRIMARY KEY (claim_unit_id, payment_id),
        UNIQUE (claim_unit_id, programme, party_id, revision)
    ) PARTITION BY HASH (claim_unit_id)
    """,
    """
    CREATE UNIQUE INDEX payment_one_alive ON payment (claim_unit_id, programme, party_id)
    WHERE state NOT IN ('cancelled', 'replaced')
    """,
    """
    CREATE INDEX payment_waiting ON payment (programme, municipality_code, state, claim_unit_id)
    WHERE state IN ('planned', 'held', 'awaiting_budget')
    """,
    "CREATE INDEX payment_of_batch ON payment (batch_id) WHERE batch_id IS NOT NULL",
    """
    CREATE TABLE item (
        beneficiary_id bytea   NOT NULL CHECK (octet_length(beneficiary_id) = 16),
        programme      text    NOT NULL,
        occurrence     text    NOT NULL,
        payment_id     bytea   NOT NULL,
        claim_unit_id  bytea   NOT NULL,
        amount_yen     bigint  NOT NULL CHECK (amount_yen > 0),
        live           boolean NOT NULL,
        PRIMARY KEY (beneficiary_id, programme, occurrence, payment_id)
    ) PARTITION BY HASH (beneficiary_id)
    """,
    """
    CREATE UNIQUE INDEX item_one_live ON item (beneficiary_id, programme, occurrence) WHERE live
    """,
    "CREATE INDEX item_of_payment ON item (payment_id)",
    """
    CREATE TABLE hold (
        claim_unit_id bytea    NOT NULL,
        programme     text     NOT NULL,
        hold_id       bytea    NOT NULL,
        -- empty: every party of the claim unit
        party_id      bytea    NOT NULL,
        cause         smallint NOT NULL,
        version       int      NOT NULL,
        active        boolean  NOT NULL,
        changed_at    timestamptz NOT NULL,
        PRIMARY KEY (claim_unit_id, programme, hold_id)
    ) PARTITION BY HASH (claim_unit_id)
    """,
)
PARTITIONED = ("inbox", "claim", "payment", "item", "hold")


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table in PARTITIONED:
        for part in range(HASH_PARTITIONS):
            op.execute(
                f"CREATE TABLE {table}_{part} PARTITION OF {table}"
                f" FOR VALUES WITH (MODULUS {HASH_PARTITIONS}, REMAINDER {part})"
            )


def downgrade() -> None:
    raise NotImplementedError("money is not migrated backwards")
