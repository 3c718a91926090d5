"""Who calls whom, minute by minute."""

from datetime import UTC, datetime

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.events.schema import requests_of
from vigil.journeys.graph import EDGES, edge_metrics
from vigil.simulate import SimulationPlan, simulate_chunk
from vigil.stream.series import SeriesDirectory

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = ["window_start", "caller", "service", "environment"]


def requests() -> pl.DataFrame:
    """Three minutes of requests."""
    table = simulate_chunk(SimulationPlan(START, 180, 5.0, 1), 0)
    return requests_of(pl.from_arrow(table))


def test_every_request_is_in_one_edge():
    """Counts add up; users have no name."""
    edges = edge_metrics(requests())
    assert edges["requests"].sum() == requests().height
    assert edges.select(KEY).is_duplicated().sum() == 0
    assert edges.filter(pl.col("caller") == "")["service"].unique().to_list() == ["gateway"]
    assert edges["window_start"].n_unique() >= 3


def test_no_requests_are_no_edges():
    """With the columns of the table all the same."""
    assert edge_metrics(requests().clear()).schema == pl.Schema(EDGES)


def test_ids_of_calls_change_nothing_but_the_time_it_takes():
    """They are finer than an edge: one for each route as well."""
    named = requests()
    by_id = SeriesDirectory().identify_requests(named)
    assert by_id["call_id"].n_unique() > edge_metrics(named).select(KEY[1:]).n_unique()
    found, expected = (
        edge_metrics(rows).sort(KEY).drop("duration_ms_sum") for rows in (by_id, named)
    )
    assert found.equals(expected)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3_000))
def test_however_the_stream_is_cut_the_parts_add_up(cut):
    """That lets a commit add its part of a minute to what is there."""
    whole = requests()
    parts = pl.concat([edge_metrics(whole[:cut]), edge_metrics(whole[cut:])])
    added = parts.group_by(KEY).agg(
        pl.col("requests", "errors", "duration_ms_sum").sum(), pl.col("duration_ms_max").max()
    )
    expected = edge_metrics(whole).sort(KEY)
    assert added.sort(KEY).drop("duration_ms_sum").equals(expected.drop("duration_ms_sum"))
    difference = added.sort(KEY)["duration_ms_sum"] - expected["duration_ms_sum"]
    assert difference.abs().max() < 1e-6
