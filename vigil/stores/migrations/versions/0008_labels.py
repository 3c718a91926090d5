"""Operators' verdicts on windows."""

from alembic import op

revision = "0008"
down_revision = "0007"

LABELS = """
CREATE TABLE labels (
    label_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id bigint NOT NULL,
    window_start timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('true', 'false', 'expected')),
    deviation double precision NOT NULL,
    note text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    op.execute(LABELS)
