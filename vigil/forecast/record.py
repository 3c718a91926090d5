"""What earlier breach forecasts were worth: the record that a warning needs before it is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from vigil.forecast.breach import PATHS, Threshold, first_breach, forecast_breach

TRIGGER = 0.8
BINS = 10
# A group earns warnings with so many of them on record, of which surely more than half came true.
LEAST_WARNINGS = 10
LEAST_HIT_RATE = 0.5
# Below this many forecasts of either outcome probabilities are taken as they are.
LEAST_OUTCOMES = 30


@dataclass(frozen=True, slots=True)
class BreachRecord:
    """Past forecasts of a group of series and what came of them, n of each.

    series: int, which series. step: int, when. probability: of a breach within the horizon.
    lead_steps: float, steps from the forecast to the breach, inf for none. horizon_steps: theirs.
    """

    series: np.ndarray
    step: np.ndarray
    probability: np.ndarray
    lead_steps: np.ndarray
    horizon_steps: int

    @property
    def broke(self) -> np.ndarray:
        """Bool (n,): the threshold did break within the horizon."""
        return self.lead_steps < self.horizon_steps


@dataclass(frozen=True, slots=True)
class Standing:
    """A record in figures.

    warnings: runs of forecasts at or above the trigger, each counted once. hit_rate: the share that
    came true, hit_rate_surely its lower 90 % limit (Wilson). lead_steps: median over those that
    did. brier, climatology: mean squared error of the probabilities, and of always saying the base
    rate. recall: breaches that a warning preceded by `least_lead_steps`.
    """

    forecasts: int
    breaches: int
    warnings: int
    hit_rate: float
    hit_rate_surely: float
    recall: float
    lead_steps: float
    brier: float
    climatology: float

    @property
    def deserves_warnings(self) -> bool:
        """Whether a warning of this group may be made, not only shown."""
        return (
            self.warnings >= LEAST_WARNINGS
            and self.hit_rate_surely > LEAST_HIT_RATE
            and self.brier < self.climatology
        )


def replay(
    value: np.ndarray,
    day_steps: int | None,
    threshold: Threshold,
    steps: int,
    origins: Sequence[int] | np.ndarray,
    series: int = 0,
    paths: int = PATHS,
    tick: Callable[[], None] = lambda: None,
) -> BreachRecord:
    """Forecast a breach of float64 (n,) at each origin, as if the rest were unknown.

    Origins at which the threshold is broken already, or whose horizon leaves the history without a
    breach, are left out: nothing can be said of them. `tick` is called for each origin.
    """
    n = len(value)
    rows = []
    for origin in origins:
        tick()
        begun = threshold.persist_steps - 1
        if first_breach(value[None, max(0, origin - begun - 1) : origin], threshold)[0] < begun + 1:
            continue
        rest = value[None, origin - begun :]
        lead = int(first_breach(rest, threshold)[0]) - begun
        never = lead >= n - origin
        if never and origin + steps > n:
            continue
        found = forecast_breach(value[:origin], day_steps, threshold, steps, paths, seed=origin)
        rows.append((series, origin, found.within, np.inf if never else lead))
    columns = np.array(rows, float).reshape(-1, 4).T
    return BreachRecord(
        columns[0].astype(int), columns[1].astype(int), columns[2], columns[3], steps
    )


def joined(records: Sequence[BreachRecord]) -> BreachRecord:
    """One record of several of the same horizon."""
    series, step, probability, lead_steps = (
        np.concatenate([getattr(record, name) for record in records])
        for name in ("series", "step", "probability", "lead_steps")
    )
    return BreachRecord(series, step, probability, lead_steps, records[0].horizon_steps)


def recalibrated(probability: np.ndarray, record: BreachRecord) -> np.ndarray:
    """Probabilities (n,) as the record says they come true: isotonic regression.

    Unchanged while the record holds fewer than 30 forecasts of either outcome.
    Source: Zadrozny and Elkan, KDD 2002.
    """
    broke = record.broke
    if min(broke.sum(), (~broke).sum()) < LEAST_OUTCOMES:
        return probability
    # A hundredth of the straight line keeps different probabilities different.
    fitted = IsotonicRegression(out_of_bounds="clip", y_min=0.0, y_max=1.0)
    fitted.fit(record.probability, broke)
    return 0.99 * fitted.predict(probability) + 0.01 * probability


def standing(record: BreachRecord, trigger: float = TRIGGER, least_lead_steps: int = 0) -> Standing:
    """The record in figures for warnings at `trigger`."""
    broke, warned = record.broke, record.probability >= trigger
    order = np.lexsort((record.step, record.series))
    warned_before = np.concatenate([[False], warned[order][:-1]])
    same = np.concatenate([[False], np.diff(record.series[order]) == 0])
    begins = np.zeros(len(broke), bool)
    begins[order] = warned[order] & ~(warned_before & same)
    hits, warnings = int((begins & broke).sum()), int(begins.sum())
    timely = warned & broke & (record.lead_steps >= least_lead_steps)
    # One breach is known by its series and its step.
    at = np.where(np.isfinite(record.lead_steps), record.step + record.lead_steps, -1)
    breaches = {(s, a) for s, a in zip(record.series[broke], at[broke], strict=True)}
    foreseen = {(s, a) for s, a in zip(record.series[timely], at[timely], strict=True)}
    leads = [
        float(record.lead_steps[timely & (record.series == s) & (at == a)].max())
        for s, a in foreseen
    ]
    rate = float(broke.mean()) if len(broke) else np.nan
    return Standing(
        forecasts=len(broke),
        breaches=len(breaches),
        warnings=warnings,
        hit_rate=hits / warnings if warnings else np.nan,
        hit_rate_surely=_wilson_lower(hits, warnings),
        recall=len(foreseen) / len(breaches) if breaches else np.nan,
        lead_steps=float(np.median(leads)) if leads else np.nan,
        brier=float(np.mean((record.probability - broke) ** 2)) if len(broke) else np.nan,
        climatology=rate * (1 - rate),
    )


def reliability(record: BreachRecord) -> list[dict[str, Any]]:
    """One row a tenth of probability that occurred: count, mean probability, share that broke."""
    bins = np.minimum((record.probability * BINS).astype(int), BINS - 1)
    return [
        {
            "from": number / BINS,
            "forecasts": int(inside.sum()),
            "probability": round(float(record.probability[inside].mean()), 3),
            "came_true": round(float(record.broke[inside].mean()), 3),
        }
        for number in range(BINS)
        if (inside := bins == number).any()
    ]


def _wilson_lower(hits: int, trials: int, z: float = 1.2816) -> float:
    """Lower limit of a share, one-sided 90 % (Wilson, JASA 22, 1927)."""
    if not trials:
        return 0.0
    share, half = hits / trials, z * z / trials
    return float(
        (share + half / 2 - z * np.sqrt(share * (1 - share) / trials + half / (4 * trials)))
        / (1 + half)
    )
