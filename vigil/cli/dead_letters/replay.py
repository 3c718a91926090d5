"""`vigil dead-letters replay`."""

from contextlib import closing
from dataclasses import asdict

import click

from vigil.cli.access_logs import access_log_options, chosen_access_log
from vigil.cli.output import json_option, print_facts, print_json


@click.command("replay")
@click.option("--field", help="Only letters whose FIELD broke a rule.")
@click.option("--rule", help="Only letters that broke this rule, as `list` shows it.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Rename a field.")
@click.option("--scale", multiple=True, metavar="FIELD=FACTOR", help="Multiply a field.")
@click.option("--set", "given", multiple=True, metavar="FIELD=VALUE", help="Set a field.")
@click.option("--dry-run", is_flag=True, help="Only count what would be sent.")
@access_log_options
@json_option
def command(
    field: str | None,
    rule: str | None,
    rename: tuple[str, ...],
    scale: tuple[str, ...],
    given: tuple[str, ...],
    dry_run: bool,
    layout: str | None,
    pattern: str | None,
    paths: tuple[str, ...],
    at_end: bool,
    as_json: bool,
    **identity: str | None,
) -> None:
    """Mend dead letters and send them again, each exactly once, however often this is called.

    Fields are renamed, then multiplied, then set. Lines of an access log are read with --format.
    What still breaks a rule stays a dead letter.

    \b
    Examples:
      vigil dead-letters replay --field duration_ms --scale duration_ms=-1
      vigil dead-letters replay --rule "is required" --set service=shop --dry-run

    Exit codes: 0 all chosen were sent, 1 some could not be, 2 wrong use or another replay is
    running, 3 the event log or the database is down.
    """
    from vigil.collect.replay import replay
    from vigil.config import load_settings
    from vigil.errors import UsageError
    from vigil.stores import open_log
    from vigil.stores.database import open_database
    from vigil.stores.lease import Lease

    settings = load_settings()
    access_log = chosen_access_log(layout, pattern, paths, at_end, identity)
    mending = _mending(rename, scale, given, access_log)
    limits = settings.limits
    lease = Lease(open_database(settings), "replay of dead letters")
    if not lease.acquire():
        raise UsageError("another replay is running")
    with closing(open_log(settings)) as event_log:
        counts = replay(
            event_log,
            mending,
            limits,
            lambda letter: field in (None, letter.field) and rule in (None, letter.rule),
            dry_run,
        )
    lease.release()
    if as_json:
        print_json(asdict(counts))
    else:
        facts = {name: value for name, value in asdict(counts).items() if name != "reasons"}
        print_facts("Would be replayed" if dry_run else "Replayed", facts)
        for reason in counts.reasons:
            click.echo(f"not sent: {reason}")
    raise SystemExit(0 if counts.still_dead + counts.unreadable == 0 else 1)


def _mending(rename, scale, given, access_log):
    import orjson

    from vigil.collect.replay import Mending
    from vigil.errors import InputError

    def pairs(items: tuple[str, ...]) -> list[tuple[str, str]]:
        for item in items:
            if "=" not in item:
                raise InputError(f"must be NAME=VALUE, got {item!r}")
        return [(name, value) for name, _, value in (item.partition("=") for item in items)]

    def value_of(text: str) -> object:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text

    try:
        factors = {name: float(value) for name, value in pairs(scale)}
    except ValueError as error:
        raise InputError(f"--scale needs a number: {error}") from error
    values = {name: value_of(value) for name, value in pairs(given)}
    return Mending(dict(pairs(rename)), factors, values, access_log)
