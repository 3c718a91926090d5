"""`vigil up`: the parts in the background."""

import click

from vigil.cli.options import PORT
from vigil.cli.output import json_option, print_json, print_table


@click.command("up")
@click.option(
    "--port",
    type=PORT,
    default=3000,
    show_default=True,
    help="Port of the Dagster UI.",
)
@click.option(
    "--board-port",
    type=PORT,
    default=4173,
    show_default=True,
    help="Port of the live board.",
)
@json_option
def command(port: int, board_port: int, as_json: bool) -> None:
    """Start the scorer, the live board and the Dagster workbench in the background.

    The embedded database starts with them. What runs already is left alone, so the command can be
    repeated. `vigil status` shows their health, `vigil down` stops them.

    Exit codes: 0 all run, 3 one did not start (its log is named).
    """
    from vigil.config import load_settings
    from vigil.services import Supervisor, all_services, prepare_dagster

    settings = load_settings()
    prepare_dagster(settings)
    supervisor = Supervisor(settings)
    rows = []
    for service in all_services(port, board_port):
        process = supervisor.start(service)
        rows.append((service.name, process.pid, service.address, supervisor.log_path(service)))
    columns = ("service", "pid", "address", "log")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table("Running", columns, rows)
