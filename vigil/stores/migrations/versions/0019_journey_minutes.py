"""Journeys minute by minute."""

from alembic import op

revision = "0019"
down_revision = "0018"

TABLE = """
CREATE TABLE journey_minutes (
    window_start timestamptz NOT NULL,
    journey text NOT NULL,
    traces double precision NOT NULL,
    errors double precision NOT NULL,
    broken double precision NOT NULL,
    duration_ms_sum double precision NOT NULL,
    duration_ms_max double precision NOT NULL,
    PRIMARY KEY (window_start, journey)
)
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE journey_minutes")
