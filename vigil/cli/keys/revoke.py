"""`vigil keys revoke`."""

import click

from vigil.cli.output import json_option, print_json


@click.command("revoke")
@click.argument("key_id")
@json_option
def command(key_id: str, as_json: bool) -> None:
    """End key KEY_ID for good; receivers refuse it within seconds.

    Exit codes: 0 done, 2 no such key, 3 the database is down.
    """
    from vigil.config import load_settings
    from vigil.stores.api_keys import KeyStore
    from vigil.stores.database import open_database

    KeyStore(open_database(load_settings())).revoke(key_id)
    if as_json:
        print_json({"key_id": key_id, "revoked": True})
    else:
        click.echo(f"key {key_id} is revoked")
