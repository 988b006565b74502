"""What goes out (events, notices), where the consumers stand, and the views of the outside checker.

The views are public: a checker that shares no code with this service reads them, so a column is
only ever added.
"""

from alembic import op

from chassis.kafka.offsets import consumer_offset_ddl
from chassis.outbox import outbox_ddl

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "payments"

STATEMENTS = (
    """
    CREATE TABLE notice_outbox (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id     bytea NOT NULL UNIQUE,
        payload      bytea NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now(),
        published_at timestamptz,
        -- notify will never take it; a task stands open
        refused      text
    )
    """,
    """
    CREATE INDEX notice_outbox_unpublished ON notice_outbox (id)
    WHERE published_at IS NULL AND refused IS NULL
    """,
    """
    CREATE VIEW checker_payment AS
    SELECT p.payment_id, p.application_id, p.programme, p.claim_unit_id, p.party_kind, p.party_id,
           p.revision, p.municipality_code, p.amount_yen, p.payout, p.state, p.version,
           p.batch_id, p.batch_id AS file_name, p.line_number, p.bank_result, p.planned_at,
           p.changed_at
    FROM payment p
    """,
    """
    CREATE VIEW checker_item AS
    SELECT programme, beneficiary_id, occurrence, amount_yen, payment_id, claim_unit_id, live
    FROM item
    """,
    """
    CREATE VIEW checker_batch AS
    SELECT batch_id, batch_id AS file_name, programme, municipality_code, value_date, state,
           attempt, records, amount_yen, sha256, maker, checker, returned_records, returned_yen,
           frozen_at, changed_at
    FROM batch
    """,
    """
    CREATE VIEW checker_line AS
    SELECT batch_id, line_number, lpad(reference::text, 20, '0') AS reference, payment_id,
           amount_yen
    FROM batch_line
    """,
    """
    CREATE VIEW checker_approval AS
    SELECT batch_id, sha256, maker, checker, approved_at FROM approval
    """,
    """
    CREATE VIEW checker_transfer AS
    SELECT t.payment_id, t.payment_version, d.programme, d.municipality_code,
           d.kind AS debit, c.kind AS credit, t.amount_yen, t.cause, t.actor, t.at
    FROM transfer t
    JOIN account d ON d.account_id = t.debit_account
    JOIN account c ON c.account_id = t.credit_account
    """,
    """
    CREATE VIEW checker_balance AS
    SELECT a.programme, a.municipality_code, a.kind AS station, b.amount_yen, b.payments
    FROM account a JOIN balance b USING (account_id)
    """,
)


def upgrade() -> None:
    op.execute(outbox_ddl(SCHEMA))
    op.execute(consumer_offset_ddl(SCHEMA))
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("money is not migrated backwards")
