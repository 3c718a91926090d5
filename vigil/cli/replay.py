"""`vigil replay`: the past through a policy, before you change it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar
from vigil.wording import counted


@click.command("replay")
@click.argument("policies", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--diff", is_flag=True, help="Compare two policies: what would be added or removed.")
@click.option(
    "--days",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="How many days of the ledger.",
)
@click.option("--until", default="", help="End of the range, ISO 8601.  [default: newest decision]")
@json_option
def command(policies: tuple[Path, ...], diff: bool, days: int, until: str, as_json: bool) -> None:
    """Send the ledger's decisions through one policy file, or compare two.

    Tells which pages people would have got, and with --diff which are added, removed or moved by
    the second file, each with its reason: another route, a silence, an incident that no longer
    lasts long enough. Nothing is sent. Detection is not repeated: the ledger has the decisions.

    \b
    Examples:
      vigil replay policy.yaml --days 7
      vigil replay --diff policy.yaml new.yaml --days 30

    Exit codes: 0 done, 1 the ledger is empty there, 2 a policy is wrong, 3 the database is down.
    """
    from vigil.alerts.past import LedgerPast, compare
    from vigil.alerts.policy import load_policy
    from vigil.config import load_settings
    from vigil.stores.database import open_database

    wanted = 2 if diff else 1
    if len(policies) != wanted:
        raise click.UsageError(f"give {wanted} policy file(s), got {len(policies)}")
    loaded = [load_policy(path) for path in policies]
    settings = load_settings()
    engine = open_database(settings)
    try:
        past = LedgerPast(engine, settings.window_s)
        end_at = _instant(until) if until else past.newest()
        if end_at is None:
            click.echo("vigil: the ledger is empty", err=True)
            raise SystemExit(1)
        with progress_bar() as bar:
            task = bar.add_task("replaying", total=days)
            results = past.replay(
                loaded, end_at - timedelta(days=days), end_at, lambda: bar.advance(task)
            )
    finally:
        engine.dispose()
    names = [str(path) for path in policies]
    report = (
        compare(names, results) if diff else {"pages": [page.row() for page in results[0].pages]}
    )
    if as_json:
        print_json(report)
    else:
        _show(report)


def _instant(text: str) -> datetime:
    from vigil.cli.time import parse_time

    at = parse_time(text)
    return at.astimezone(UTC)


def _show(report: dict[str, Any]) -> None:
    if "pages" in report:
        rows = [list(page.values()) for page in report["pages"]]
        columns = list(report["pages"][0]) if rows else ["pages"]
        print_table(counted(len(rows), "page"), columns, rows)
        return
    print_facts("Pages", report["counts"])
    rows = [list(change.values()) for change in report["changes"]]
    if rows:
        print_table("Changes", list(report["changes"][0]), rows)
