"""Asset checks: fresh, complete, of the right shape, and still like what was trained on."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import dagster as dg
import polars as pl

from assets.automation import hourly_watch
from assets.resources import VigilResource
from vigil.backtest.drift import GRAVE, MATTERS, Drift
from vigil.backtest.drift import calibration_drift as drift_of_calibration
from vigil.backtest.drift import residual_drift as drift_of_residuals
from vigil.backtest.trial import STRANGE_P
from vigil.features.checks import completeness, drifted_series
from vigil.features.observations import OBSERVATIONS
from vigil.stores.bundle import load_bundle
from vigil.stores.timescale import SCORES, WindowStore

LEAST_COMPLETE = 0.95
MOST_AGE_H = 3.0
WATCHED = timedelta(days=1)
PLOTTED = 12


def _latest(vigil: VigilResource) -> pl.DataFrame | None:
    files = sorted(vigil.folder("observations").glob("*.parquet"), key=lambda p: p.stat().st_mtime)
    return pl.read_parquet(files[-1]) if files else None


def _nothing() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, metadata={"reason": "no observations materialised"})


def _unknown(why: str) -> dg.AssetCheckResult:
    """What has not been learnt cannot have drifted."""
    return dg.AssetCheckResult(passed=True, metadata={"drift": why})


@dg.asset_check(asset="observations")
def observations_schema(vigil: VigilResource) -> dg.AssetCheckResult:
    """Every column is there with its type."""
    frame = _latest(vigil)
    if frame is None:
        return _nothing()
    wrong = [
        f"{name}: {frame.schema.get(name)}"
        for name, kind in OBSERVATIONS.items()
        if frame.schema.get(name) != kind
    ]
    return dg.AssetCheckResult(passed=not wrong, metadata={"wrong": wrong})


@dg.asset_check(asset="observations")
def observations_fresh(vigil: VigilResource) -> dg.AssetCheckResult:
    """The stream keeps up: the newest observation is not older than the last hours."""
    frame = _latest(vigil)
    if frame is None or frame.is_empty():
        return _nothing()
    newest = frame["window_start"].max()
    assert isinstance(newest, datetime)
    age_h = (datetime.now(UTC) - newest).total_seconds() / 3600
    return dg.AssetCheckResult(
        passed=age_h <= MOST_AGE_H,
        # A replay of the past is old on purpose.
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"newest": newest.isoformat(), "age_h": age_h, "most_h": MOST_AGE_H},
    )


@dg.asset_check(asset="observations")
def observations_complete(vigil: VigilResource) -> dg.AssetCheckResult:
    """Series have a window for each step between their first and their last."""
    frame = _latest(vigil)
    if frame is None or frame.is_empty():
        return _nothing()
    share = completeness(frame)
    return dg.AssetCheckResult(
        passed=share >= LEAST_COMPLETE, metadata={"complete": share, "least": LEAST_COMPLETE}
    )


@dg.asset_check(asset="training_set", automation_condition=hourly_watch)
def data_drift(vigil: VigilResource) -> dg.AssetCheckResult:
    """The last day looks like the days that were learnt from (Kolmogorov-Smirnov)."""
    path = vigil.folder("training") / "observations.parquet"
    if not path.exists():
        return _unknown("nothing was learnt yet")
    trained = pl.read_parquet(path)
    with vigil.windows() as store:
        span = store.span()
        end_at = span[1] if span else datetime.now(UTC)
        recent = store.observations(end_at - WATCHED, end_at + timedelta(seconds=1))
    seen = pl.concat([trained.filter(pl.col("window_start") < end_at - WATCHED), recent])
    return _judged(Drift(*drifted_series(seen)))


@dg.asset_check(asset="champion", automation_condition=hourly_watch)
def residual_drift(vigil: VigilResource) -> dg.AssetCheckResult:
    """The champion's expectations are as good on the last day as they were in training."""
    from assets.plots import bars_plot, markdown

    with vigil.registry() as registry:
        champion = registry.champion()
    if champion is None:
        return _unknown("no champion yet")
    arrays = load_bundle(champion.path).arrays
    spread = dict(zip(arrays.series_id.tolist(), arrays.spread.tolist(), strict=True))
    with vigil.windows() as store:
        scores, names = _scored(store, champion.bundle_id), store.series()
    drift, figures = drift_of_residuals(scores, spread)
    widest = figures.head(PLOTTED).join(names, on="series_id", maintain_order="left")
    labels = [f"{row['metric']} {row['service']}" for row in widest.to_dicts()]
    plot = bars_plot("Residuals, times as wide as in training", labels, widest["width"].to_list())
    return _judged(drift, {"bundle_id": champion.bundle_id, "plot": markdown(plot)})


@dg.asset_check(asset="champion", automation_condition=hourly_watch)
def calibration_drift(vigil: VigilResource) -> dg.AssetCheckResult:
    """The champion's p-values come as often as they say."""
    from assets.plots import calibration_plot, markdown

    with vigil.registry() as registry:
        champion = registry.champion()
    if champion is None:
        return _unknown("no champion yet")
    with vigil.windows() as store:
        counts = store.calibration(champion.bundle_id, STRANGE_P, WATCHED)
        p = _scored(store, champion.bundle_id)["p"]
    plot = calibration_plot("Reached against asked rate, last day", p.drop_nulls().to_numpy())
    facts = {"bundle_id": champion.bundle_id, "plot": markdown(plot)}
    return _judged(drift_of_calibration(counts), facts)


def _scored(store: WindowStore, model: str) -> pl.DataFrame:
    """What the model decided on the last day."""
    span = store.span()
    if span is None:
        return pl.DataFrame(schema=SCORES)
    scores = store.scores(span[1] - WATCHED, span[1] + timedelta(seconds=1))
    return scores.filter(pl.col("model") == model)


def _judged(drift: Drift, facts: Mapping[str, Any] = MappingProxyType({})) -> dg.AssetCheckResult:
    """Failed where it matters; an error, not a warning, where it is grave."""
    severity = dg.AssetCheckSeverity.ERROR if drift.grave else dg.AssetCheckSeverity.WARN
    numbers: dict[str, Any] = {
        "drift": drift.words,
        "share": drift.share,
        "most": MATTERS,
        "error_from": GRAVE,
    }
    return dg.AssetCheckResult(
        passed=not drift.matters, severity=severity, metadata={**numbers, **facts}
    )


DRIFT_CHECKS = [key for check in (data_drift, residual_drift, calibration_drift)
                for key in check.check_keys]  # fmt: skip
