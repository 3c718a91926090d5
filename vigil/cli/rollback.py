"""`vigil rollback`: back to the champion before."""

import click

from vigil.cli.output import json_option


@click.command("rollback")
@click.option("--reason", default="rolled back by hand", show_default=True, help="For the history.")
@json_option
def command(reason: str, as_json: bool) -> None:
    """Make the bundle before the present champion the champion again.

    Running scorers load it within a second or two. The history keeps both: `vigil models`.

    \b
    Example:
      vigil rollback --reason "pages on every deploy"

    Exit codes: 0 done, 1 there is no bundle to go back to, 3 the database is down.
    """
    from vigil.cli.champion import print_champion
    from vigil.config import load_settings
    from vigil.stores.database import open_database
    from vigil.stores.registry import Registry

    settings = load_settings()
    champion = Registry(open_database(settings), settings.registry_path).rollback(reason)
    print_champion("Rolled back", champion, as_json)
