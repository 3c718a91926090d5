"""Calls between services by minute, and changes made to them."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE TABLE service_edges (
    window_start timestamptz NOT NULL,
    caller text NOT NULL,
    service text NOT NULL,
    environment text NOT NULL,
    requests bigint NOT NULL,
    errors bigint NOT NULL,
    duration_ms_sum double precision NOT NULL,
    duration_ms_max double precision NOT NULL,
    PRIMARY KEY (window_start, caller, service, environment)
);
CREATE TABLE changes (
    change_id text PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    service text,
    environment text,
    version text,
    author text,
    description text NOT NULL
);
CREATE INDEX changes_by_time ON changes (at);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE changes, service_edges")
