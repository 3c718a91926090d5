"""Services ranked by how likely they are the cause, each with its evidence in words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from vigil.journeys.hops import with_self_time
from vigil.journeys.links import link_spans
from vigil.rootcause.blocks import with_block
from vigil.rootcause.changes import CHANGES, blame_changes
from vigil.rootcause.divergence import blame_divergence
from vigil.rootcause.latency import blame_excess, excess_by_element
from vigil.rootcause.saturation import NO_SATURATION, blame_saturation
from vigil.rootcause.starvation import blame_starvation
from vigil.rootcause.statements import log_statement

# Later observations are never looked at: the on-call person is waiting.
LOOK_AHEAD = timedelta(minutes=3)
EVIDENCE_EACH = 3
LEAST_SATURATION = 0.05


@dataclass(frozen=True, slots=True)
class Cause:
    """A suspected service. `score`: 0 to 1; `evidence`: sentences, the weightiest first."""

    service: str
    environment: str | None
    score: float
    evidence: tuple[str, ...]


def rank_causes(
    events: pl.DataFrame,
    at: datetime,
    logs: pl.DataFrame | None = None,
    metrics: pl.DataFrame | None = None,
    changes: pl.DataFrame | None = None,
) -> list[Cause]:
    """All services seen, in each of their environments, the likeliest cause first.

    `events`, `logs`, `metrics`: schemas EVENTS, LOGS, METRICS; `changes`: columns `CHANGES` of
    `vigil.rootcause.changes`. What lies before `at` is the past
    to compare with, what lies up to three minutes after it is judged, the rest is ignored. The
    observers are independent, so their scores join as 1 − Π(1 − score). Raises InputError.
    """
    until = at + LOOK_AHEAD
    at_us = round(at.timestamp() * 1_000_000)
    linked = link_spans(events.filter(pl.col("time") < until))
    spans = with_block(with_self_time(linked), at_us)
    statements = None
    if logs is not None:
        statements = logs.filter(pl.col("time") < until).select(
            "trace_id", "span_id", statement=log_statement(pl.col("body"))
        )
    strayed, steps = blame_divergence(spans, statements)
    elements = excess_by_element(spans)
    found = _Findings(
        steps,
        elements,
        blame_starvation(spans),
        NO_SATURATION if metrics is None else blame_saturation(metrics, at, until),
        blame_changes(
            pl.DataFrame(schema=CHANGES) if changes is None else changes,
            at,
            spans["component"].unique(),
        ),
    )
    blames = [strayed, blame_excess(spans, elements), found.starved, found.filled, found.changed]
    known = spans.select("component", score=pl.lit(0.0)).unique()
    joined = (
        pl.concat([known, *(blame.select("component", "score") for blame in blames)])
        .group_by("component")
        .agg(score=1 - (1 - pl.col("score").clip(0, 1)).product())
        .sort("score", "component", descending=[True, False])
    )
    return [
        Cause(*_place(component), round(score, 4), found.about(component) if score > 0 else ())
        for component, score in joined.iter_rows()
    ]


def _place(component: str) -> tuple[str, str | None]:
    service, _, environment = component.partition("@")
    return service, environment or None


@dataclass(frozen=True, slots=True)
class _Findings:
    """What the observers found, and its words."""

    steps: pl.DataFrame
    elements: pl.DataFrame
    starved: pl.DataFrame
    filled: pl.DataFrame
    changed: pl.DataFrame

    def about(self, component: str) -> tuple[str, ...]:
        """Sentences about a component."""
        parts = (self._traffic, self._resources, self._changes, self._time, self._way)
        return tuple(line for part in parts for line in part(component))

    def _traffic(self, component: str) -> list[str]:
        return [
            f"{row['actual']:.1%} of all requests enter here instead of {row['expected']:.1%}"
            for row in self.starved.filter(component=component).iter_rows(named=True)
        ]

    def _resources(self, component: str) -> list[str]:
        rows = self.filled.filter(
            (pl.col("component") == component) & (pl.col("score") > LEAST_SATURATION)
        )
        return [
            f"{row['metric']} at {row['actual']:.0%}, usually up to {row['usual']:.0%}"
            for row in rows.iter_rows(named=True)
        ]

    def _time(self, component: str) -> list[str]:
        ends = (pl.col("component") == component) | (pl.col("callee") == component)
        rows = self.elements.filter(ends).head(EVIDENCE_EACH)
        return [
            f"{_element(row)}: {row['actual_ms']:.1f} ms instead of {row['expected_ms']:.1f} "
            f"in {row['requests']} requests"
            for row in rows.iter_rows(named=True)
        ]

    def _changes(self, component: str) -> list[str]:
        return self.changed.filter(component=component)["words"].to_list()

    def _way(self, component: str) -> list[str]:
        rows = self.steps.filter(
            (pl.col("component") == component)
            & (pl.col("strayed") > 0.5)
            & ~pl.col("step").str.starts_with("shape ")
        )
        return [
            f"{row['operation']}: {row['step']} {row['change']} in {row['share_now']:.0%} of "
            f"requests, before in {row['share_before']:.0%}"
            for row in rows.head(EVIDENCE_EACH).iter_rows(named=True)
        ]


def _element(row: dict[str, Any]) -> str:
    if row["callee"] is None:
        return f"own time of {row['operation']}"
    return f"network and queue {row['component']} → {row['callee']} ({row['operation']})"
