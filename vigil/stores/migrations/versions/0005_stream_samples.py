"""Samples of the stream's health, a day of them."""

from alembic import op

revision = "0005"
down_revision = "0004"

SAMPLES = """
CREATE TABLE stream_samples (
    consumer text NOT NULL,
    at timestamptz NOT NULL,
    records_read bigint NOT NULL,
    records_dead bigint NOT NULL,
    lag_messages bigint NOT NULL,
    watermark_at timestamptz,
    PRIMARY KEY (consumer, at)
);
"""


def upgrade() -> None:
    op.execute(SAMPLES)
