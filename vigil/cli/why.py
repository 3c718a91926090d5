"""`vigil why`: why a window was alerted on."""

import click

from vigil.cli.output import json_option, print_json


@click.command("why")
@click.argument("series")
@click.argument("time")
@json_option
def command(series: str, time: str, as_json: bool) -> None:
    """Say why the window of SERIES at TIME was flagged, and what came of it.

    SERIES is an id, or words that mean one series only: "payments latency azure-prod". TIME is
    ISO 8601, in UTC unless it names a zone, or now. The answer holds what was measured and
    expected, p, each gate, the incident it joined and why, and what became of its alerts.

    \b
    Example:
      vigil why "payments latency_ms_p95 POST /payments" 2026-03-02T12:00:30

    Exit codes: 0 it was flagged, 1 it was not (`vigil why-not` says why) or is not known, 2 SERIES
    means none or several, 3 the database is down.
    """
    from vigil.cli.ledger_question import ask

    answer = ask(series, time)
    if as_json:
        print_json(answer.document())
    else:
        click.echo("\n".join(answer.words))
    raise SystemExit(0 if answer.flagged else 1)
