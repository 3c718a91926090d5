"""Running totals to measurements: rates of counters, quantiles of histograms, through resets."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from vigil.collect.metrics.points import BOUND, BUCKET, COUNTER, KIND, SERIES
from vigil.events.schema import KEY_COLUMNS

# Series whose last total is remembered; of more, those that were not heard of longest are dropped.
SERIES_KEPT = 200_000
QUANTILES = {"_p50": 0.5, "_p95": 0.95, "_p99": 0.99}

_ENTRIES = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
_STATE: dict[str, Any] = {"id": pl.UInt64, "time": pl.Datetime("us", "UTC"), "value": pl.Float64}
_PLACE = [*KEY_COLUMNS, "metric", "time"]


@dataclass(slots=True)
class CounterRates:
    """Remembers the last total of each series.

    A total that becomes smaller was reset: it counts from 0. The first total of a series, and one
    that is not newer than the last, give nothing. Source of the histogram quantiles: linear within
    a bucket, as Prometheus' `histogram_quantile`.
    """

    series_kept: int = SERIES_KEPT
    _last: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_STATE))

    def apply(self, records: pl.DataFrame) -> pl.DataFrame:
        """Records of METRICS: measurements as they are, totals replaced by `…_rate` a second and
        by `…_p50`, `…_p95`, `…_p99` of what a histogram counted since its last total.
        """
        if records["attributes"].null_count() == records.height:
            return records
        entries = pl.col("attributes").cast(_ENTRIES)
        marked = records.with_columns(
            _attribute(entries, name).alias(name) for name in (KIND, SERIES, BOUND)
        )
        totals = marked.filter(pl.col(KIND).is_in([COUNTER, BUCKET]))
        if totals.is_empty():
            return records
        measured = marked.filter(pl.col(KIND).is_null()).select(records.columns)
        steps = self._increases(totals)
        found = [_rates(steps), *_quantiles(steps)]
        nothing = pl.lit(None, records.schema["attributes"]).alias("attributes")
        made = pl.concat(found).with_columns(nothing).select(records.columns)
        return pl.concat([measured, made])

    def _increases(self, totals: pl.DataFrame) -> pl.DataFrame:
        """Totals with `increase` and `seconds` since the one before, of those that have one."""
        identified = totals.with_columns(
            id=pl.struct(*KEY_COLUMNS, SERIES, BOUND, KIND).hash()
        ).sort("id", "time")
        known = self._last.join(identified.select("id").unique(), on="id", how="semi")
        marker = pl.concat([known, identified.select(list(_STATE))]).unique(
            ["id", "time"], keep="first", maintain_order=True
        )
        ordered = marker.sort("id", "time").with_columns(
            before=pl.col("value").shift().over("id"), since=pl.col("time").shift().over("id")
        )
        self._remember(ordered)
        steps = identified.join(
            ordered.select("id", "time", "before", "since"), on=["id", "time"], how="inner"
        ).join(known.select("id", last="time"), on="id", how="left")
        newer = pl.col("last").is_null() | (pl.col("time") > pl.col("last"))
        return (
            steps.filter(pl.col("since").is_not_null() & newer)
            .unique(["id", "time"], keep="first")
            .with_columns(
                increase=pl.when(pl.col("value") >= pl.col("before"))
                .then(pl.col("value") - pl.col("before"))
                .otherwise(pl.col("value")),
                seconds=(pl.col("time") - pl.col("since")).dt.total_microseconds() / 1e6,
            )
        )

    def _remember(self, ordered: pl.DataFrame) -> None:
        newest = ordered.group_by("id").agg(pl.col("time", "value").sort_by("time").last())
        others = self._last.join(newest, on="id", how="anti")
        self._last = pl.concat([others, newest.select(list(_STATE))])
        if self._last.height > self.series_kept:
            self._last = self._last.sort("time", descending=True).head(self.series_kept)


def _attribute(entries: pl.Expr, name: str) -> pl.Expr:
    held = entries.list.filter(pl.element().struct.field("key") == name)
    return held.list.get(0, null_on_oob=True).struct.field("value")


def _rates(steps: pl.DataFrame) -> pl.DataFrame:
    return (
        steps.filter(pl.col(KIND) == COUNTER)
        .with_columns(pl.col("metric") + "_rate")
        .group_by(_PLACE, maintain_order=True)
        .agg(value=(pl.col("increase") / pl.col("seconds")).sum())
    )


def _quantiles(steps: pl.DataFrame) -> list[pl.DataFrame]:
    counted = (
        steps.filter(pl.col(KIND) == BUCKET)
        .group_by([*_PLACE, pl.col(BOUND).cast(pl.Float64)])
        .agg(pl.col("increase").sum())
        .sort(BOUND)
    )
    frames = []
    for suffix, level in QUANTILES.items():
        wanted = level * pl.col("increase").max()
        below, above = pl.col("increase") < wanted, pl.col("increase") >= wanted
        edges = counted.group_by(_PLACE, maintain_order=True).agg(
            total=pl.col("increase").max(),
            low=pl.col(BOUND).filter(below).last().fill_null(0.0),
            low_count=pl.col("increase").filter(below).last().fill_null(0.0),
            high=pl.col(BOUND).filter(above).first(),
            high_count=pl.col("increase").filter(above).first(),
        )
        share = (level * pl.col("total") - pl.col("low_count")) / (
            pl.col("high_count") - pl.col("low_count")
        )
        inside = pl.col("low") + (pl.col("high") - pl.col("low")) * share
        # Of the last bucket only the lower bound is known.
        value = pl.when(pl.col("high").is_infinite()).then(pl.col("low")).otherwise(inside)
        frames.append(
            edges.filter(pl.col("total") > 0)
            .with_columns(pl.col("metric") + suffix, value=value)
            .select(*_PLACE, "value")
        )
    return frames
