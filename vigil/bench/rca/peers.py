"""Methods that rank services: Vigil's and its peers', on the same observations."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl

from vigil.bench.rca.cases import Observed
from vigil.journeys.links import link_spans
from vigil.rootcause.ranking import LOOK_AHEAD, rank_causes

# (observations, instant) → components (service or service@environment), likeliest cause first.
Method = Callable[[Observed, datetime], list[str]]

BIN_S = 10
DAMPING = 0.85
ANOMALOUS_SIGMAS = 3.0
# The weight that MicroRCA gives to an anomalous edge.
ANOMALOUS_EDGE = 0.55


def vigil(observed: Observed, at: datetime) -> list[str]:
    """Vigil's own ranking."""
    causes = rank_causes(observed.events, at, observed.logs, observed.metrics)
    return [f"{c.service}@{c.environment}" if c.environment else c.service for c in causes]


def z_score(observed: Observed, at: datetime) -> list[str]:
    """The component of the series with the largest deviation, in standard deviations."""
    series = component_series(observed, at)
    past = series[series["time"] < at.timestamp()].drop(columns="time")
    now = series[series["time"] >= at.timestamp()].drop(columns="time")
    deviation = (now - past.mean()).abs().max() / (past.std() + 1e-9)
    return _first_seen(deviation.sort_values(ascending=False).index)


def baro(observed: Observed, at: datetime) -> list[str]:
    """BARO's robust scorer (Pham et al., FSE 2024), from its authors' package fse-baro."""
    from baro.root_cause_analysis import robust_scorer

    ranks = robust_scorer(component_series(observed, at), inject_time=at.timestamp())["ranks"]
    return _first_seen(ranks)


def random_walk(observed: Observed, at: datetime) -> list[str]:
    """A personalised random walk on the call graph, after MicroRCA (Wu et al., NOMS 2020).

    Edges lead from caller to callee and weigh more when the callee's latency is anomalous; the
    walk restarts at components in proportion to their anomaly and its correlation with the entry.
    """
    series = component_series(observed, at)
    columns = [str(name) for name in series if str(name).endswith("|latency_ms")]
    latency = series[columns].rename(columns=lambda name: name.partition("|")[0])
    past = latency[series["time"] < at.timestamp()]
    now = latency[series["time"] >= at.timestamp()]
    sigmas = ((now.mean() - past.mean()) / (past.std() + 1e-9)).clip(0).fillna(0)
    nodes = list(latency)
    place = {name: number for number, name in enumerate(nodes)}
    spans = link_spans(observed.events)
    entry = spans.filter(pl.col("link") == "root")["component"].mode()[0]
    correlation = latency.corrwith(latency[entry]).abs().fillna(0)
    weight = np.zeros((len(nodes), len(nodes)))
    for caller, callee in _calls(spans):
        anomalous = sigmas[callee] > ANOMALOUS_SIGMAS
        weight[place[caller], place[callee]] = (
            ANOMALOUS_EDGE if anomalous else ANOMALOUS_EDGE * correlation[callee] / 2
        )
    start = (sigmas * correlation).to_numpy() + 1e-6
    rank = _page_rank(weight, start / start.sum())
    return [nodes[number] for number in np.argsort(-rank, kind="stable")]


METHODS: dict[str, Method] = {
    "vigil": vigil,
    "random_walk": random_walk,
    "baro": baro,
    "z_score": z_score,
}


def component_series(observed: Observed, at: datetime) -> pd.DataFrame:
    """`time` (epoch s, bins of 10 s) and `component|metric` columns: what the peers look at.

    From traces mean and 90th percentile of latency, error ratio and rate; from metrics the values.
    """
    spans = link_spans(observed.events.filter(pl.col("time") < at + LOOK_AHEAD))
    second = pl.col("time").dt.epoch("s") // BIN_S * BIN_S
    by_bin = spans.group_by("component", bin=second).agg(
        latency_ms=pl.col("duration_ms").mean(),
        latency_ms_p90=pl.col("duration_ms").quantile(0.9),
        error_ratio=pl.col("failed").mean(),
        rate=pl.len() / BIN_S,
    )
    long = [by_bin.unpivot(index=["component", "bin"], variable_name="metric")]
    if observed.metrics is not None:
        first, last = by_bin["bin"].min(), by_bin["bin"].max()
        long.append(
            observed.metrics.filter(pl.col("time") < at + LOOK_AHEAD)
            .group_by("metric", component="service", bin=second)
            .agg(pl.col("value").mean())
            .filter(pl.col("bin").is_between(first, last))
            .select("component", "bin", "metric", "value")
        )
    wide = (
        pl.concat(long, how="vertical_relaxed")
        .with_columns(name=pl.concat_str("component", "metric", separator="|"))
        .pivot(on="name", index="bin", values="value", aggregate_function="mean")
        .sort("bin")
        .rename({"bin": "time"})
        .to_pandas()
    )
    return wide.ffill().bfill().dropna(axis="columns")


def _calls(spans: pl.DataFrame) -> list[tuple[str, str]]:
    parents = spans.select(parent_row="row", caller="component")
    pairs = spans.join(parents, on="parent_row").select("caller", "component").unique()
    return [(caller, callee) for caller, callee in pairs.iter_rows() if caller != callee]


def _page_rank(weight: np.ndarray, start: np.ndarray) -> np.ndarray:
    total = weight.sum(axis=1, keepdims=True)
    step = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    dead_end = total[:, 0] == 0
    rank = start
    for _ in range(100):
        rank = (1 - DAMPING) * start + DAMPING * (rank @ step + rank[dead_end].sum() * start)
    return rank


def _first_seen(columns: list[str] | pd.Index) -> list[str]:
    return list(dict.fromkeys(name.partition("|")[0] for name in columns))
