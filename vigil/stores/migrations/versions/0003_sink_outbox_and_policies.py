"""Documents that wait for the sink; compression and retention where TimescaleDB is."""

from alembic import op

from vigil.stores.database import has_timescale

revision = "0003"
down_revision = "0002"

# Documents are kept until the sink has taken them, so that a sink that is down delays nobody.
OUTBOX = """
CREATE TABLE sink_outbox (
    consumer text NOT NULL,
    epoch bigint NOT NULL,
    scores bytea NOT NULL,
    alerts jsonb NOT NULL,
    PRIMARY KEY (consumer, epoch)
);
"""

# Table → what its rows are looked up by, and how long they are kept.
POLICIES = {
    "request_windows": ("key_id", "400 days"),
    "metric_windows": ("series_id", "400 days"),
    "scores": ("series_id", "90 days"),
}
COMPRESS_AFTER = "7 days"


def upgrade() -> None:
    op.execute(OUTBOX)
    if not has_timescale(op.get_bind()):
        return
    for table, (segment_by, kept) in POLICIES.items():
        op.execute(
            f"ALTER TABLE {table} SET (timescaledb.compress,"
            f" timescaledb.compress_segmentby = '{segment_by}',"
            " timescaledb.compress_orderby = 'window_start')"
        )
        op.execute(f"SELECT add_compression_policy('{table}', INTERVAL '{COMPRESS_AFTER}')")
        op.execute(f"SELECT add_retention_policy('{table}', INTERVAL '{kept}')")
