"""The champion: the bundle that the streaming scorer loads."""

from datetime import timedelta

import dagster as dg
import polars as pl
from pydantic import Field

from assets.automation import when_promoted_or_hourly
from assets.links import LinksResource
from assets.partitions import fresh_hourly
from assets.resources import VigilResource
from vigil.stores.registry import Champion

PLOTTED_SERIES = 3
HISTORY_SHOWN = 20


class PromotionConfig(dg.Config):
    """Which bundle, and why."""

    bundle_id: str = Field(description="a bundle of the registry; `vigil models` lists them")
    reason: str = Field("by hand", description="kept in the history of promotions")


@dg.asset(deps=["challenger", "trial"], group_name="models", kinds={"postgres"})
def champion(
    config: PromotionConfig, vigil: VigilResource, links: LinksResource
) -> dg.MaterializeResult:
    """The promoted bundle; scorers pick it up within a second or two.

    The former champion goes on in its shadow, as the control that a rollback is decided by.
    """
    with vigil.registry() as registry:
        promoted = registry.promote(config.bundle_id, config.reason)
        history = registry.history()
    return dg.MaterializeResult(
        metadata={
            "bundle_id": promoted.bundle_id,
            "reason": promoted.reason,
            "promoted_at": promoted.promoted_at.isoformat(),
            "history": dg.MetadataValue.md(_history_table(history)),
            **links.of_model(vigil),
        }
    )


def _history_table(history: list[Champion]) -> str:
    rows = [
        f"| {item.promoted_at:%Y-%m-%d %H:%M} | {item.bundle_id} | {item.reason} |"
        for item in history[:HISTORY_SHOWN]
    ]
    return "\n".join(["| at | bundle | reason |", "|---|---|---|", *rows])


@dg.asset(
    deps=["champion"],
    automation_condition=when_promoted_or_hourly,
    freshness_policy=fresh_hourly,
    group_name="models",
    kinds={"postgres", "matplotlib"},
)
def score_review(vigil: VigilResource, links: LinksResource) -> dg.MaterializeResult:
    """The last day's decisions of the stream: how many flags, and the most unusual series."""
    from assets.plots import markdown, scores_plot

    with vigil.windows() as store:
        span = store.span()
        if span is None:
            return dg.MaterializeResult(metadata={"dagster/row_count": 0})
        scores = store.scores(span[1] - timedelta(days=1), span[1] + timedelta(hours=1))
        names = store.series()
    worst = scores.group_by("series_id").agg(pl.col("p").min()).sort("p").head(PLOTTED_SERIES)
    panels = []
    for series_id in worst["series_id"]:
        label = names.filter(pl.col("series_id") == series_id).row(0, named=True)
        frame = scores.filter(pl.col("series_id") == series_id).to_pandas()
        panels.append((f"{label['metric']} of {label['service']}", frame.set_index("window_start")))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": scores.height,
            "flagged": int(scores["flagged"].sum()),
            "plot": markdown(scores_plot("Most unusual series of the last day", panels)),
            **links.of_stream(vigil),
        }
    )
