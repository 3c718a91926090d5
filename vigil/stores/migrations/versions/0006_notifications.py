"""Notifications, silences, acknowledgements and what the dispatcher remembers."""

from alembic import op

revision = "0006"
down_revision = "0005"

# `sequence` orders alerts of one moment: their ids do not.
TABLES = """
ALTER TABLE alerts ADD COLUMN sequence bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE alerts ADD COLUMN dispatched_at timestamptz;
UPDATE alerts SET dispatched_at = delivered_at;
DROP INDEX alerts_undelivered;
ALTER TABLE alerts DROP COLUMN attempts;
ALTER TABLE alerts DROP COLUMN last_error;
CREATE INDEX alerts_undispatched ON alerts (sequence) WHERE dispatched_at IS NULL;
CREATE INDEX alerts_by_incident ON alerts (incident_id);
CREATE TABLE notifications (
    notification_id text PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    alert_id text NOT NULL,
    incident_id text NOT NULL,
    channel text NOT NULL,
    action text NOT NULL,
    document jsonb NOT NULL,
    status text NOT NULL DEFAULT 'waiting',
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    sent_at timestamptz,
    last_error text
);
CREATE INDEX notifications_waiting ON notifications (sequence) WHERE status = 'waiting';
CREATE INDEX notifications_by_incident ON notifications (incident_id);
CREATE TABLE cases (
    incident_id text PRIMARY KEY,
    open boolean NOT NULL,
    state jsonb NOT NULL
);
CREATE INDEX cases_open ON cases (incident_id) WHERE open;
CREATE TABLE dispatch_log (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id text NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    words text NOT NULL
);
CREATE INDEX dispatch_log_by_incident ON dispatch_log (incident_id);
CREATE TABLE dispatch_limits (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    state jsonb NOT NULL
);
CREATE TABLE silences (
    silence_id text PRIMARY KEY,
    match jsonb NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    author text NOT NULL,
    comment text NOT NULL,
    CHECK (ends_at >= starts_at)
);
CREATE INDEX silences_by_end ON silences (ends_at);
CREATE TABLE acknowledgements (
    incident_id text PRIMARY KEY,
    author text NOT NULL,
    at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    op.execute(TABLES)
