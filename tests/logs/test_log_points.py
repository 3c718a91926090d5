"""Log lines become series: lines of each template, and new templates."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl

from vigil.events.rules import polars_schema
from vigil.events.schema import LOGS
from vigil.logs.series import LINES_FOR_SERIES, MAX_SERIES, OTHER, LogSeries

START = datetime(2026, 3, 2, tzinfo=UTC)


def logs(bodies: list[str], service: str = "cart") -> pl.DataFrame:
    """Lines a second apart."""
    frame = pl.DataFrame(
        {
            "time": [START + timedelta(seconds=n) for n in range(len(bodies))],
            "service": service,
            "body": bodies,
        }
    )
    schema = polars_schema(LOGS)
    missing = [
        pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in frame.columns
    ]
    return frame.with_columns(missing).select(list(schema)).cast({"time": schema["time"]})


def counts(points: pl.DataFrame) -> dict[tuple[str, str | None], int]:
    """(metric, route) → lines."""
    found = points.group_by("metric", "route").agg(pl.col("lines").sum())
    return {(metric, route): lines for metric, route, lines in found.iter_rows()}


def test_frequent_templates_have_a_series_and_rare_ones_share_one():
    """Every line is counted once."""
    frequent = [f"order {n} accepted" for n in range(LINES_FOR_SERIES)]
    found = counts(LogSeries().observe(logs([*frequent, "cache is full"])).points)
    assert found == {
        ("log_lines", "order <*> accepted"): LINES_FOR_SERIES,
        ("log_lines", OTHER): 1,
        ("log_new_templates", None): 2,
        ("log_error_lines", None): 0,
    }


def test_a_template_is_new_once():
    """Also when its words turn out to be values later."""
    series = LogSeries()
    series.observe(logs(["login of ann by web form", "login of bob by web form"]))
    later = counts(
        series.observe(logs([f"login of {n} by web form" for n in ("eve", "kim", "joe")])).points
    )
    assert later["log_new_templates", None] == 0
    again = counts(series.observe(logs(["the disk of this host is full"])).points)
    assert again["log_new_templates", None] == 1


def test_services_do_not_share_templates():
    """What is old here may be new there."""
    series = LogSeries()
    series.observe(logs(["cache is full"], "cart"))
    both = pl.concat([logs(["cache is full"], "cart"), logs(["cache is full"], "billing")])
    found = series.observe(both).points.filter(pl.col("metric") == "log_new_templates")
    assert dict(found.select("service", "lines").iter_rows()) == {"cart": 0, "billing": 1}


def test_the_number_of_series_is_bounded():
    """However many templates are frequent."""
    letters = "abcdefghijklm"
    kinds = [f"{a * 3} {b * 4} {a * 2}{b}" for a in letters for b in letters]
    lines = [kind for kind in kinds for _ in range(LINES_FOR_SERIES)]
    points = LogSeries().observe(logs(lines)).points
    routes = points.filter(pl.col("metric") == "log_lines")["route"]
    assert routes.n_unique() <= MAX_SERIES + 1
    assert OTHER in routes


def test_a_restored_state_goes_on_as_if_nothing_had_happened():
    """Names, templates and headers survive a restart, through JSON."""
    before = [
        f"2026-03-02 08:00:{n:02d} INFO shop: order {n} of {u} accepted"
        for n in range(10, 40)
        for u in ("ann", "bob")
    ]
    after = logs([*before[:5], "2026-03-02 08:01:00 WARN shop: cache is full"])
    running, restarted = LogSeries(), LogSeries()
    running.observe(logs(before))
    restarted.restore(json.loads(json.dumps(running.state())))
    assert restarted.observe(after).points.equals(running.observe(after).points)
    assert restarted.state() == running.state()
