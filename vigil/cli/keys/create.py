"""`vigil keys create`."""

import click

from vigil.cli.output import json_option, print_json

ROLE_NAMES = ("sender", "viewer", "operator", "admin")


@click.command("create")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(ROLE_NAMES), default="sender", show_default=True,
    help="What it may do.",
)  # fmt: skip
@click.option("--tenant", help="What it sends belongs to this tenant, what it sees as well.")
@click.option("--days", type=click.FloatRange(0, min_open=True), help="Expire after so many days.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), help="Records a second, ten seconds at once."
)
@click.option("--quota", type=click.IntRange(1), help="Records a day (UTC).")
@json_option
def command(
    name: str,
    role: str,
    tenant: str | None,
    days: float | None,
    rate: float | None,
    quota: int | None,
    as_json: bool,
) -> None:
    """Make a key called NAME and show its token, once.

    \b
    Example:
      vigil keys create checkout-team --tenant shop --rate 5000
      OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer vigil_…"

    Exit codes: 0 made, 2 wrong use, 3 the database is down.
    """
    if not name.strip():
        raise click.UsageError("NAME must not be empty")
    from vigil.config import load_settings
    from vigil.stores.api_keys import KeyStore
    from vigil.stores.database import open_database

    store = KeyStore(open_database(load_settings()))
    key_id, token = store.create(name, role, tenant, days, rate, quota)
    if as_json:
        print_json({"key_id": key_id, "token": token})
    else:
        click.echo(f"key {key_id} ({role}). Its token is not kept and not shown again:\n{token}")
