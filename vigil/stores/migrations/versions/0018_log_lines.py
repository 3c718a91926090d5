"""Log lines that are kept whole, and those that wait for the sink."""

from alembic import op

revision = "0018"
down_revision = "0017"

# `words` is made by us, so that every store cuts text in the same way.
TABLES = """
CREATE TABLE log_lines (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    line_id text NOT NULL,
    time timestamptz NOT NULL,
    tenant text,
    environment text,
    cloud text,
    region text,
    service text,
    level text,
    severity smallint,
    template_id text NOT NULL,
    template text NOT NULL,
    message text NOT NULL,
    trace_id text,
    span_id text,
    attributes text,
    lines bigint NOT NULL,
    words tsvector NOT NULL
);
CREATE INDEX log_lines_by_time ON log_lines (time DESC);
CREATE INDEX log_lines_by_trace ON log_lines (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX log_lines_by_word ON log_lines USING gin (words);
ALTER TABLE sink_outbox ADD COLUMN lines bytea;
ALTER TABLE sink_outbox ALTER COLUMN scores DROP NOT NULL;
"""


def upgrade() -> None:
    op.execute(TABLES)
