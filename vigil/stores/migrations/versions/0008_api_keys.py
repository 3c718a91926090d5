"""API keys and what they sent each day."""

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = """
CREATE TABLE api_keys (
    key_id text PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL,
    tenant text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    records_per_s double precision,
    records_per_day bigint,
    secret_hash text NOT NULL,
    previous_hash text,
    previous_until timestamptz
);
CREATE TABLE api_key_usage (
    key_id text NOT NULL REFERENCES api_keys,
    day date NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (key_id, day)
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE api_key_usage; DROP TABLE api_keys")
