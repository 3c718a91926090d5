"""`vigil kibana import`."""

import click

from vigil.cli.output import json_option, print_json


@click.command("import")
@click.option(
    "--url",
    help="http(s)://[user:password@]host:port, with /s/SPACE for a space.  [default: "
    "VIGIL_KIBANA_URL]",
)
@json_option
def command(url: str | None, as_json: bool) -> None:
    """Create or replace the dashboards and the rule that fires when an incident opens.

    Running it again changes nothing; what was added to the rule (its actions) stays.
    """
    from vigil.config import load_settings, without_secrets
    from vigil.kibana.client import KibanaClient

    address = url or load_settings().kibana_url
    if not address:
        raise click.UsageError("no Kibana: give --url or set VIGIL_KIBANA_URL")
    with KibanaClient(address) as kibana:
        count = kibana.import_dashboards()
        kibana.import_rule()
    shown = without_secrets(address)
    if as_json:
        print_json({"url": shown, "objects": count, "rules": 1})
    else:
        click.echo(f"{count} saved objects and a rule in {shown}")
