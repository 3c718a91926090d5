"""Results of fault drills, one row a drill and service."""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = """
CREATE TABLE drills (
    drilled_at timestamptz NOT NULL,
    service text NOT NULL,
    faults integer NOT NULL,
    found integer NOT NULL,
    missed text[] NOT NULL,
    delay_s double precision,
    false_alarms integer NOT NULL,
    PRIMARY KEY (drilled_at, service)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
