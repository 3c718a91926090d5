"""Rollups of 1 min, 5 min and 1 h: continuous aggregates in TimescaleDB, views elsewhere.

Sums and counts only: they merge exactly. Quantiles of a longer window come from the merged
sketches (`vigil.windows.sketch`), never from averaging quantiles.
"""

from alembic import op

from vigil.stores.database import has_timescale

revision = "0002"
down_revision = "0001"

STEPS = {"1m": "1 minute", "5m": "5 minutes", "1h": "1 hour"}

ROLLUP = """
SELECT key_id, {bucket} AS window_start,
       sum(requests) AS requests, sum(errors) AS errors,
       sum(duration_ms_sum) AS duration_ms_sum, max(duration_ms_max) AS duration_ms_max,
       sum(request_bytes) AS request_bytes, sum(response_bytes) AS response_bytes
FROM request_windows GROUP BY 1, 2
"""


def upgrade() -> None:
    if has_timescale(op.get_bind()):
        _continuous_aggregates()
    else:
        for suffix, step in STEPS.items():
            bucket = f"date_bin('{step}', window_start, timestamptz '2000-01-01 00:00+00')"
            op.execute(f"CREATE VIEW request_windows_{suffix} AS {ROLLUP.format(bucket=bucket)}")


def _continuous_aggregates() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    for table in ("request_windows", "metric_windows", "scores"):
        op.execute(f"SELECT create_hypertable('{table}', 'window_start', migrate_data => true)")
    for suffix, step in STEPS.items():
        bucket = f"time_bucket('{step}', window_start)"
        op.execute(
            f"CREATE MATERIALIZED VIEW request_windows_{suffix} "
            f"WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS "
            f"{ROLLUP.format(bucket=bucket)} WITH NO DATA"
        )
        op.execute(
            f"SELECT add_continuous_aggregate_policy('request_windows_{suffix}', "
            f"start_offset => INTERVAL '3 days', end_offset => INTERVAL '{step}', "
            f"schedule_interval => INTERVAL '{step}')"
        )
