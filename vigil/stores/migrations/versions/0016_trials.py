"""Challengers in the shadow of the champion: trials, and what each made of the live stream."""

from alembic import op

revision = "0016"
down_revision = "0015"

TABLES = """
CREATE TABLE trials (
    trial_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purpose text NOT NULL CHECK (purpose IN ('challenge', 'probation')),
    champion_id text NOT NULL,
    shadow_id text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    replay jsonb,
    ended_at timestamptz,
    verdict text,
    reason text
);
-- One shadow at a time: each costs as much as the scoring itself.
CREATE UNIQUE INDEX one_open_trial ON trials ((true)) WHERE ended_at IS NULL;
CREATE TABLE shadow_hours (
    trial_id bigint NOT NULL,
    hour timestamptz NOT NULL,
    windows bigint NOT NULL,
    champion_flagged bigint NOT NULL,
    shadow_flagged bigint NOT NULL,
    champion_strange bigint NOT NULL,
    shadow_strange bigint NOT NULL,
    PRIMARY KEY (trial_id, hour)
);
CREATE TABLE shadow_pages (
    trial_id bigint NOT NULL,
    role text NOT NULL,
    alert_id text NOT NULL,
    at timestamptz NOT NULL,
    severity text NOT NULL,
    title text NOT NULL,
    PRIMARY KEY (trial_id, role, alert_id)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
