"""Rolling-origin backtests of forecasters and detectors over groups of series.

A fold trains on all history before its origin and is judged on the horizon after it. Groups are
metrics, sparse series apart; a few representative series stand for each, spread evenly over the
sizes.
"""

import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score
from sktime.performance_metrics.forecasting import (
    mean_absolute_scaled_error,
    mean_squared_scaled_error,
)
from sktime.split import ExpandingWindowSplitter

from vigil.backtest.building import forecasters
from vigil.backtest.candidate import Candidate
from vigil.backtest.injection import inject
from vigil.backtest.results import FORECASTER, SPARSE, FoldResult
from vigil.features.grid import TrainingSeries, TrainingSet
from vigil.forecast.contract import Forecaster

Progress = Callable[[int, int, str], None]

SERIES_PER_GROUP = 4
FOLDS = 2
HORIZON_DAYS = 0.25
# Beyond this many steps from one demand to the next on average, a series is intermittent (Syntetos,
# Boylan and Croston, Journal of the Operational Research Society 56, 2005).
SPARSE_INTERVAL_STEPS = 1.32
MIB = float(1 << 20)


def representatives(training: TrainingSet, per_group: int) -> dict[str, list[TrainingSeries]]:
    """Group → up to `per_group` series, from the smallest to the largest mean."""
    groups: dict[str, list[TrainingSeries]] = {}
    for item in training.series:
        groups.setdefault(group_of(item), []).append(item)
    chosen = {}
    for metric, items in sorted(groups.items()):
        items.sort(key=lambda item: (item.history.mean(), item.series_id))
        picks = np.unique(np.linspace(0, len(items) - 1, min(per_group, len(items))).astype(int))
        chosen[metric] = [items[pick] for pick in picks]
    return chosen


def group_of(item: TrainingSeries) -> str:
    """The group that a series competes in: request metrics by name, all others together; those
    that are mostly zero apart from the rest.
    """
    known = ("request_rate", "error_ratio", "latency_ms_p95")
    metric = item.metric if item.metric in known else "outside_metrics"
    demand = float((item.history != 0).mean())
    return metric + SPARSE if demand * SPARSE_INTERVAL_STEPS < 1 else metric


def backtest(
    training: TrainingSet,
    candidates: Sequence[Candidate],
    series_per_group: int = SERIES_PER_GROUP,
    folds: int = FOLDS,
    progress: Progress = lambda done, total, what: None,
) -> list[FoldResult]:
    """All candidates on all folds of all groups; `progress(done, total, what)` after each."""
    groups = representatives(training, series_per_group)
    trials = [
        (group, members, candidate)
        for group, members in groups.items()
        for candidate in candidates
        if group.endswith(SPARSE) or not candidate.sparse_only
    ]
    results: list[FoldResult] = []
    for group, members, candidate in trials:
        own = []
        for fold in range(folds):
            own.append(_run(candidate, group, members, fold, folds))
            done = len(results) + len(own)
            progress(done, len(trials) * folds, f"{candidate.name} on {group}")
        peak_mib = _peak_mib(candidate, members[0]) if candidate.role == FORECASTER else 0.0
        results += [replace(result, peak_mib=peak_mib) for result in own]
    return results


def _peak_mib(candidate: Candidate, item: TrainingSeries) -> float:
    """Memory that one fit allocates at its peak; what native code allocates itself is not seen.

    A fit of its own, since tracing slows, and the last one, since the first loads the library.
    """
    cut = _cut(item, 0, 1)
    if cut is None:
        return 0.0
    tracemalloc.start()
    try:
        candidate.build(item.steps_per_day).forecast(  # type: ignore[union-attr]
            cut[0], len(cut[1]), item.deploys
        )
        return tracemalloc.get_traced_memory()[1] / MIB
    except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError):
        # It has lost already: the folds counted its failures.
        return 0.0
    finally:
        tracemalloc.stop()


def _run(
    candidate: Candidate, group: str, members: Sequence[TrainingSeries], fold: int, folds: int
) -> FoldResult:
    rows: list[dict[str, float]] = []
    failed = 0
    began = time.process_time()
    cuts = [(item, cut) for item in members if (cut := _cut(item, fold, folds)) is not None]
    fresh = _forecasters(candidate, cuts) if candidate.role == FORECASTER else {}
    for number, (item, (history, future)) in enumerate(cuts):
        try:
            if candidate.role == FORECASTER:
                rows.append(_judge_forecast(fresh[item.step_s](), item, history, future))
            else:
                seed = 1000 * fold + number
                rows.append(_judge_detector(candidate, item, history, future, seed))
        except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError):
            # A library that cannot fit a series loses; the others go on.
            failed += 1
    seconds = (time.process_time() - began) / max(1, len(members))
    scores = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}
    return FoldResult(
        candidate.name, candidate.role, candidate.library, group, fold, scores, seconds,
        failed if rows else max(failed, 1),
    )  # fmt: skip


def _cut(item: TrainingSeries, fold: int, folds: int) -> tuple[pd.Series, pd.Series] | None:
    """(history, future) of a fold, None for a series too short for it."""
    horizon = max(2, round(item.steps_per_day * HORIZON_DAYS))
    first = len(item.history) - folds * horizon
    if first < item.steps_per_day + 2:
        return None
    splitter = ExpandingWindowSplitter(
        fh=np.arange(1, horizon + 1), initial_window=first, step_length=horizon
    )
    cuts: Iterator[tuple[pd.Series, pd.Series]] = splitter.split_series(item.history)
    for number, (history, future) in enumerate(cuts):
        if number == fold:
            return _with_freq(history, item.step_s), _with_freq(future, item.step_s)
    return None


def _with_freq(values: pd.Series, step_s: int) -> pd.Series:
    """Slices lose the frequency that the libraries ask for."""
    return values.asfreq(pd.offsets.Second(step_s))


def _forecasters(
    candidate: Candidate, cuts: Sequence[tuple[TrainingSeries, tuple[pd.Series, pd.Series]]]
) -> dict[int, Callable[[], Forecaster]]:
    """What gives forecasters for series of each step, in seconds."""
    days = {item.step_s: item.steps_per_day for item, _ in cuts}
    return {
        step_s: forecasters(
            candidate, steps, [history for item, (history, _) in cuts if item.step_s == step_s]
        )
        for step_s, steps in days.items()
    }


def _judge_forecast(
    model: Forecaster, item: TrainingSeries, history: pd.Series, future: pd.Series
) -> dict[str, float]:
    predicted = model.forecast(history, len(future), item.deploys)
    if not np.isfinite(predicted).all():
        raise ValueError("forecast values must be finite")
    error = mean_absolute_scaled_error(
        future.to_numpy(), predicted, y_train=history.to_numpy(), sp=item.steps_per_day
    )
    squared = mean_squared_scaled_error(
        future.to_numpy(), predicted, y_train=history.to_numpy(), sp=item.steps_per_day,
        square_root=True,
    )  # fmt: skip
    bias = float(np.mean(predicted - future.to_numpy()) / (np.abs(future).mean() + 1e-9))
    return {
        "mase": min(float(error), 100.0), "rmsse": min(float(squared), 100.0),
        "relative_bias": bias,
    }  # fmt: skip


def _judge_detector(
    candidate: Candidate, item: TrainingSeries, history: pd.Series, future: pd.Series, seed: int
) -> dict[str, float]:
    spoilt, labels = inject(future, history, seed)
    detector = candidate.build(item.steps_per_day)
    scores = detector.score(history, spoilt)  # type: ignore[union-attr]
    return {"average_precision": float(average_precision_score(labels, scores))}
