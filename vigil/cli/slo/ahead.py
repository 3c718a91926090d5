"""`vigil slo ahead`: which objectives break within hours."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from vigil.cli.output import json_option, print_json, print_table


@click.command("ahead")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--at", "at_text", help="Instant, ISO 8601.  [default: the last window's end]")
@json_option
def command(file: Path, at_text: str | None, as_json: bool) -> None:
    """Say how probable it is that each objective breaks within four hours, and warn if that is due.

    An objective breaks when the share of bad requests exceeds what it allows for a quarter of an
    hour. Each look is kept, and later what came of it. A warning (an incident that your policy
    routes) is opened at a probability of 0.8, if the record of its group deserves it: ten warnings
    at least, surely more than half of which came true. Else the outlook is shown here and in
    Dagster only, where the asset `outlook` does the same each hour (VIGIL_OBJECTIVES).

    \b
    Example:
      vigil slo ahead objectives.yaml

    Exit codes: 0 no warning, 1 a warning, 2 the file is wrong, 3 the database is down.
    """
    from vigil.cli.time import parse_time
    from vigil.config import load_settings
    from vigil.foresight.watch import look_ahead, outlook_row
    from vigil.objectives.openslo import read_objectives
    from vigil.stores.database import open_database
    from vigil.stores.timescale import WindowStore

    objectives = read_objectives(file)
    settings = load_settings()
    engine = open_database(settings)
    try:
        span = WindowStore(engine).span()
        window = timedelta(seconds=settings.window_s)
        newest = span[1] + window if span else datetime.now(UTC)
        outlooks = look_ahead(engine, objectives, parse_time(at_text) if at_text else newest)
    finally:
        engine.dispose()
    rows = [outlook_row(outlook) for outlook in outlooks]
    if as_json:
        print_json(rows)
    else:
        print_table("Four hours ahead", list(rows[0]), [list(_told(row).values()) for row in rows])
    raise SystemExit(1 if any(outlook.warned for outlook in outlooks) else 0)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    hours = row["hours_p10_p50_p90"]
    return row | {
        "hours_p10_p50_p90": "" if hours[0] is None else ", ".join(f"{hour:g}" for hour in hours),
        **{name: "yes" if row[name] else "no" for name in ("warned", "deserves_warnings")},
    }
