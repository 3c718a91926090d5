"""`vigil keys list`."""

import click

from vigil.cli.output import json_option, print_json, print_table

COLUMNS = (
    "key_id", "name", "role", "tenant", "created_at", "expires_at", "revoked_at", "last_used_at",
    "records_per_s", "records_per_day",
)  # fmt: skip


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """List keys, oldest first: role, tenant, limits, last use, end.

    Exit codes: 0 done, 3 the database is down.
    """
    from vigil.config import load_settings
    from vigil.stores.api_keys import KeyStore
    from vigil.stores.database import open_database

    keys = KeyStore(open_database(load_settings())).all().values()
    rows = [[getattr(key, column) for column in COLUMNS] for key in keys]
    if as_json:
        print_json([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    else:
        print_table("Keys", COLUMNS, rows)
