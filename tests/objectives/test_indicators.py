"""Good and all requests from windows."""

from datetime import UTC, datetime, timedelta

import polars as pl

from vigil.objectives.indicators import count_good
from vigil.objectives.openslo import Objective
from vigil.windows.sketch import bucket_of

START = datetime(2026, 3, 2, tzinfo=UTC)


def windows_at(*minutes):
    """A window of ten requests, one of them an error, at each minute."""
    starts = [START + timedelta(minutes=minute) for minute in minutes]
    return pl.DataFrame(
        {"key_id": 1, "window_start": starts, "requests": 10, "errors": 1},
        schema_overrides={"window_start": pl.Datetime("us", "UTC")},
    )


def objective(kind, limit=None):
    return Objective("x", kind, {}, limit, 0.99, 86_400)


def test_availability_counts_what_is_no_error():
    """Steps without windows have no requests."""
    found = count_good(windows_at(0, 1, 12), pl.DataFrame(), objective("availability"), 300)
    assert found.good.tolist() == [18, 0, 9]
    assert found.total.tolist() == [20, 0, 10]


def test_latency_counts_what_is_at_most_the_limit():
    """From the sketch, to one percent: 100 and 295 ms are within 300, 320 ms are not."""
    durations = pl.DataFrame({"ms": [100.0, 295.0, 320.0]}).select(bucket_of("ms"))["ms"].to_list()
    windows = windows_at(0)
    sketches = windows.select("key_id", "window_start").with_columns(
        sketch_buckets=pl.lit([durations], pl.List(pl.List(pl.Int64))).list.first(),
        sketch_counts=pl.lit([[5, 3, 2]]).list.first(),
    )
    found = count_good(windows, sketches, objective("latency", 300.0), 300)
    assert (found.good.tolist(), found.total.tolist()) == ([8], [10])


def test_freshness_counts_steps_with_recent_traffic():
    """Traffic at 0 and 30 minutes, ten minutes are allowed: three fresh steps each."""
    found = count_good(windows_at(0, 30), pl.DataFrame(), objective("freshness", 600.0), 300)
    assert found.good.tolist() == [1, 1, 1, 0, 0, 0, 1]
    assert found.total.tolist() == [1] * 7
