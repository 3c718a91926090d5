"""Where requests leave their usual way: steps missing or new, blamed on the first to stray.

A span's *steps* are its child spans, the log statements written in it and its failure; all of
them together are its *shape*. For each operation the share of spans that show a step is compared
with the past. A span with a changed step has strayed; a caller often strays only because something
below it did, so what a descendant explains is not blamed on its ancestors.

The idea to compare event graphs is from Yu et al., "Nezha", FSE 2023; blame and test are our own.
"""

import numpy as np
import polars as pl

from vigil.journeys.tails import beta_binomial_tail
from vigil.rootcause.blocks import NOW, block_weights
from vigil.rootcause.statements import log_statement

SIGNIFICANCE = 0.01
# Shares drift by themselves: their standard deviation from block to block, relative.
DRIFT = 0.3
# A changed step must be unusual in at least this part of the spans that show it.
LEAST_PART = 0.2
LEAST_SPANS = 3
# What was odd in the recent past already counts this much: it may be the same incident.
LASTING = 0.2
CALM_QUANTILE = 0.25


def blame_divergence(
    spans: pl.DataFrame, logs: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(blame of each component, the changed steps it rests on).

    `spans`: linked, with `block`. `logs`: `trace_id`, `span_id`, `statement`, or None.
    Blame: `component`, `strayed` (expected number of traces that left their way there), `visits`,
    `odd` (the same for what is unusual but not new), `score` (0 to 1). Changes: `component`,
    `operation`, `step`, `change` (`new` or `missing`), `share_before`, `share_now`, `strayed`.
    """
    compared = spans
    if logs is not None:
        compared, logs = _logged(spans, logs)
    steps = _steps(compared, logs)
    changes = _changed(compared, steps)
    strayed = _strayed(compared, steps, changes)
    blamed = _without_inherited(spans, strayed)
    now = spans.filter(pl.col("block") == NOW)
    visits = now.group_by("component").agg(visits=pl.col("trace_id").n_unique())
    blame = (
        blamed.group_by("component")
        .agg(strayed=pl.col("blame").sum(), odd=pl.col("odd").sum())
        .join(visits, on="component")
        .with_columns(score=(_ochiai("strayed") + LASTING * _ochiai("odd")).clip(0, 1))
        .sort("score", "component", descending=[True, False])
    )
    found = (
        strayed.join(blamed.select("row", "blame"), on="row")
        .group_by("component", "operation", "step", "change")
        .agg(
            share_before=pl.col("expected").first(),
            share_now=pl.col("share").first(),
            strayed=pl.col("blame").sum(),
        )
        .sort("strayed", "step", descending=[True, False])
    )
    return blame, found


def _ochiai(blame: str) -> pl.Expr:
    """√(share of the component's traces · share of all blame), a little less where few know it.

    Source: Ochiai 1957, as in spectrum-based fault localisation (Abreu et al. 2007).
    """
    return pl.col(blame) / ((pl.col("visits") + 1) * (pl.col(blame).sum() + 1)).sqrt()


def _logged(spans: pl.DataFrame, logs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """The blocks that have logs, with them; all blocks without logs where too few have them.

    A block whose logs were not collected must not look like one in which nothing was logged.
    """
    with_logs = spans.join(logs, on="trace_id", how="semi")["block"].unique()
    logged = spans.filter(pl.col("block").is_in(with_logs.implode()))
    past = spans.filter(pl.col("block") != NOW)["block"].n_unique()
    if NOW not in with_logs or 2 * (with_logs.len() - 1) < past:
        return spans, None
    return logged, logs


def _steps(spans: pl.DataFrame, logs: pl.DataFrame | None) -> pl.DataFrame:
    """`row`, `step`: each step that a span shows, once, and its shape."""
    owners = spans.select(parent_row="row", owner="component")
    remote = pl.concat_str(pl.lit("→ "), "component", pl.lit(" "), "operation")
    parts = [
        spans.filter(pl.col("parent_row").is_not_null())
        .join(owners, on="parent_row")
        .select(
            row="parent_row",
            step=pl.when(pl.col("component") == pl.col("owner"))
            .then("operation")
            .otherwise(remote),
        )
    ]
    failure = pl.concat_str(
        pl.lit("failure"),
        pl.col("status").cast(pl.String),
        log_statement(pl.col("error")),
        separator=" ",
        ignore_nulls=True,
    )
    parts.append(spans.filter("failed").select("row", step=failure))
    if logs is not None and logs.height:
        rows = spans.select("trace_id", "span_id", "row")
        parts.append(
            logs.join(rows, on=["trace_id", "span_id"]).select(
                "row", step=pl.lit("log ") + pl.col("statement")
            )
        )
    steps = pl.concat(parts).unique()
    shapes = (
        steps.with_columns(code=pl.col("step").hash())
        .group_by("row")
        .agg(
            # An order-free digest of the set: sums of hashes rarely meet.
            shape=pl.col("code").sum()
        )
    )
    bare = (
        spans.select("row")
        .join(shapes, on="row", how="left")
        .select("row", step=pl.lit("shape ") + pl.col("shape").fill_null(0).cast(pl.String))
    )
    return pl.concat([steps, bare])


def _changed(spans: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """Steps whose share differs from the past: one row an operation, step and `change`.

    `part`: the part of the spans with the change that the past does not explain; `odd`: the same
    against the calmest quarter of the past, so that a fault that has lasted is still known as one.
    """
    key = ["component", "operation"]
    place = spans.select("row", *key, "block")
    size = place.group_by(*key, "block").agg(spans=pl.len())
    with_step = steps.join(place, on="row").group_by(*key, "step", "block").agg(seen=pl.len())
    grid = (
        with_step.select(*key, "step")
        .unique()
        .join(size, on=key)
        .join(with_step, on=[*key, "step", "block"], how="left")
        .with_columns(pl.col("seen").fill_null(0))
    )
    lacking = grid.filter(~pl.col("step").str.starts_with("shape ")).with_columns(
        change=pl.lit("missing"), seen=pl.col("spans") - pl.col("seen")
    )
    both = pl.concat([grid.with_columns(change=pl.lit("new")), lacking]).with_columns(
        share=pl.col("seen") / pl.col("spans")
    )
    # A block with few spans says little about its share.
    trust = pl.col("weight") * pl.col("spans") / (pl.col("spans") + 2)
    past = (
        both.join(block_weights(spans["block"]), on="block")
        .group_by(*key, "step", "change")
        .agg(
            typical=(trust * pl.col("share")).sum() / trust.sum(),
            calm=pl.col("share").quantile(CALM_QUANTILE, "lower"),
            known=pl.col("spans").sum(),
        )
    )
    now = both.filter((pl.col("block") == NOW) & (pl.col("seen") > 0)).join(
        past.filter(pl.col("known") >= LEAST_SPANS), on=[*key, "step", "change"]
    )
    part, expected = _unexplained(now, "typical")
    calm_part, _ = _unexplained(now, "calm")
    return now.with_columns(
        expected=pl.Series(expected),
        part=pl.Series(part),
        odd=pl.Series(np.maximum(part, calm_part)),
    ).filter(pl.col("odd") > LEAST_PART)


def _unexplained(now: pl.DataFrame, reference: str) -> tuple[np.ndarray, np.ndarray]:
    """(part of the spans with the change beyond the reference share, 0 where not significant;
    the reference share, smoothed).

    The test is a beta-binomial: the reference is known from `known` spans at most, and drifts.
    """
    known, spans, seen = (now[name].to_numpy() for name in ("known", "spans", "seen"))
    share = (now[reference].to_numpy() * known + 0.5) / (known + 1)
    certainty = np.minimum(known + 1, (1 - share) / (DRIFT**2 * share))
    chance = beta_binomial_tail(seen, spans, share * certainty, (1 - share) * certainty)
    part = np.clip(1 - share * spans / seen, 0, 1)
    return np.where(chance < SIGNIFICANCE, part, 0.0), share


def _strayed(spans: pl.DataFrame, steps: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """Spans of now × changed steps they show or lack."""
    columns = ["component", "operation", "step", "change", "share", "expected", "part", "odd"]
    now = spans.filter(pl.col("block") == NOW).select("row", "component", "operation")
    key = ["component", "operation"]
    new = changes.filter(change="new").select(columns)
    lacking = changes.filter(change="missing").select(columns)
    shown = steps.join(now, on="row").join(new, on=[*key, "step"]).select("row", *columns)
    lacked = (
        now.join(lacking, on=key)
        .join(steps, on=["row", "step"], how="anti")
        .select("row", *columns)
    )
    return pl.concat([shown, lacked])


def _without_inherited(spans: pl.DataFrame, strayed: pl.DataFrame) -> pl.DataFrame:
    """`row`, `component`, `blame`: the part of each strayed span that no descendant explains."""
    worst = strayed.group_by("row", "component").agg(pl.col("part").max(), pl.col("odd").max())
    rows = worst["row"].to_numpy()
    parent = spans["parent_row"].fill_null(-1).to_numpy()
    unexplained = np.ones(spans.height)
    doubt = 1 - worst["odd"].to_numpy()
    above = parent[rows]
    while (inside := above >= 0).any():
        np.multiply.at(unexplained, above[inside], doubt[inside])
        above = np.where(inside, parent[above], -1)
    return worst.select(
        "row",
        "component",
        blame=pl.col("part") * unexplained[rows],
        odd=pl.col("odd") * unexplained[rows],
    )
