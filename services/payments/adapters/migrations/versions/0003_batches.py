"""Bank files: batches, lines, approvals bound to the very bytes, and what the bank answered."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HASH_PARTITIONS = 8

TABLES = (
    # Never used again, not even by a line whose file was voided.
    "CREATE SEQUENCE payment_reference AS bigint MINVALUE 1 NO CYCLE",
    """
    CREATE TABLE batch_request (
        request_id        text PRIMARY KEY,
        programme         text NOT NULL,
        municipality_code text NOT NULL,
        maker             text NOT NULL,
        held_records      bigint NOT NULL DEFAULT 0,
        requested_at      timestamptz NOT NULL,
        completed_at      timestamptz
    )
    """,
    """
    CREATE TABLE batch (
        batch_id          text   PRIMARY KEY,
        programme         text   NOT NULL,
        municipality_code text   NOT NULL,
        value_date        date   NOT NULL,
        number            int    NOT NULL CHECK (number > 0),
        state             text   NOT NULL CHECK (state IN ('proposed', 'frozen', 'approved',
            'releasing', 'sent', 'receipted', 'file_rejected', 'unknown', 'reconciled', 'voided')),
        attempt           int    NOT NULL DEFAULT 0,
        records           int    NOT NULL CHECK (records > 0),
        amount_yen        bigint NOT NULL CHECK (amount_yen > 0),
        sha256            bytea  NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
        maker             text   NOT NULL CHECK (maker <> ''),
        checker           text   CHECK (checker <> maker),
        request_id        text   NOT NULL REFERENCES batch_request,
        returned_records  int    NOT NULL DEFAULT 0,
        returned_yen      bigint NOT NULL DEFAULT 0,
        frozen_at         timestamptz NOT NULL,
        changed_at        timestamptz NOT NULL,
        UNIQUE (programme, municipality_code, value_date, number),
        UNIQUE (batch_id, sha256, maker),
        CHECK (state NOT IN ('approved', 'releasing', 'sent', 'receipted', 'file_rejected',
            'unknown', 'reconciled') OR checker IS NOT NULL)
    )
    """,
    "CREATE INDEX batch_of_request ON batch (request_id)",
    # The bytes that were hashed, sealed, because they hold account numbers.
    """
    CREATE TABLE batch_file (
        batch_id     text  PRIMARY KEY REFERENCES batch,
        bytes_sealed bytea NOT NULL
    )
    """,
    """
    CREATE TABLE batch_line (
        reference     bigint NOT NULL,
        batch_id      text   NOT NULL,
        line_number   int    NOT NULL,
        payment_id    bytea  NOT NULL,
        claim_unit_id bytea  NOT NULL,
        amount_yen    bigint NOT NULL CHECK (amount_yen > 0),
        PRIMARY KEY (reference)
    ) PARTITION BY HASH (reference)
    """,
    "CREATE INDEX batch_line_of_batch ON batch_line (batch_id, line_number)",
    """
    CREATE TABLE approval (
        batch_id    text  NOT NULL,
        sha256      bytea NOT NULL,
        maker       text  NOT NULL,
        checker     text  NOT NULL CHECK (checker <> ''),
        approved_at timestamptz NOT NULL,
        CHECK (checker <> maker),
        PRIMARY KEY (batch_id, checker),
        FOREIGN KEY (batch_id, sha256, maker) REFERENCES batch (batch_id, sha256, maker)
    )
    """,
    """
    CREATE TABLE bank_answer (
        file_name text  PRIMARY KEY,
        sha256    bytea NOT NULL,
        batch_id  text  NOT NULL,
        kind      text  NOT NULL CHECK (kind IN ('receipt', 'result')),
        outcome   text  NOT NULL CHECK (outcome IN ('taken', 'refused')),
        reason    text  NOT NULL,
        read_at   timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE task (
        task_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind      text NOT NULL,
        subject   text NOT NULL,
        reason    text NOT NULL,
        opened_at timestamptz NOT NULL,
        closed_at timestamptz,
        UNIQUE (kind, subject)
    )
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for part in range(HASH_PARTITIONS):
        op.execute(
            f"CREATE TABLE batch_line_{part} PARTITION OF batch_line"
            f" FOR VALUES WITH (MODULUS {HASH_PARTITIONS}, REMAINDER {part})"
        )
    op.execute(
        "CREATE TRIGGER approval_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON approval"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON approval FROM PUBLIC, CURRENT_USER")


def downgrade() -> None:
    raise NotImplementedError("money is not migrated backwards")
