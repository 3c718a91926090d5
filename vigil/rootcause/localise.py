"""Where an incident comes from: causes from its series, its requests' traces and recent changes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from vigil.journeys.explain import Explanation, explain, journeys_of
from vigil.rootcause.blocks import with_block
from vigil.rootcause.incident import probable_causes
from vigil.rootcause.latency import excess_by_element
from vigil.rootcause.places import SlowPlace, slow_place
from vigil.rootcause.ranking import Cause, rank_causes

# As much past as is usually enough to know what is usual.
PAST = timedelta(minutes=15)
CAUSES_TOLD = 3
EVIDENCE_TOLD = 4
# Traces that say less than this say nothing.
LEAST_SCORE = 0.1
# A journey's change in latency is worth a sentence from this share of what was expected.
LEAST_CHANGE = 0.1


@dataclass(frozen=True, slots=True)
class Traces:
    """What was observed around an incident's beginning, schemas EVENTS, LOGS and METRICS.

    `whole` is False where `events` are a sample of runs of messages: traces may be cut then.
    """

    events: pl.DataFrame
    whole: bool = True
    logs: pl.DataFrame | None = None
    metrics: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Localisation:
    """`causes`: the likeliest first. `journey`: the one that lost most time, if traces are there.

    `place`: the environment that is slow as a whole. `spans`: how many were looked at, 0 where the
    series alone had to do.
    """

    causes: tuple[Cause, ...]
    journey: Explanation | None = None
    place: SlowPlace | None = None
    spans: int = 0

    def document(self) -> dict[str, Any]:
        """For an alert: `causes`, and where they are known `slow_environment` with its evidence,
        `excess` and `in_common`.
        """
        told: dict[str, Any] = {
            "causes": [
                {
                    "service": cause.service,
                    "environment": cause.environment,
                    "score": cause.score,
                    "evidence": list(cause.evidence[:EVIDENCE_TOLD]),
                }
                for cause in self.causes[:CAUSES_TOLD]
                if cause.score > 0
            ],
            "localised_from": f"{self.spans} spans" if self.spans else "series",
        }
        if self.place is not None:
            told["slow_environment"] = {
                "name": self.place.environment,
                "evidence": self.place.sentence(),
            }
        if self.journey is None:
            return told
        excess = self.journey.excess
        if excess.change_ms > LEAST_CHANGE * excess.expected_ms:
            told["excess"] = {
                "journey": excess.journey,
                "expected_ms": round(excess.expected_ms, 1),
                "actual_ms": round(excess.actual_ms, 1),
                "words": excess.sentence(),
                "parts": [
                    {"kind": part.kind, "where": part.where, "ms": round(part.change_ms, 1)}
                    for part in excess.parts
                    if abs(part.change_ms) >= 1
                ],
            }
        told["in_common"] = [subset.sentence() for subset in self.journey.common]
        return told


def localise(
    series: pl.DataFrame,
    calls: Collection[tuple[str, str]],
    started_at: datetime,
    origin: str,
    changes: pl.DataFrame,
    traces: Traces | None = None,
) -> Localisation:
    """Causes of the incident whose unusual series, calls and changes are as in `probable_causes`.

    With `traces`, those that pass through one of the incident's services are ranked by
    `rank_causes`, and what they say comes first; without, or where they say nothing, the series
    decide, and `origin`, the service that the topology suggests, is first. Raises InputError for
    frames without the needed columns.
    """
    from_series = sorted(
        probable_causes(series, calls, started_at, changes),
        key=lambda cause: cause.service != origin,
    )
    touched = None if traces is None else _touching(traces, series["service"].unique())
    if traces is None or touched is None:
        return Localisation(tuple(from_series))
    spans = journeys_of(touched)
    at_us = round(started_at.timestamp() * 1e6)
    ranked = rank_causes(touched, started_at, traces.logs, traces.metrics, changes)
    found = explain(spans, at_us, most=1)
    cut = with_block(spans, at_us)
    return Localisation(
        tuple(_joined(ranked, from_series)),
        found[0] if found else None,
        slow_place(cut, excess_by_element(cut)),
        touched.height,
    )


def _touching(traces: Traces, services: Iterable[str]) -> pl.DataFrame | None:
    """Spans of the traces that pass through one of the services; None where there are none."""
    spans = traces.events.filter(pl.col("trace_id").is_not_null() & pl.col("span_id").is_not_null())
    here = spans.filter(pl.col("service").is_in(list(services)))["trace_id"].unique()
    touched = spans.filter(pl.col("trace_id").is_in(here.implode()))
    if not traces.whole:
        touched = _uncut(touched)
    return touched if touched.height else None


def _uncut(spans: pl.DataFrame) -> pl.DataFrame:
    """Traces whose root and all parents are there."""
    known = spans.select("trace_id", parent_span_id="span_id")
    orphans = spans.filter(pl.col("parent_span_id").is_not_null()).join(
        known, on=["trace_id", "parent_span_id"], how="anti"
    )
    return spans.join(orphans, on="trace_id", how="anti")


def _joined(ranked: list[Cause], from_series: list[Cause]) -> list[Cause]:
    """What the traces say first, with what the series say about the same place."""
    if not ranked or ranked[0].score < LEAST_SCORE:
        return from_series
    series = {(cause.service, cause.environment): cause for cause in from_series}
    joined = []
    for cause in ranked:
        other = series.get((cause.service, cause.environment))
        words = cause.evidence + (other.evidence if other and cause.score > 0 else ())
        joined.append(
            Cause(cause.service, cause.environment, cause.score, tuple(dict.fromkeys(words)))
        )
    return joined
