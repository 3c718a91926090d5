"""Services ranked by how likely they are the cause, each with its evidence in words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from vigil.journeys.hops import with_self_time
from vigil.journeys.links import link_spans
from vigil.rootcause.blocks import with_block
from vigil.rootcause.divergence import blame_divergence
from vigil.rootcause.latency import blame_excess, excess_by_element
from vigil.rootcause.saturation import blame_saturation
from vigil.rootcause.statements import log_statement

# Later observations are never looked at: the on-call person is waiting.
LOOK_AHEAD = timedelta(minutes=3)
EVIDENCE_EACH = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """A suspected service. `score`: 0 to 1; `evidence`: sentences, the weightiest first."""

    service: str
    score: float
    evidence: tuple[str, ...]


def rank_causes(
    events: pl.DataFrame,
    at: datetime,
    logs: pl.DataFrame | None = None,
    metrics: pl.DataFrame | None = None,
) -> list[Cause]:
    """All services seen, the likeliest cause of what began at `at` first.

    `events`, `logs`, `metrics`: schemas EVENTS, LOGS, METRICS; what lies before `at` is the past
    to compare with, what lies up to three minutes after it is judged, the rest is ignored. The
    observers are independent, so their scores join as 1 − Π(1 − score). Raises InputError.
    """
    until = at + LOOK_AHEAD
    spans = with_block(
        with_self_time(link_spans(events.filter(pl.col("time") < until))),
        round(at.timestamp() * 1_000_000),
    )
    statements = None
    if logs is not None:
        statements = logs.filter(pl.col("time") < until).select(
            "trace_id", "span_id", statement=log_statement(pl.col("body"))
        )
    strayed, changes = blame_divergence(spans, statements)
    elements = excess_by_element(spans)
    slowed = blame_excess(spans, elements)
    scores = [strayed.select("service", "score"), slowed.select("service", "score")]
    filled = None
    if metrics is not None:
        filled = blame_saturation(metrics, at, until)
        scores.append(filled.select("service", "score"))
    known = spans.select("service", score=pl.lit(0.0)).unique()
    joined = (
        pl.concat([known, *scores])
        .group_by("service")
        .agg(score=1 - (1 - pl.col("score").clip(0, 1)).product())
        .sort("score", "service", descending=[True, False])
    )
    words = _Words(changes, elements, filled)
    return [
        Cause(service, round(score, 4), words.about(service) if score > 0 else ())
        for service, score in joined.iter_rows()
    ]


@dataclass(frozen=True, slots=True)
class _Words:
    """Turns what the observers found into sentences."""

    changes: pl.DataFrame
    elements: pl.DataFrame
    filled: pl.DataFrame | None

    def about(self, service: str) -> tuple[str, ...]:
        return (*self._resources(service), *self._time(service), *self._way(service))

    def _resources(self, service: str) -> list[str]:
        if self.filled is None:
            return []
        rows = self.filled.filter((pl.col("service") == service) & (pl.col("score") > 0.05))
        return [
            f"{row['metric']} at {row['actual']:.0%}, usually up to {row['usual']:.0%}"
            for row in rows.iter_rows(named=True)
        ]

    def _time(self, service: str) -> list[str]:
        mine = self.elements.filter(
            (pl.col("service") == service) | (pl.col("callee") == service)
        ).head(EVIDENCE_EACH)
        return [
            f"{_place(row)}: {row['actual_ms']:.1f} ms instead of {row['expected_ms']:.1f} "
            f"in {row['requests']} requests"
            for row in mine.iter_rows(named=True)
        ]

    def _way(self, service: str) -> list[str]:
        mine = self.changes.filter(
            (pl.col("service") == service)
            & (pl.col("strayed") > 0.5)
            & ~pl.col("step").str.starts_with("shape ")
        ).head(EVIDENCE_EACH)
        return [
            f"{row['operation']}: {row['step']} {row['change']} in {row['share_now']:.0%} of "
            f"requests, before in {row['share_before']:.0%}"
            for row in mine.iter_rows(named=True)
        ]


def _place(row: dict[str, object]) -> str:
    if row["callee"] is None:
        return f"own time of {row['operation']}"
    return f"network and queue {row['service']} → {row['callee']} ({row['operation']})"
