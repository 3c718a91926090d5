"""Alembic's entry: runs on the connection that `vigil.stores.database.migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
