"""What happened to journeys at an instant: how much slower, where, and whose requests."""

from dataclasses import dataclass

import polars as pl

from vigil.journeys.attributes import Subset, common_attributes
from vigil.journeys.clocks import align_clocks
from vigil.journeys.critical import with_critical_time
from vigil.journeys.excess import Excess, decompose
from vigil.journeys.hops import with_self_time
from vigil.journeys.links import link_spans
from vigil.journeys.paths import with_journey, with_path

PLACES = ("tenant", "environment", "cloud", "region")
# An attribute that fewer spans have than this says little about them.
LEAST_PRESENT = 0.5
BAD_QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class Explanation:
    """One journey's change and what its bad requests have in common where most time was added."""

    excess: Excess
    bad_requests: int
    common: tuple[Subset, ...]


def journeys_of(events: pl.DataFrame) -> pl.DataFrame:
    """Events (schema EVENTS) to spans with trace, clock, hop, critical path and journey."""
    timed = with_critical_time(with_self_time(align_clocks(link_spans(events))))
    return with_journey(with_path(timed))


def explain(spans: pl.DataFrame, at_us: int, most: int | None = None) -> list[Explanation]:
    """The change of each journey at an instant, the one that costs all users most time first.

    `spans`: of `journeys_of`; `most`: how many journeys at most. A request is bad if it failed or
    took longer than 95 of 100 before, and came after the instant.
    """
    begin = pl.col("start_us").min().over("trace_id")
    before, after = spans.filter(begin < at_us), spans.filter(begin >= at_us)
    found = []
    for journey in _costliest(before, after)[:most]:
        excess = decompose(before, after, journey)
        assert excess is not None, "a costly journey has traces on both sides"
        bad = _bad_traces(before, after, journey)
        mine = spans.filter(pl.col("journey") == journey)
        common = _common(mine, _suspect(mine, bad, excess), bad)
        found.append(Explanation(excess, bad.len(), tuple(common)))
    return found


def _costliest(before: pl.DataFrame, after: pl.DataFrame) -> list[str]:
    """Journeys by the time that they lost or won over all of their requests."""
    sides = [
        side.group_by("journey").agg(
            ms=pl.col("critical_ms").sum(), traces=pl.col("trace_id").n_unique()
        )
        for side in (before, after)
    ]
    mean_ms = pl.col("ms_right") / pl.col("traces_right") - pl.col("ms") / pl.col("traces")
    return (
        sides[0]
        .join(sides[1], on="journey")
        .select("journey", cost=mean_ms.abs() * pl.col("traces_right"))
        .sort("cost", "journey", descending=[True, False])["journey"]
        .to_list()
    )


def _bad_traces(before: pl.DataFrame, after: pl.DataFrame, journey: str) -> pl.Series:
    here = (pl.col("journey") == journey) & (pl.col("depth") == 0)
    limit = before.filter(here)["duration_ms"].quantile(BAD_QUANTILE)
    late = pl.col("duration_ms") > limit
    return after.filter(here & (late | pl.col("failed")))["trace_id"].unique()


def _suspect(spans: pl.DataFrame, bad: pl.Series, excess: Excess) -> str:
    """The component to search: where most bad requests failed first, else where time was added."""
    failed = spans.filter(pl.col("failed") & pl.col("trace_id").is_in(bad.implode()))
    first = failed.sort("depth", "row", descending=[True, False]).unique(
        "trace_id", keep="first", maintain_order=True
    )
    if 2 * first.height > bad.len():
        return str(first["component"].value_counts().sort("count", "component")["component"][-1])
    return excess.parts[0].where.partition(" → ")[0]


def _common(spans: pl.DataFrame, component: str, bad: pl.Series) -> list[Subset]:
    """What the spans of a component have in common in bad traces, and not in those before them.

    The time before counts as good: of a new version all requests may be bad.
    """
    mine = spans.filter(pl.col("component") == component).unique(
        "trace_id", keep="first", maintain_order=True
    )
    wide, names = with_attributes(mine)
    flagged = wide.with_columns(bad=pl.col("trace_id").is_in(bad.implode()))
    return common_attributes(flagged, "bad", names)[:3]


def with_attributes(spans: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """(spans with a column for each attribute that most of them have, all names to search).

    The places where a span ran are searched as well, where they differ.
    """
    places = [name for name in PLACES if name in spans.columns and spans[name].n_unique() > 1]
    if "attributes" not in spans.columns or spans.is_empty():
        return spans, places
    entries = (
        spans.select("row", pl.col("attributes").map.entries())
        .explode("attributes")
        .drop_nulls("attributes")
        .unnest("attributes")
        .unique(["row", "key"], keep="first", maintain_order=True)
    )
    counts = entries["key"].value_counts()
    frequent = counts.filter(pl.col("count") >= LEAST_PRESENT * spans.height)["key"].to_list()
    names = sorted(name for name in frequent if name not in spans.columns)
    if not names:
        return spans, places
    wide = entries.filter(pl.col("key").is_in(names)).pivot(on="key", index="row", values="value")
    return spans.join(wide, on="row", how="left", maintain_order="left"), [*places, *names]
