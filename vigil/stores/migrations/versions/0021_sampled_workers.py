"""What workers of the stream said of themselves, with each sample."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("ALTER TABLE stream_samples ADD COLUMN workers jsonb NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("ALTER TABLE stream_samples DROP COLUMN workers")
