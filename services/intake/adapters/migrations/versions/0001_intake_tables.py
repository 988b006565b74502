"""Idempotency keys, the status projection, and the positions of its feed.

Revision ID: 0001
Revises:
"""

from alembic import op

from chassis.kafka.offsets import consumer_offset_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # key_digest is the keyed digest of client, programme and Idempotency-Key; request_digest covers
    # body and credential. Neither can be read back, and neither names a person.
    op.execute(
        """
        CREATE TABLE idempotency (
            key_digest bytea PRIMARY KEY CHECK (octet_length(key_digest) = 16),
            request_digest bytea NOT NULL CHECK (octet_length(request_digest) = 32),
            first_seen_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(
        """
        CREATE TABLE application_status (
            application_id bytea PRIMARY KEY CHECK (octet_length(application_id) = 20),
            client_id text,
            subject bytea CHECK (octet_length(subject) = 16),
            submitted_at_ms bigint,
            decision text,
            decision_knows_claim_unit boolean,
            decided_at_ms bigint,
            reasons text[] NOT NULL DEFAULT '{}',
            amount_yen bigint CHECK (amount_yen >= 0),
            payment text,
            payment_id bytea,
            payment_version integer,
            paid_at_ms bigint
        )
        """
    )
    op.execute(consumer_offset_ddl("intake"))


def downgrade() -> None:
    for table in ("consumer_offset", "application_status", "idempotency"):
        op.execute(f"DROP TABLE {table}")
