"""`vigil.connect()`: lazy, bounded selections of what the stream has left."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import vigil
from vigil.client import Client, TooManyRows
from vigil.client.html import preview_html
from vigil.client.time_range import parse_span, resolve_range
from vigil.errors import UsageError

END = datetime(2026, 3, 2, 13, tzinfo=UTC)


@pytest.fixture(scope="module")
def v(small_estate) -> Iterator[Client]:
    """A client of three hours of traffic."""
    with vigil.connect(small_estate.home, store_url=small_estate.store_url) as client:
        yield client


def test_importing_vigil_loads_no_library():
    """A script that only imports the name pays nothing."""
    code = "import sys, vigil; print(sorted({'polars', 'sqlalchemy', 'plotly'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_home_is_noticed_only_when_asked(tmp_path):
    """Nothing is opened by connecting."""
    vigil.connect(tmp_path / "none", store_url="postgresql://nobody@127.0.0.1:1/none")
    assert not (tmp_path / "none").exists()


def test_without_an_end_the_range_ends_with_the_newest_window(v):
    """A replay of the past has a last hour too."""
    assert v.newest_at == END
    at = v.windows(last="30m").polars()["window_start"]
    assert (at.min(), at.max()) == (END - timedelta(minutes=30), END - timedelta(minutes=1))


def test_selections_come_as_polars_pandas_and_arrow(v):
    """The same rows in each form, and through Arrow's C stream."""
    selection = v.scores(last="10m", service="orders")
    frame = selection.polars()
    assert frame.height == len(selection) > 0
    assert frame["service"].unique().to_list() == ["orders"]
    assert len(selection.pandas()) == selection.arrow().num_rows == frame.height
    assert pa.table(selection).num_rows == frame.height
    assert frame.equals(pl.DataFrame(selection))


def test_columns_select_by_a_value_by_several_and_by_absence(v):
    """A text, a list of texts, None."""
    names = v.series().polars()
    several = v.series(service=["orders", "gateway"], metric="request_rate").polars()
    assert set(several["service"]) == {"orders", "gateway"}
    wanted = pl.col("service").is_in(["orders", "gateway"]) & (pl.col("metric") == "request_rate")
    assert several.height == names.filter(wanted).height
    assert len(v.series(cloud=None)) == names["cloud"].null_count()


def test_a_misspelt_column_gets_the_nearest_name(v):
    """With all names that there are."""
    with pytest.raises(UsageError, match=r"'servce' is none of metric, .*did you mean 'service'"):
        v.scores(servce="orders")


def test_more_rows_than_the_bound_are_refused_with_their_number(v):
    """The memory of a laptop is not filled by a careless question; a preview still works."""
    selection = v.windows(last="2h", most_rows=50)
    count = len(selection)
    assert count > 50
    with pytest.raises(TooManyRows, match=f"windows: {count:,} rows are more than most_rows=50"):
        selection.polars()
    assert selection.head(3).height == 3


def test_windows_slide_over_a_longer_time(v):
    """Each sums up the requests that end with it, and knows their quantiles within 1 %."""
    asked = {"service": "orders", "last": "20m"}
    plain = v.windows(**asked, over="1m").polars()
    assert_frame_equal(plain, v.windows(**asked).polars().drop("revision"))
    sliding = v.windows(**asked, over="1h").polars()
    assert sliding["window_start"].min() == plain["window_start"].min()
    newest = sliding.filter(pl.col("window_start") == END - timedelta(minutes=1))
    assert set(newest["window_s"]) == {3_600}
    spans = v.traces(last="1h").polars().filter(pl.col("kind").is_in(["server", "consumer"]))
    routes = spans.group_by("service", "environment", "method", "route").agg(
        pl.len().alias("sent"), pl.col("duration_ms").quantile(0.95, "lower").alias("exact")
    )
    both = newest.join(routes, on=["service", "environment", "method", "route"])
    assert both.height == newest.height > 0
    assert both["requests"].to_list() == both["sent"].to_list()
    assert both["latency_ms_p95"].to_numpy() == pytest.approx(both["exact"].to_numpy(), rel=0.011)


