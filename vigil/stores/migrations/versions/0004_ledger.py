"""The ledger: old decisions in compressed blocks, and which incident a flagged window joined."""

from alembic import op

revision = "0004"
down_revision = "0003"

# The index over all rows would be met by flagged ones only once the others are in blocks.
TABLES = """
CREATE TABLE score_blocks (
    series_id bigint NOT NULL,
    block_start timestamptz NOT NULL,
    windows integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (series_id, block_start)
);
ALTER TABLE score_blocks ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX score_blocks_by_time ON score_blocks (block_start);
DROP INDEX scores_by_time;
CREATE INDEX scores_unflagged ON scores (window_start) WHERE NOT flagged;
CREATE TABLE attributions (
    series_id bigint NOT NULL,
    window_start timestamptz NOT NULL,
    incident_id text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (series_id, window_start)
);
CREATE INDEX attributions_by_time ON attributions (window_start);
"""


def upgrade() -> None:
    op.execute(TABLES)
