"""Parts of a checkpoint whose content lies in a file of the scorer's machine."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    # Of a part that lies elsewhere: what it is found by there. Its content here is empty.
    op.execute("ALTER TABLE checkpoint_parts ADD COLUMN digest bytea")


def downgrade() -> None:
    op.execute("DELETE FROM checkpoints WHERE consumer IN"
               " (SELECT consumer FROM checkpoint_parts WHERE digest IS NOT NULL)")  # fmt: skip
    op.execute("ALTER TABLE checkpoint_parts DROP COLUMN digest")
