"""`vigil keys rotate`."""

import click

from vigil.cli.output import json_option, print_json


@click.command("rotate")
@click.argument("key_id")
@click.option(
    "--grace-s", default=86_400.0, show_default=True, type=click.FloatRange(0),
    help="How long the old token still works.",
)  # fmt: skip
@json_option
def command(key_id: str, grace_s: float, as_json: bool) -> None:
    """Give key KEY_ID a new token, shown once; the old one works for the grace.

    Exit codes: 0 done, 2 no such key, 3 the database is down.
    """
    from vigil.config import load_settings
    from vigil.stores.api_keys import KeyStore
    from vigil.stores.database import open_database

    token = KeyStore(open_database(load_settings())).rotate(key_id, grace_s)
    if as_json:
        print_json({"key_id": key_id, "token": token})
    else:
        click.echo(f"key {key_id} has a new token, which is not shown again:\n{token}")
