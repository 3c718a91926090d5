"""`vigil graph`: who calls whom, as of any instant."""

import click

from vigil.cli.output import json_option, print_json, print_table
from vigil.cli.time import parse_time


@click.command("graph")
@click.option("--at", "at_text", help="As of when.  [default: the newest minute]")
@click.option("--minutes", default=5, show_default=True, help="How many minutes up to then.")
@json_option
def command(at_text: str | None, minutes: int, as_json: bool) -> None:
    """Show the calls between services as the scorer saw them: rate, error ratio, latency.

    The graph is kept by minute for 30 days, so it can be looked at as it was before an incident.

    \b
    Examples:
      vigil graph
      vigil graph --at 2026-03-02T12:30:00 --minutes 15

    Exit codes: 0 done, 1 there are no calls at that time, 2 wrong use, 3 the database is down.
    """
    from vigil.config import load_settings
    from vigil.stores.database import open_database
    from vigil.stores.graph import GraphStore

    if minutes < 1:
        raise click.BadParameter(f"must be >= 1, got {minutes}", param_hint="--minutes")
    store = GraphStore(open_database(load_settings()))
    at = parse_time(at_text) if at_text else store.newest()
    edges = store.as_of(at, minutes).to_dicts() if at else []
    if as_json:
        print_json({"at": at, "minutes": minutes, "edges": edges})
    else:
        columns = ("caller", "service", "environment", "rate /s", "errors", "mean ms", "max ms")
        rows = [
            (
                edge["caller"] or "(user)", edge["service"], edge["environment"],
                f"{edge['rate']:.2f}", f"{edge['error_ratio']:.2%}",
                f"{edge['latency_ms_mean']:.1f}", f"{edge['latency_ms_max']:.1f}",
            )
            for edge in edges
        ]  # fmt: skip
        print_table(f"Calls in {minutes} minutes up to {at}", columns, rows)
    raise SystemExit(0 if edges else 1)
