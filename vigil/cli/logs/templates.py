"""`vigil logs templates`."""

from datetime import UTC, datetime, timedelta

import click

from vigil.cli.output import json_option, print_json, print_table


@click.command("templates")
@click.option(
    "--hours",
    type=click.FloatRange(0, min_open=True),
    default=24.0,
    show_default=True,
    help="How far to look back.",
)
@click.option(
    "--until",
    type=click.DateTime(),
    help="Look back from this instant (UTC).  [default: now]",
)
@click.option("--service", help="Only this service.")
@click.option("--containing", default="", help="Only templates with this text, in any case.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="How many templates at most.",
)
@json_option
def command(
    hours: float,
    until: datetime | None,
    service: str | None,
    containing: str,
    limit: int,
    as_json: bool,
) -> None:
    """Show what services said: templates of the stream with their lines, the most frequent first.

    \b
    Examples:
      vigil logs templates --service checkout
      vigil logs templates --containing "refused" --hours 2

    Exit codes: 0 done, 2 wrong use, 3 the database is down.
    """
    from vigil.config import load_settings
    from vigil.stores.database import open_database
    from vigil.stores.log_templates import template_counts

    end_at = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    engine = open_database(load_settings())
    start_at = end_at - timedelta(hours=hours)
    found = template_counts(engine, start_at, end_at, service, containing, limit)
    engine.dispose()
    if as_json:
        print_json(found.to_dicts())
    else:
        shown = found.select("service", "template", "lines", "first_at", "last_at")
        print_table("Templates", shown.columns, shown.rows())
