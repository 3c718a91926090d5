"""`vigil detect`: any csv of timestamps and values."""

from pathlib import Path

import click

from vigil.cli.output import json_option, print_facts, print_json


@click.command("detect")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Csv to write.")
@click.option("--plot", type=click.Path(path_type=Path), help="PNG of values, band and flags.")
@json_option
def command(file: Path, out: Path, plot: Path | None, as_json: bool) -> None:
    """Score a csv whose first two columns are timestamp and value; others are ignored.

    Writes one row for each row, in order: timestamp, value, score (0 to 1, higher is stranger),
    flag (1 = alert), expected, lower and upper. The score of a row depends on earlier rows only,
    as it would on a live stream.

    \b
    Example:
      vigil detect latency.csv --out scores.csv --plot scores.png

    Exit codes: 0 done, 2 the file cannot be read (line and value are named).
    """
    import polars as pl

    from vigil.collect.series_csv import read_series
    from vigil.detect.series import detect_series
    from vigil.errors import InputError

    series = read_series(file)
    decisions = detect_series(series.time_s, series.value)
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
