"""Sliding windows equal those that count each record in every window that covers it."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.windows.folds import MetricFold, RequestFold
from vigil.windows.sketch import quantiles
from vigil.windows.sliding import slide

records = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 500), st.floats(0.1, 1e4)), min_size=1, max_size=60
)


def requests(rows: list[tuple[int, int, float]]) -> pl.DataFrame:
    """(key, second, duration) as records, without a window."""
    frame = pl.DataFrame(rows, schema=["key_id", "second", "duration_ms"], orient="row")
    return frame.with_columns(
        pl.lit(None, pl.String).alias("trace_id"),
        pl.lit(None, pl.String).alias("error"),
        status=pl.lit(200, pl.Int32),
        request_bytes=pl.lit(1, pl.Int64),
        response_bytes=pl.lit(1, pl.Int64),
    )


@given(records, st.sampled_from([1, 2, 5]))
def test_panes_add_up_to_the_windows_that_cover_them(rows, panes_per_window):
    """Requests, extremes and sketch are those of a fold that saw the records in each window."""
    step, fold = 10, RequestFold()
    window = step * panes_per_window
    frame = requests(rows)
    panes = fold.partial(frame.with_columns(window_start=pl.col("second") // step * step))
    found = slide(panes, fold, window, step)
    copies = [
        frame.with_columns(window_start=pl.col("second") // step * step - step * back)
        for back in range(panes_per_window)
    ]
    expected = fold.partial(pl.concat(copies))
    keys = ["key_id", "window_start"]
    columns = [*keys, "requests", "duration_ms_max"]
    assert (
        found["sums"].sort(keys).select(columns).equals(expected["sums"].sort(keys).select(columns))
    )
    order = [*keys, "bucket"]
    sketches = [parts["sketch"].sort(order) for parts in (found, expected)]
    assert sketches[0].equals(sketches[1])
    assert quantiles(sketches[0], keys, {"p95": 0.95})["p95"].is_not_null().all()


def test_a_window_must_be_a_whole_number_of_steps():
    """Panes cannot be cut."""
    with pytest.raises(ValueError, match="multiple of step_us, got 25 and 10"):
        slide(MetricFold().empty(), MetricFold(), 25, 10)
