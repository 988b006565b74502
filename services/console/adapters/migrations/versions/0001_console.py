"""Review queue, trace projection, dead letters, audit log, consumer offsets and the outbox."""

from alembic import op

from chassis.kafka.offsets import consumer_offset_ddl
from chassis.outbox import outbox_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE console.review (
    review_id         bytea    PRIMARY KEY CHECK (octet_length(review_id) = 16),
    stage             smallint NOT NULL,
    stage_key         bytea    NOT NULL,
    stage_event_type  text     NOT NULL,
    -- the event the stage was judging, with sealed values; emptied when the review is answered
    stage_event       bytea    NOT NULL,
    application_id    bytea    NOT NULL,
    programme         text     NOT NULL,
    municipality_code text     NOT NULL,
    reason_numbers    int[]    NOT NULL,
    opened_at_ms      bigint   NOT NULL,
    protected         boolean  NOT NULL,
    traceparent       text,
    resolution        text CHECK (resolution IN ('accept', 'refuse')),
    actor             text,
    resolved_at_ms    bigint,
    CHECK ((resolution IS NULL) = (actor IS NULL)),
    CHECK ((resolution IS NULL) = (resolved_at_ms IS NULL))
);
CREATE INDEX review_order ON console.review (opened_at_ms, review_id);
CREATE INDEX review_open ON console.review (opened_at_ms, review_id) WHERE resolution IS NULL;
-- No personal data: no fingerprint, sealed value, resident or household id has a column here.
CREATE TABLE console.trace_event (
    event_id          bytea    PRIMARY KEY,
    application_id    bytea    NOT NULL CHECK (octet_length(application_id) = 20),
    stage             smallint NOT NULL,
    event             text     NOT NULL,
    at_ms             bigint   NOT NULL,
    programme         text     NOT NULL,
    receipt_number    text     NOT NULL,
    municipality_code text     NOT NULL,
    outcome           text     NOT NULL,
    reasons           text[]   NOT NULL,
    amount_yen        bigint   NOT NULL,
    revision          int      NOT NULL,
    file_name         text     NOT NULL,
    line_number       int      NOT NULL,
    detail            text     NOT NULL,
    ordinal           int      NOT NULL,
    protected         boolean  NOT NULL
);
CREATE INDEX trace_event_application ON console.trace_event (application_id);
CREATE TABLE console.dead_letter (
    dead_letter_id   bytea  PRIMARY KEY,
    source_topic     text   NOT NULL,
    source_partition int    NOT NULL,
    source_offset    bigint NOT NULL,
    key_digest       bytea  NOT NULL,
    value_digest     bytea  NOT NULL,
    consumer         text   NOT NULL,
    reason           text   NOT NULL,
    at_ms            bigint NOT NULL,
    replayed_at_ms   bigint,
    replayed_by      text,
    UNIQUE (source_topic, source_partition, source_offset, consumer)
);
CREATE INDEX dead_letter_order ON console.dead_letter (at_ms, dead_letter_id);
CREATE TABLE console.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms   bigint NOT NULL,
    actor   text   NOT NULL,
    roles   text[] NOT NULL,
    action  text   NOT NULL,
    subject text   NOT NULL,
    result  text   NOT NULL
);
CREATE INDEX audit_subject ON console.audit (subject)
"""
# Append-only also for the table's owner: a correction is another entry.
_APPEND_ONLY = """
CREATE FUNCTION console.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON console.audit
    FOR EACH STATEMENT EXECUTE FUNCTION console.refuse_change()
"""


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_APPEND_ONLY)
    op.execute(consumer_offset_ddl("console"))
    op.execute(outbox_ddl("console"))


def downgrade() -> None:
    raise NotImplementedError("forward only: an audit log is not taken back")
