"""Spans find their parents, whatever is lost, doubled or circular."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.errors import InputError
from vigil.journeys.links import depths, link_spans

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def spans(rows: list[tuple[str, str | None, float, float]]) -> pl.DataFrame:
    """Spans of one trace: id, parent, start and duration in ms."""
    return pl.DataFrame(
        {
            "time": [START + timedelta(milliseconds=row[2]) for row in rows],
            "trace_id": ["t"] * len(rows),
            "span_id": [row[0] for row in rows],
            "parent_span_id": [row[1] for row in rows],
            "service": [row[0] for row in rows],
            "route": ["/"] * len(rows),
            "duration_ms": [row[3] for row in rows],
        },
        schema_overrides={"parent_span_id": pl.String},
    )


def test_children_find_their_parent_and_their_depth():
    """A child's row points to its parent's, whatever the order of arrival."""
    linked = link_spans(spans([("c", "b", 2, 1), ("a", None, 0, 9), ("b", "a", 1, 5)]))
    assert linked["parent_row"].to_list() == [2, None, 1]
    assert linked["depth"].to_list() == [2, 0, 1]
    assert linked["link"].to_list() == ["child", "root", "child"]


def test_a_span_whose_parent_was_not_seen_is_an_orphan():
    """It begins a piece of its own, and is told apart from a real root."""
    linked = link_spans(spans([("a", None, 0, 9), ("x", "lost", 1, 2), ("y", "x", 1, 1)]))
    assert linked["link"].to_list() == ["root", "orphan", "child"]
    assert linked["depth"].to_list() == [0, 0, 1]


def test_a_cycle_is_cut():
    """Spans that are their own ancestors become roots; what hangs below them stays below."""
    linked = link_spans(spans([("a", "b", 0, 9), ("b", "a", 1, 5), ("c", "b", 2, 1)]))
    assert linked["link"].to_list() == ["cycle", "cycle", "child"]
    assert linked["parent_row"].to_list() == [None, None, 1]


def test_a_span_sent_twice_counts_once():
    """Exporters retry."""
    linked = link_spans(spans([("a", None, 0, 9), ("b", "a", 1, 5), ("b", "a", 1, 5)]))
    assert linked.height == 2


def test_requests_without_ids_are_no_spans():
    """Request logs have neither trace nor span id."""
    events = spans([("a", None, 0, 9), ("b", "a", 1, 5)])
    anonymous = events.with_columns(span_id=pl.lit(None, pl.String))
    assert link_spans(pl.concat([events, anonymous])).height == 2


def test_a_missing_column_is_named():
    """The error says which."""
    with pytest.raises(InputError, match="trace_id"):
        link_spans(spans([("a", None, 0, 9)]).drop("trace_id"))


@settings(deadline=None)
@given(st.lists(st.integers(-1, 30), min_size=1, max_size=31))
def test_depths_follow_parents_and_find_every_cycle(parents):
    """Walking up step by step gives the same, for any graph of parents."""
    parent = np.array([p if p < len(parents) else -1 for p in parents])
    depth, circular = depths(parent)
    for row in range(len(parent)):
        seen, here = [], row
        while here >= 0 and here not in seen:
            seen.append(here)
            here = int(parent[here])
        assert circular[row] == (here == row)
    cut = np.where(circular, -1, parent)
    for row in range(len(parent)):
        assert depth[row] == (0 if cut[row] < 0 else depth[cut[row]] + 1)
