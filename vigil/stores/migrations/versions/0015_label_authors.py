"""Who made a label."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    # Labels of earlier versions have no author.
    op.execute("ALTER TABLE labels ADD COLUMN author text NOT NULL DEFAULT ''")
