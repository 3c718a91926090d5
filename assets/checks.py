"""Asset checks: fresh, complete, of the right shape, and still like what was trained on."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl

from assets.resources import VigilResource
from vigil.features.checks import completeness, drifted_series
from vigil.features.observations import OBSERVATIONS

LEAST_COMPLETE = 0.95
MOST_DRIFTED = 0.25
MOST_AGE_H = 3.0


def _latest(vigil: VigilResource) -> pl.DataFrame | None:
    files = sorted(vigil.folder("observations").glob("*.parquet"), key=lambda p: p.stat().st_mtime)
    return pl.read_parquet(files[-1]) if files else None


def _nothing() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, metadata={"reason": "no observations materialised"})


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


@dg.asset_check(asset="training_set")
def training_set_drift(vigil: VigilResource) -> dg.AssetCheckResult:
    """The last day of the training range looks like the days before (Kolmogorov-Smirnov)."""
    path = vigil.folder("training") / "observations.parquet"
    if not path.exists():
        return _nothing()
    drifted, compared = drifted_series(pl.read_parquet(path))
    share = drifted / max(1, compared)
    return dg.AssetCheckResult(
        passed=share <= MOST_DRIFTED,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"drifted": drifted, "compared": compared, "most": MOST_DRIFTED},
    )
