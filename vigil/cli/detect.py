"""`vigil detect`: any csv of timestamps and values."""

from pathlib import Path

import click

from vigil.cli.files import PLOTS, OutFile
from vigil.cli.output import json_option, print_facts, print_json


@click.command("detect")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=OutFile(), required=True, help="Csv to write.")
@click.option("--plot", type=OutFile(PLOTS), help="PNG, SVG or PDF of values, band and flags.")
@click.option("--timezone", default="UTC", show_default=True,
              help="IANA time zone whose clock the season follows, as Europe/Berlin.")  # fmt: skip
@click.option("--country", help="ISO code: its weekend and public holidays are free days.")
@click.option("--subdivision", help="State of that country with holidays of its own.")
@json_option
def command(
    file: Path,
    out: Path,
    plot: Path | None,
    timezone: str,
    country: str | None,
    subdivision: str | None,
    as_json: bool,
) -> None:
    """Score a csv whose first two columns are timestamp and value; others are ignored.

    Writes one row for each row, in order: timestamp, value, score (0 to 1, higher is stranger),
    flag (1 = alert), expected, lower and upper. The score of a row depends on earlier rows only,
    as it would on a live stream. Timestamps without a zone are UTC; a header is not needed, and
    semicolons (with decimal commas) or tabs may stand between columns.

    \b
    Examples:
      vigil detect latency.csv --out scores.csv --plot scores.png
      vigil detect orders.csv --out scores.csv --timezone Europe/Berlin --country DE

    Exit codes: 0 done, 2 the file cannot be read (line and value are named)
    or zone or country are not known.
    """
    import polars as pl

    from vigil.collect.series_csv import read_series
    from vigil.detect.calendar import Calendar
    from vigil.detect.series import detect_series
    from vigil.errors import InputError

    calendar = Calendar(timezone=timezone, country=country, subdivision=subdivision)
    series = read_series(file)
    decisions = detect_series(series.time_s, series.value, calendar=calendar)
    scores = pl.DataFrame(
        {
            "timestamp": series.timestamp,
            "value": series.value,
            "score": decisions.score,
            "flag": decisions.flagged.astype(int),
            "expected": decisions.expected,
            "lower": decisions.lower,
            "upper": decisions.upper,
        }
    )
    try:
        scores.write_csv(out)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    if plot:
        from vigil.detect.plot import plot_decisions

        plot_decisions(plot, file.name, series.time_s, series.value, decisions)
    facts = {
        "rows": len(scores),
        "flagged": int(decisions.flagged.sum()),
        "highest_score": float(decisions.score.max()),
        "out": str(out),
        "plot": str(plot) if plot else None,
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Scored", facts)
