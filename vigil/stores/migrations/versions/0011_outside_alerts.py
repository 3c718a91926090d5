"""Alerts of other systems, as evidence beside Vigil's own."""

from alembic import op

revision = "0011"
down_revision = "0010"

TABLES = """
CREATE TABLE outside_alerts (
    fingerprint text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    labels jsonb NOT NULL,
    annotations jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (fingerprint, starts_at)
);
CREATE INDEX outside_alerts_by_time ON outside_alerts (starts_at);
"""


def upgrade() -> None:
    op.execute(TABLES)
