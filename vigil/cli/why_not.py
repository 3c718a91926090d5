"""`vigil why-not`: why a window was not alerted on."""

import click

from vigil.cli.output import json_option, print_json


@click.command("why-not")
@click.argument("series")
@click.argument("time")
@json_option
def command(series: str, time: str, as_json: bool) -> None:
    """Say why nobody was paged for the window of SERIES at TIME.

    The answer names what held the page back: p, a gate, or, for a flagged window, what the alert's
    way from the incident to people came to. SERIES and TIME as in `vigil why`.

    \b
    Example:
      vigil why-not "gateway error_ratio /checkout" 2026-03-02T12:00:30

    Exit codes: 0 nobody was paged, 1 somebody was (`vigil why` says why) or the window is not
    known, 2 SERIES means none or several, 3 the database is down.
    """
    from vigil.cli.ledger_question import ask

    answer = ask(series, time)
    if as_json:
        print_json(answer.document())
    else:
        click.echo("\n".join(answer.words))
    raise SystemExit(0 if answer.window_start is not None and not answer.paged else 1)
