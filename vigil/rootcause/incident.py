"""The probable cause of an incident from its series alone, where no traces are at hand."""

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from vigil.rootcause.changes import blame_changes
from vigil.rootcause.ranking import Cause

# What moves up from callee to caller, and the unit to say it in.
_UPWARDS = {"latency": "ms", "error_ratio": ""}


def probable_causes(
    series: pl.DataFrame,
    calls: Iterable[tuple[str, str]],
    started_at: datetime,
    changes: pl.DataFrame | None = None,
) -> list[Cause]:
    """Services of an incident, the likeliest cause first, each with its evidence in words.

    `series`: the unusual series, one row each, with `service`, `environment`, `metric`,
    `expected`, `actual`. `calls`: (caller, callee) services. `changes`: columns `CHANGES`.

    Latency and errors travel from callee to caller, so of a service's deviation only what its
    worst callee does not explain is its own; the score is its part of all such residuals, the
    best over the kinds of metric. A change shortly before adds to it.
    """
    deviations = _deviations(series)
    callees: dict[str, set[str]] = {}
    for caller, callee in calls:
        callees.setdefault(caller, set()).add(callee)
    scores: dict[str, float] = {}
    words: dict[str, list[str]] = {}
    for kind, group in deviations.group_by("kind", maintain_order=True):
        residual = _residuals(group, callees)
        total = sum(residual.values()) or 1.0
        for row in group.iter_rows(named=True):
            component = row["component"]
            part = residual[component] / total
            scores[component] = max(scores.get(component, 0.0), part)
            words.setdefault(component, []).append(
                _sentence(str(kind[0]), row, residual[component])
            )
    if changes is not None:
        for component, score, said in blame_changes(changes, started_at, scores).iter_rows():
            scores[component] = 1 - (1 - scores[component]) * (1 - score)
            words[component].append(said)
    ranked = sorted(scores, key=lambda name: (-scores[name], name))
    return [_cause(name, scores[name], words[name]) for name in ranked]


def _deviations(series: pl.DataFrame) -> pl.DataFrame:
    """The largest rise of each component and kind of metric, and lost traffic as a kind."""
    kind = (
        pl.when(pl.col("metric").str.starts_with("latency"))
        .then(pl.lit("latency"))
        .otherwise(pl.col("metric"))
    )
    return (
        series.with_columns(
            component=pl.concat_str("service", "environment", separator="@", ignore_nulls=True),
            kind=kind,
            change=(pl.col("actual") - pl.col("expected")).abs(),
        )
        .sort("change", descending=True)
        .unique(["component", "kind"], keep="first", maintain_order=True)
    )


def _residuals(group: pl.DataFrame, callees: dict[str, set[str]]) -> dict[str, float]:
    change = dict(group.select("component", "change").iter_rows())
    service = dict(group.select("component", "service").iter_rows())
    upwards = group["kind"][0] in _UPWARDS
    residual = {}
    for component, own in change.items():
        below = callees.get(service[component], set()) if upwards else set()
        inherited = [change[other] for other in change if service[other] in below]
        residual[component] = max(own - max(inherited, default=0.0), 0.0)
    return residual


def _sentence(kind: str, row: dict[str, float], residual: float) -> str:
    unit = _UPWARDS.get(kind, "")
    said = f"{row['metric']} {row['actual']:.3g} {unit}".rstrip()
    said += f" instead of {row['expected']:.3g}"
    if kind in _UPWARDS and residual < row["change"]:
        said += f", {residual:.3g} of it not explained by what it calls"
    return said


def _cause(component: str, score: float, words: list[str]) -> Cause:
    service, _, environment = component.partition("@")
    return Cause(service, environment or None, round(score, 4), tuple(words))
