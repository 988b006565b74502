"""Notices, the SMS providers told of them, consumer offsets and the outbox."""

from alembic import op

from chassis.kafka.offsets import consumer_offset_ddl
from chassis.outbox import outbox_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOTICES = """
CREATE TABLE notify.notice (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id        bytea    NOT NULL CHECK (octet_length(event_id) = 16),
    slot            smallint NOT NULL,
    application_id  bytea    NOT NULL CHECK (octet_length(application_id) = 20),
    template        text     NOT NULL,
    language        text     NOT NULL,
    programme       text     NOT NULL,
    receipt_number  text     NOT NULL,
    amount_yen      bigint   NOT NULL CHECK (amount_yen >= 0),
    reasons         text[]   NOT NULL,
    -- kyufu.events.v1.Sealed; emptied when the notice ends
    sealed_contact  bytea    NOT NULL,
    content_digest  bytea    NOT NULL,
    traceparent     text,
    -- services/notify/domain/notices.py, State
    state           smallint NOT NULL CHECK (state BETWEEN 0 AND 3),
    attempts        int      NOT NULL DEFAULT 0,
    unanswered_asks int      NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL,
    accepted_at     timestamptz NOT NULL,
    ended_at        timestamptz,
    channel         text CHECK (channel IN ('email', 'sms')),
    -- provider that delivered, or the constant reason of the last attempt
    result          text,
    CONSTRAINT notice_once UNIQUE (event_id, slot),
    CHECK ((state = 0) = (ended_at IS NULL))
);
CREATE INDEX notice_due ON notify.notice (due_at) WHERE state = 0;
-- Written beside a claim that holds the notice's row: a foreign key would wait for that lock.
CREATE TABLE notify.told (
    notice_id bigint NOT NULL,
    provider  text   NOT NULL,
    PRIMARY KEY (notice_id, provider)
)
"""


def upgrade() -> None:
    op.execute(_NOTICES)
    op.execute(consumer_offset_ddl("notify"))
    op.execute(outbox_ddl("notify"))


def downgrade() -> None:
    raise NotImplementedError("forward only: a notice that was sent is not unsent")
