"""`vigil status`: how the running parts are doing."""

from typing import Any

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table


@click.command("status")
@json_option
def command(as_json: bool) -> None:
    """Show what runs, how far the scorer is behind the log, and the champion.

    Lag is counted in messages of the event log that no checkpoint covers yet. With workers it is
    shown for each partition, beside what they have not handed over yet: the rest waits for the
    scorer. Exit codes: 0 the
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
        _show_stream(report["stream"])
        print_facts("Models", report["models"])
        print_facts("Incidents", report["incidents"])
    raise SystemExit(0 if services["scorer"] else 1)


def _show_stream(stream: dict[str, Any]) -> None:
    """With workers, also what each reads and does, and how far each partition is behind."""
    tables = {name: stream[name] for name in ("workers", "partitions")}
    print_facts("Stream", {name: said for name, said in stream.items() if name not in tables})
    if stream["workers"]:
        for name, rows in tables.items():
            shown = [[_in_words(value) for value in row.values()] for row in rows]
            columns = [column.replace("_", " ") for column in rows[0]]
            print_table(name.capitalize(), columns, shown)


def _in_words(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:,.2f}" if isinstance(value, float) else value
