"""The scorer's state in parts, so that a commit writes only those that have changed."""

from alembic import op

revision = "0014"
down_revision = "0013"

# Parts are packed numbers: the server's own compression would cost time and save little.
TABLE = """
CREATE TABLE checkpoint_parts (
    consumer text NOT NULL,
    part text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (consumer, part)
);
ALTER TABLE checkpoint_parts ALTER COLUMN content SET STORAGE EXTERNAL;
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE checkpoint_parts")
