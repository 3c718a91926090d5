"""Where an incident comes from, beside its document: another process finds it, and later."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE incidents ADD COLUMN localisation jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE incidents DROP COLUMN localisation")
