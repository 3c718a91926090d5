"""`vigil down`: stop the background parts."""

import click

from vigil.cli.output import json_option, print_json, print_table


@click.command("down")
@json_option
def command(as_json: bool) -> None:
    """Stop what `vigil up` started; the scorer finishes the step in hand first.

    Nothing is lost: the next start goes on from the last checkpoint. Exit code 0 also when nothing
    was running.
    """
    from vigil.config import load_settings
    from vigil.services import Supervisor, all_services
    from vigil.stores.embedded_postgres import stop_unused_postgres

    settings = load_settings()
    supervisor = Supervisor(settings)
    stopped = {service.name: supervisor.stop(service) for service in all_services()}
    stop_unused_postgres(settings.home / "postgres")
    if as_json:
        print_json(stopped)
    else:
        rows = [(name, "stopped" if was else "was not running") for name, was in stopped.items()]
        print_table("Stopping", ("service", ""), rows)
