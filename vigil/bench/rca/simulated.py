"""Cases from the simulator: each kind of fault, at seeded places."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from vigil.bench.rca.cases import Case, Observed
from vigil.rootcause.ranking import LOOK_AHEAD
from vigil.simulate import Fault, SimulationPlan, simulate_chunk
from vigil.simulate.faults import plan_faults

SYSTEM = "simulated estate"
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAST = timedelta(minutes=20)
TRACES_PER_S = 15.0


def simulated_cases(count: int, seed: int) -> Iterator[Case]:
    """`count` faults, all kinds in turn, each in an hour of its own.

    A fault begins 25 minutes into its hour. The search starts then; for a ramp, which begins with
    nothing, when half of it is reached.
    """
    end = START + timedelta(hours=count)
    for number, planned in enumerate(plan_faults(seed, START, end, count)):
        begin = START + timedelta(minutes=25)
        fault = replace(planned, start_at=begin, end_at=begin + timedelta(minutes=20))
        ramp = fault.kind == "latency_ramp"
        at = begin + (fault.end_at - begin) / 2 if ramp else begin
        yield Case(
            name=fault.fault_id,
            system=SYSTEM,
            kind=fault.kind,
            at=at,
            service=fault.service,
            environment=fault.environment,
            observe=_observer(fault, seed * 1_000 + number, at, begin),
        )


def _observer(fault: Fault, seed: int, at: datetime, begin: datetime):  # type: ignore[no-untyped-def]
    def observe() -> Observed:
        plan = SimulationPlan(START, 3_600, TRACES_PER_S, seed, (fault,))
        events = pl.from_arrow(simulate_chunk(plan, 0))
        assert isinstance(events, pl.DataFrame)
        seen = pl.col("time").is_between(begin - PAST, at + LOOK_AHEAD)
        # Between the beginning of a ramp and the search nobody knows yet; it is the past.
        return Observed(events.filter(seen), None, None)

    return observe
