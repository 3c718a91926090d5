"""Training from end to end: windows → training set → backtests → a bundle in the registry.

The Dagster assets and the command line both call these steps; neither holds any of their logic.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from vigil.backtest.candidate import Candidate
from vigil.backtest.champion import QUANTILES, Expectations, expectations
from vigil.backtest.ensembling import ENSEMBLE, learn_on_all
from vigil.backtest.folds import SERIES_PER_GROUP, Progress, representatives
from vigil.backtest.results import DETECTOR, FORECASTER, FoldResult, Standing, standings, winners
from vigil.errors import VigilError
from vigil.features.deploys import deploys_of_series
from vigil.features.grid import TrainingSet
from vigil.stores.bundle import BundleArrays, load_bundle, new_bundle_id
from vigil.stores.changes import ChangeStore
from vigil.stores.registry import Registry
from vigil.stores.timescale import WindowStore

# A bundle expects a day.
PLANNED = timedelta(days=1)


class NothingToLearn(VigilError):
    """The range holds no series that can be trained on."""


def quiet_libraries() -> None:
    """Send the model libraries' warnings to the log, and only its errors to people.

    They announce coming defaults once per fit, hundreds of times in a backtest; some undo warning
    filters, so a filter would not do.
    """
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    logging.getLogger("darts").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Challenger:
    """A bundle that was just made."""

    bundle_id: str
    mase: float
    series: int
    winners: dict[str, str]


def known_deploys(store: WindowStore, start_at: datetime, end_at: datetime) -> pl.DataFrame:
    """Deploys of the range and those planned for the day after it, schema DEPLOYS."""
    changes = ChangeStore(store.engine).between(start_at, end_at + PLANNED)
    return deploys_of_series(changes, store.series())


def require_series(training: TrainingSet) -> None:
    """Raise NothingToLearn, with the commonest reason, when there is nothing to train on."""
    if training.series:
        return
    reasons = list(training.excluded.values())
    why = max(set(reasons), key=reasons.count) if reasons else "there are no windows"
    raise NothingToLearn(
        f"no series can be trained between {training.start_at:%Y-%m-%d %H:%M} and "
        f"{training.end_at:%Y-%m-%d %H:%M} UTC: {why}"
    )


def record(
    registry: Registry, run_id: str, training: TrainingSet, results: Sequence[FoldResult]
) -> None:
    """Keep the numbers of all folds."""
    registry.record_backtests(
        [
            {
                "run_id": run_id,
                "candidate": result.candidate,
                "role": result.role,
                "library": result.library,
                "series_group": result.series_group,
                "fold": result.fold,
                "scores": {
                    **result.scores,
                    "failed": result.failed,
                    "peak_mib": result.peak_mib,
                },
                "fit_s": result.fit_s,
                "trained_from": training.start_at,
                "trained_to": training.end_at,
            }
            for result in results
        ]
    )


def fold_results(registry: Registry, run_id: str) -> list[FoldResult]:
    """The results that `record` kept of a run."""
    return [
        FoldResult(
            candidate=row["candidate"],
            role=row["role"],
            library=row["library"],
            series_group=row["series_group"],
            fold=row["fold"],
            scores={
                name: value
                for name, value in row["scores"].items()
                if name not in ("failed", "peak_mib")
            },
            fit_s=row["fit_s"],
            failed=int(row["scores"]["failed"]),
            peak_mib=row["scores"]["peak_mib"],
        )
        for row in registry.backtests(run_id)
    ]


def challenger_plots(
    registry: Registry, bundle_id: str, training: TrainingSet, count: int = 3
) -> list[tuple[str, pd.DataFrame]]:
    """(name, last two days of truth and the bundle's forecast after them) of some series."""
    arrays = load_bundle(registry.path(bundle_id)).arrays
    rows = {int(number): row for row, number in enumerate(arrays.series_id)}
    panels = []
    for item in training.series[:: max(1, len(training.series) // count)][:count]:
        recent = item.history.iloc[-2 * item.steps_per_day :]
        forecast = arrays.forecast[rows[item.series_id]]
        forecast = forecast[np.isfinite(forecast)]
        step = pd.Timedelta(seconds=item.step_s)
        ahead = pd.date_range(recent.index[-1] + step, periods=len(forecast), freq=step)
        frame = pd.DataFrame({"truth": recent, "forecast": pd.Series(forecast, index=ahead)})
        panels.append((f"{item.metric} ({item.series_id})", frame))
    return panels


def make_challenger(
    registry: Registry,
    training: TrainingSet,
    observations: pl.DataFrame,
    results: Sequence[FoldResult],
    candidates: Sequence[Candidate],
    progress: Progress = lambda done, total, what: None,
) -> Challenger:
    """Fit the winners on everything and enter the bundle."""
    require_series(training)
    best = winners(results, FORECASTER)
    fitted = expectations(training, observations, best, candidates, progress)
    made_at = datetime.now(UTC)
    bundle_id = new_bundle_id(made_at, training.data_hash)
    mase = float(np.mean([standing.mase for standing in best.values()]))
    manifest = {
        "bundle_id": bundle_id,
        "made_at": made_at.isoformat(),
        "minimum_vigil": "0.1.0",
        "code_version": version("vigil"),
        "training": {
            "start_at": training.start_at.isoformat(),
            "end_at": training.end_at.isoformat(),
            "data_hash": training.data_hash,
            "series": len(training.series),
            "excluded": len(training.excluded),
        },
        "models": {group: _model(standing, candidates) for group, standing in best.items()},
        "detectors": _detectors(results, candidates, training),
        "backtest": {"mase": mase, "standings": [_row(row) for row in standings(results)]},
        "quantile_levels": list(QUANTILES),
        "features": ["value"],
    }
    registry.add(manifest, _arrays(fitted))
    chosen = {group: standing.candidate for group, standing in best.items()}
    return Challenger(bundle_id, mase, len(training.series), chosen)


def _model(standing: Standing, candidates: Sequence[Candidate]) -> dict[str, Any]:
    candidate = next(item for item in candidates if item.name == standing.candidate)
    return {
        "name": candidate.name,
        "library": candidate.library,
        "parameters": dict(candidate.parameters),
        "mase": standing.mase,
    }


def _detectors(
    results: Sequence[FoldResult], candidates: Sequence[Candidate], training: TrainingSet
) -> dict[str, dict[str, Any]]:
    """Group → the best detector, and the one that the stream runs, with their numbers.

    Where the ensemble is best also the weights that it learns on the group's representatives.
    """
    deployable = {item.name for item in candidates if item.role == DETECTOR and item.deployable}
    served = winners([r for r in results if r.candidate in deployable], DETECTOR)
    return {
        group: {
            "best": {
                "name": best.candidate,
                "average_precision": best.score,
                **(_learned(training, group) if best.candidate == ENSEMBLE else {}),
            },
            "served": {
                "name": served[group].candidate,
                "average_precision": served[group].score,
            }
            if group in served
            else None,
        }
        for group, best in winners(results, DETECTOR).items()
    }


def _learned(training: TrainingSet, group: str) -> dict[str, Any]:
    members = representatives(training, SERIES_PER_GROUP)[group]
    return learn_on_all(item.history for item in members).document()


def _row(row: Standing) -> dict[str, Any]:
    return {
        "role": row.role,
        "series_group": row.series_group,
        "candidate": row.candidate,
        "library": row.library,
        # JSON has no infinity: a candidate that failed has no score.
        "score": row.score if np.isfinite(row.score) else None,
        "fit_s": row.fit_s,
        "peak_mib": row.peak_mib,
        "priced": row.priced if np.isfinite(row.priced) else None,
    }


def _arrays(fitted: Expectations) -> BundleArrays:
    return BundleArrays(**{name: getattr(fitted, name) for name in BundleArrays.__slots__})
