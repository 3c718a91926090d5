"""`vigil status`: how the running parts are doing."""

from typing import Any

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table


@click.command("status")
@json_option
def command(as_json: bool) -> None:
    """Show what runs, how far the scorer is behind the log, and the champion.

    Lag is counted in messages of the event log that no checkpoint covers yet. Exit codes: 0 the
    scorer runs, 1 it does not, 3 the log or the database is down.
    """
    from vigil.config import load_settings
    from vigil.services import Supervisor, all_services
    from vigil.status import read_status

    settings = load_settings()
    supervisor = Supervisor(settings)
    services = {}
    for service in all_services():
        process = supervisor.find(service)
        services[service.name] = None if process is None else process.pid
    report: dict[str, Any] = {"services": services, **read_status(settings)}
    if as_json:
        print_json(report)
    else:
        shown = [(name, pid or "not running") for name, pid in services.items()]
        print_table("Services", ("service", "pid"), shown)
        print_facts("Stream", report["stream"])
        print_facts("Models", report["models"])
        print_facts("Incidents", report["incidents"])
    raise SystemExit(0 if services["scorer"] else 1)
