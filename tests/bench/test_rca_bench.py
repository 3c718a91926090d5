"""The root cause benchmark: its cases, its peers, its count."""

from datetime import UTC, datetime

import polars as pl
import pytest

from vigil.bench.rca import METHODS, bench_rca, nezha_cases, simulated_cases, summary
from vigil.bench.rca.cases import Case
from vigil.bench.rca.peers import component_series
from vigil.bench.rca.table import rank_of
from vigil.rootcause.ranking import LOOK_AHEAD


def case(service: str | None, environment: str | None) -> Case:
    """A case that is never observed."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Case("c", "s", "k", at, service, environment, lambda: pytest.fail("observed"))


@pytest.mark.parametrize(
    ("service", "environment", "rank"),
    [("b", None, 2), ("b", "aws", 2), ("b", "gcp", None), (None, "azure", 1), ("c", None, None)],
)
def test_the_rank_is_that_of_the_cause_in_its_environment(service, environment, rank):
    """A service elsewhere is not the cause; where an environment is, any of its services counts."""
    assert rank_of(case(service, environment), ["a@azure", "b@aws"]) == rank


def test_every_method_finds_a_strong_fault_of_the_simulator():
    """The first kind is a latency step: the peers must be able to see it too."""
    (fault,) = simulated_cases(1, seed=3)
    rows = bench_rca([fault], METHODS)
    assert [row["method"] for row in rows] == list(METHODS)
    assert rows[0]["rank"] == 1
    assert all(row["rank"] is not None and row["rank"] <= 5 for row in rows)


def test_vigil_finds_each_kind_of_fault_of_the_simulator():
    """Latency, errors, lost traffic, a bad version, a slow region, a ramp."""
    rows = bench_rca(simulated_cases(6, seed=2), ["vigil"])
    assert {row["kind"]: row["rank"] for row in rows} == dict.fromkeys(
        (row["kind"] for row in rows), 1
    )
    assert len({row["kind"] for row in rows}) == 6
    assert next(row for row in summary(rows) if row["kind"] == "all")["top1"] == 1.0


def test_nobody_sees_more_than_three_minutes():
    """Peers' series end where Vigil's view ends, and begin before the fault."""
    (fault,) = simulated_cases(1, seed=3)
    time = component_series(fault.observe(), fault.at)["time"]
    assert time.max() < (fault.at + LOOK_AHEAD).timestamp()
    assert time.min() < fault.at.timestamp()


@pytest.mark.shared_data
def test_nezhas_cases_are_the_injections_with_traces(datasets):
    """48 of them, in two systems; the cause is the service, not the pod."""
    cases = list(nezha_cases(datasets / "nezha"))
    count = pl.DataFrame({"system": [c.system for c in cases]}).group_by("system").len()
    assert dict(count.iter_rows()) == {"Online Boutique": 20, "Train Ticket": 28}
    assert cases[0].service == "frontend"
