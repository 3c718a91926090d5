"""Windows, scores, incidents, checkpoints and the model registry."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE keys (
    key_id bigint PRIMARY KEY,
    tenant text, environment text, cloud text, region text,
    service text, route text, method text
);
CREATE TABLE series (
    series_id bigint PRIMARY KEY,
    key_id bigint NOT NULL REFERENCES keys,
    metric text NOT NULL,
    UNIQUE (key_id, metric)
);
CREATE TABLE request_windows (
    key_id bigint NOT NULL,
    window_start timestamptz NOT NULL,
    window_s integer NOT NULL,
    revision integer NOT NULL,
    requests bigint NOT NULL,
    errors bigint NOT NULL,
    duration_ms_sum double precision NOT NULL,
    duration_ms_max double precision,
    latency_ms_p50 double precision,
    latency_ms_p95 double precision,
    latency_ms_p99 double precision,
    request_bytes bigint NOT NULL,
    response_bytes bigint NOT NULL,
    sketch_buckets integer[] NOT NULL,
    sketch_counts bigint[] NOT NULL,
    worst_traces text[] NOT NULL,
    PRIMARY KEY (key_id, window_start)
);
CREATE INDEX request_windows_by_time ON request_windows (window_start);
CREATE TABLE metric_windows (
    series_id bigint NOT NULL,
    window_start timestamptz NOT NULL,
    window_s integer NOT NULL,
    revision integer NOT NULL,
    points bigint NOT NULL,
    value_sum double precision NOT NULL,
    value_min double precision NOT NULL,
    value_max double precision NOT NULL,
    PRIMARY KEY (series_id, window_start)
);
CREATE INDEX metric_windows_by_time ON metric_windows (window_start);
CREATE TABLE scores (
    series_id bigint NOT NULL,
    window_start timestamptz NOT NULL,
    revision integer NOT NULL,
    actual double precision,
    weight double precision NOT NULL,
    expected double precision,
    lower double precision,
    upper double precision,
    p double precision NOT NULL,
    score double precision NOT NULL,
    flagged boolean NOT NULL,
    gate smallint NOT NULL,
    warming_up real NOT NULL,
    model text NOT NULL,
    PRIMARY KEY (series_id, window_start, revision)
);
CREATE INDEX scores_by_time ON scores (window_start);
CREATE INDEX scores_flagged ON scores (window_start) WHERE flagged;
CREATE TABLE late_events (
    topic text NOT NULL,
    record_id bigint NOT NULL,
    window_start timestamptz NOT NULL,
    records bigint NOT NULL
);
CREATE TABLE incidents (
    incident_id text PRIMARY KEY,
    status text NOT NULL,
    opened_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    resolved_at timestamptz,
    title text NOT NULL,
    document jsonb NOT NULL
);
CREATE INDEX incidents_by_time ON incidents (opened_at);
CREATE TABLE alerts (
    alert_id text PRIMARY KEY,
    incident_id text NOT NULL,
    action text NOT NULL,
    at timestamptz NOT NULL,
    document jsonb NOT NULL,
    delivered_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    last_error text
);
CREATE INDEX alerts_undelivered ON alerts (at) WHERE delivered_at IS NULL;
CREATE TABLE checkpoints (
    consumer text PRIMARY KEY,
    epoch bigint NOT NULL,
    offsets jsonb NOT NULL,
    counters jsonb NOT NULL,
    state bytea NOT NULL,
    committed_at timestamptz NOT NULL
);
CREATE TABLE backtests (
    backtest_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text NOT NULL,
    candidate text NOT NULL,
    role text NOT NULL,
    library text NOT NULL,
    series_group text NOT NULL,
    fold integer NOT NULL,
    scores jsonb NOT NULL,
    fit_s double precision NOT NULL,
    trained_from timestamptz NOT NULL,
    trained_to timestamptz NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX backtests_by_run ON backtests (run_id);
CREATE TABLE bundles (
    bundle_id text PRIMARY KEY,
    manifest jsonb NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE promotions (
    promotion_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bundle_id text NOT NULL REFERENCES bundles,
    reason text NOT NULL,
    promoted_at timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    op.execute(TABLES)