@pytest.mark.parametrize("over", ["90s", "30s", "1 hour"])
def test_a_time_that_no_windows_add_up_to_is_refused(v, over):
    """With what was given."""
    with pytest.raises(UsageError, match="over must be"):
        v.windows(over=over).polars()


def test_flagged_scores_are_those_that_were_flagged(v):
    """True, False, and together everything."""
    flagged, rest = v.scores(last="3h", flagged=True), v.scores(last="3h", flagged=False)
    assert flagged.polars()["flagged"].all()
    assert (
        len(flagged) + len(rest)
        == len(v.scores(last="3h"))
        <= len(v.scores(last="3h", revisions=True))
    )


def test_an_incident_leads_to_its_requests(v):
    """Reason, origin, services as a list; the spans are those of its traces."""
    incidents = v.incidents().polars()
    row = incidents.filter(pl.col("trace_ids").list.len() > 0).row(0, named=True)
    assert row["origin"] in row["services"]
    assert "instead of" in row["reason"]
    spans = v.traces(incident=row["incident_id"]).polars()
    assert set(spans["trace_id"]) == set(row["trace_ids"])
    assert spans.select("trace_id", "time").equals(
        spans.select("trace_id", "time").sort("trace_id", "time")
    )
    with pytest.raises(UsageError, match="no incident 'inc-none'"):
        v.traces(incident="inc-none")


def test_incidents_of_a_range_are_those_that_were_open_in_it(v):
    """An incident counts as long as it lasts."""
    everything = v.incidents().polars()
    assert len(v.incidents(start="2026-03-01", end="2026-03-02")) == 0
    assert len(v.incidents(last="3h")) == everything.height
    with pytest.raises(UsageError, match=r"status must be one of pending, open, .*, got 'closed'"):
        v.incidents(status="closed")


def test_scores_of_a_series_draw_themselves(v):
    """Band, expectation, value, flags and p; more than eight series are refused."""
    number = v.scores(last="3h", flagged=True).head(1)["series_id"][0]
    figure = v.scores(last="3h", series_id=number).plot()
    names = [trace.name for trace in figure.data if trace.name]
    assert names == ["usual band", "expected", "actual", "flagged", "−log₁₀ p"]
    with pytest.raises(UsageError, match="1 to 8 series"):
        v.scores(last="3h").plot()
    with pytest.raises(UsageError, match="have no plot"):
        v.series().plot()


def test_a_notebook_shows_count_and_first_rows(v):
    """And what the client is connected to."""
    shown = v.series()._repr_html_()
    assert f"<strong>series</strong> · {len(v.series())} rows" in shown
    assert shown.count("<tr>") == 11
    assert "newest window</th><td>2026-03-02 13:00:00 UTC" in v._repr_html_()


def test_names_from_outside_cannot_inject_html():
    """A service may call itself anything."""
    frame = pl.DataFrame({"service": ["<script>alert(1)</script>"]})
    assert "<script>" not in preview_html("series", 1, frame)


@pytest.mark.parametrize(
    ("text", "s"), [("90s", 90), ("1.5h", 5400), ("2 d", 172_800), ("1w", 604_800)]
)
def test_spans_of_time(text, s):
    """A number and a unit."""
    assert parse_span(text) == timedelta(seconds=s)


@given(st.text(max_size=12))
def test_a_span_is_parsed_or_refused(text):
    """Whatever is written there."""
    try:
        span = parse_span(text)
    except UsageError as error:
        said = str(error)
    else:
        assert span >= timedelta(0)
        return
    assert repr(text) in said


def test_an_empty_range_is_refused():
    """With both ends."""
    with pytest.raises(UsageError, match="start must be before end, got 2026-03-03"):
        resolve_range("2026-03-03", "2026-03-02", "1h", END)
    with pytest.raises(UsageError, match="end must be an ISO 8601 instant, got 'soon'"):
        resolve_range(None, "soon", "1h", END)
