"""`vigil evidence`: take the alerts of an Alertmanager."""

import click

from vigil.cli.options import PORT
from vigil.cli.output import json_option, log_to_stderr, print_json


@click.command("evidence")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=PORT,
    default=9095,
    show_default=True,
    help="Port to listen at.",
)
@json_option
def command(host: str, port: int, as_json: bool) -> None:
    """Listen for Alertmanager's webhooks and keep its alerts as outside evidence.

    Vigil's messages then say which of them fired around an incident's beginning for its services
    (labels service, service_name, app, application or job). They page nobody by themselves.

    \b
    In alertmanager.yml:
      receivers: [{name: vigil, webhook_configs: [{url: "http://HOST:9095/alertmanager"}]}]

    Runs until Ctrl-C. Exit codes: 0 stopped as asked, 3 the database is down.
    """
    import uvicorn

    from vigil.alerts.receiver import PATH, receiver
    from vigil.config import load_settings
    from vigil.stores.database import open_database

    log_to_stderr()
    engine = open_database(load_settings())
    address = f"http://{host}:{port}{PATH}"
    if as_json:
        print_json({"url": address})
    else:
        click.echo(f"listening at {address}")
    try:
        uvicorn.run(receiver(engine), host=host, port=port, log_level="warning")
    finally:
        engine.dispose()
