"""Looks ahead at objectives: how probable a break was said to be, and what came of it."""

from alembic import op

revision = "0017"
down_revision = "0016"

TABLES = """
CREATE TABLE looks_ahead (
    objective text NOT NULL,
    at timestamptz NOT NULL,
    probability double precision NOT NULL,
    settled boolean NOT NULL,
    lead_s double precision,
    PRIMARY KEY (objective, at)
);
CREATE INDEX looks_ahead_waiting ON looks_ahead (objective) WHERE NOT settled;
"""


def upgrade() -> None:
    op.execute(TABLES)
