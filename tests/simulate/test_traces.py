"""The simulator: seeded, made hour by hour, real traces, visible seasons and faults."""

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from vigil.errors import InputError, UsageError
from vigil.events.schema import EVENTS, KEY_COLUMNS
from vigil.simulate import (
    ENVIRONMENTS,
    KINDS,
    SERVICES,
    SimulationPlan,
    chunk_count,
    plan_faults,
    read_labels,
    simulate_chunk,
    write_labels,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
PLAN = SimulationPlan(MONDAY, 3 * 86_400, 4.0, seed=1)


def hour(plan: SimulationPlan, index: int) -> pl.DataFrame:
    """An hour of spans as a frame."""
    frame = pl.from_arrow(simulate_chunk(plan, index))
    assert isinstance(frame, pl.DataFrame)
    return frame


def test_the_estate_is_as_large_as_promised():
    """12 services in three environments, one on-premises and two clouds."""
    assert len(SERVICES) == 12
    assert [place.cloud for place in ENVIRONMENTS] == [None, "aws", "azure"]
    keys = hour(PLAN, 20).select(KEY_COLUMNS).n_unique()
    assert 20 <= keys <= 45


def test_the_same_plan_gives_the_same_events_hour_by_hour():
    """Any hour alone, in any order; another seed gives others."""
    first = simulate_chunk(PLAN, 7)
    simulate_chunk(PLAN, 3)
    assert simulate_chunk(PLAN, 7).equals(first)
    assert not simulate_chunk(dataclasses.replace(PLAN, seed=2), 7).equals(first)


def test_events_have_the_schema_and_lie_in_their_hour():
    """Traces begin within the hour; later spans may end after it."""
    table = simulate_chunk(PLAN, 5)
    assert table.schema == EVENTS
    table.validate(full=True)
    roots = hour(PLAN, 5).filter(pl.col("parent_span_id").is_null())
    begin = MONDAY + timedelta(hours=5)
    assert roots["time"].min() >= begin
    assert roots["time"].max() < begin + timedelta(hours=1)


def test_children_lie_inside_their_parents():
    """Every parent exists in the trace and contains its child; spans are unique."""
    spans = hour(PLAN, 12)
    assert spans["span_id"].n_unique() == spans.height
    end = pl.col("time") + pl.duration(microseconds=pl.col("duration_ms") * 1e3)
    parents = spans.select("trace_id", "time", end.alias("end"), parent_span_id="span_id")
    children = spans.filter(pl.col("parent_span_id").is_not_null())
    pairs = children.join(parents, on=["trace_id", "parent_span_id"], suffix="_parent")
    assert pairs.height == children.height > 0
    slack = pl.duration(microseconds=2)
    inside = (pl.col("time") >= pl.col("time_parent")) & (end <= pl.col("end") + slack)
    assert pairs.select(inside.all()).item()


def test_traces_cross_environments():
    """A checkout touches all three."""
    crossed = hour(PLAN, 12).group_by("trace_id").agg(pl.col("environment").n_unique())
    assert crossed["environment"].max() == 3


def test_load_follows_the_day_and_the_week():
    """Evening over night, weekday over weekend for partners."""
    plan = dataclasses.replace(PLAN, duration_s=7 * 86_400)
    assert hour(plan, 20).height > 2 * hour(plan, 6).height
    partner = pl.col("route") == "/partner/orders"
    monday, saturday = hour(plan, 11).filter(partner), hour(plan, 5 * 24 + 11).filter(partner)
    assert monday.height > 1.8 * saturday.height


def affected(fault, spans: pl.DataFrame) -> pl.DataFrame:
    """Spans of the target while the fault lasts."""
    at_target = pl.col("environment") == fault.environment
    if fault.service is not None:
        at_target &= pl.col("service") == fault.service
    return spans.filter(at_target, pl.col("time").is_between(fault.start_at, fault.end_at))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_fault_shows_in_the_events(kind):
    """Against the same seed without the fault."""
    planned = plan_faults(5, MONDAY, MONDAY + timedelta(hours=len(KINDS) * 2), len(KINDS))
    [fault] = [item for item in planned if item.kind == kind]
    calm_plan = SimulationPlan(MONDAY, 12 * 3600, 10.0, seed=5)
    plan = dataclasses.replace(calm_plan, faults=(fault,))
    hours = {int((at - MONDAY).total_seconds() // 3600) for at in (fault.start_at, fault.end_at)}
    spoilt = affected(fault, pl.concat([hour(plan, index) for index in sorted(hours)]))
    calm = affected(fault, pl.concat([hour(calm_plan, index) for index in sorted(hours)]))
    failed = pl.col("status") >= 500
    slower = _median_ms(spoilt) / _median_ms(calm) if spoilt.height else np.nan
    if kind == "traffic_drop":
        assert calm.height > 100
        assert spoilt.height == 0
    elif kind == "error_burst":
        assert spoilt.select(failed.mean()).item() > 0.1 + calm.select(failed.mean()).item()
    elif kind == "latency_ramp":
        middle = fault.start_at + (fault.end_at - fault.start_at) / 2
        late = _median_ms(spoilt.filter(pl.col("time") > middle))
        assert late > 1.3 * _median_ms(spoilt.filter(pl.col("time") <= middle))
    else:
        assert slower > 1.3
    if kind == "deploy_regression":
        versions = {dict(row).get("version") for row in spoilt["attributes"].to_list()}
        assert versions == {"1.5.0"}


def _median_ms(spans: pl.DataFrame) -> float:
    """Over routes of equal weight, since slow traffic shifts the mix."""
    return float(spans.group_by("route").agg(pl.col("duration_ms").median())["duration_ms"].mean())


def test_faults_cycle_through_all_kinds_and_never_overlap():
    """Quiet lies between them, all inside the asked time."""
    end = MONDAY + timedelta(hours=24)
    planned = plan_faults(9, MONDAY, end, 12)
    assert [fault.kind for fault in planned[:6]] == list(KINDS)
    for before, after in itertools.pairwise(planned):
        assert before.end_at < after.start_at
    assert planned[0].start_at >= MONDAY
    assert planned[-1].end_at <= end


def test_labels_survive_the_file(tmp_path):
    """What was planned is what is read; another file is refused."""
    planned = plan_faults(9, MONDAY, MONDAY + timedelta(hours=24), 6)
    path = tmp_path / "labels.json"
    write_labels(path, 9, MONDAY, MONDAY + timedelta(hours=24), planned)
    found = read_labels(path)
    assert [fault["fault_id"] for fault in found] == [fault.fault_id for fault in planned]
    assert datetime.fromisoformat(found[0]["start_at"]) == planned[0].start_at
    path.write_text("{}")
    with pytest.raises(InputError, match="is not a labels file"):
        read_labels(path)


def test_a_plan_that_makes_no_sense_is_refused():
    """With field and value."""
    with pytest.raises(UsageError, match=r"traces_per_s must be > 0, got -1"):
        dataclasses.replace(PLAN, traces_per_s=-1)
    assert chunk_count(dataclasses.replace(PLAN, duration_s=3601)) == 2
