"""`vigil silence`: tell nobody of something for a while."""

from datetime import UTC, datetime, timedelta

import click

from vigil.cli.output import json_option, print_json, print_table
from vigil.cli.time import parse_duration


@click.command("silence")
@click.option(
    "--match",
    "matchers",
    multiple=True,
    help="FIELD=VALUE, `*` is a wildcard; may be repeated, all must hold. Fields: service, origin,"
    " severity, owner, environment, tenant, stream, incident.",
)
@click.option("--for", "length", default="1h", show_default=True, help="How long: 30m, 2h, 1d.")
@click.option("--by", help="Who silences.  [default: the user at this terminal]")
@click.option("--comment", default="", help="Why.")
@click.option("--end", "silence_id", help="End this silence now.")
@json_option
def command(
    matchers: tuple[str, ...],
    length: str,
    by: str | None,
    comment: str,
    silence_id: str | None,
    as_json: bool,
) -> None:
    """Silence what matches, end a silence, or list those in force.

    Incidents go on under a silence: they are kept, and told of when it ends and they are still
    open. Whoever was told before is told of their end.

    \b
    Examples:
      vigil silence --match service=payments --for 2h --comment "load test"
      vigil silence
      vigil silence --end sil-1a2b3c4d

    Exit codes: 0 done, 2 wrong use, 3 the database is down.
    """
    from vigil.alerts.operator import who
    from vigil.cli.operator import operator

    with operator() as opened:
        if silence_id:
            opened.end_silence(silence_id)
            answer: object = {"ended": silence_id}
            said = f"silence {silence_id} has ended"
        elif matchers:
            ends_at = datetime.now(UTC) + timedelta(seconds=parse_duration(length))
            made = opened.silence(_parse(matchers), ends_at, by or who(), comment)
            answer = made
            about = f", about {', '.join(made['about'])}" if made["about"] else ""
            said = (
                f"{made['silence_id']}: {made['words']} until {ends_at:%Y-%m-%d %H:%M} UTC{about}"
            )
        else:
            answer = found = opened.silences()
            said = ""
            if not as_json:
                columns = ("silence", "about", "until (UTC)", "by", "comment")
                rows = [
                    (s["silence_id"], s["words"], f"{s['ends_at']:%Y-%m-%d %H:%M}", s["author"],
                     s["comment"])
                    for s in found
                ]  # fmt: skip
                print_table("Silences in force", columns, rows)
    if as_json:
        print_json(answer)
    elif said:
        click.echo(said)


def _parse(matchers: tuple[str, ...]) -> dict[str, list[str]]:
    from vigil.alerts.policy.match import FIELDS

    found: dict[str, list[str]] = {}
    for text in matchers:
        field, equals, value = text.partition("=")
        if not equals or field not in FIELDS or not value:
            known = ", ".join(FIELDS)
            raise click.BadParameter(f"--match must be FIELD=VALUE of {known}, got {text!r}")
        found.setdefault(field, []).append(value)
    return found
