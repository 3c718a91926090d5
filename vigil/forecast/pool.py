"""The pool: simple forecasts of many origins at once, from which the best mixture is chosen.

Everything is computed for s series, o origins and h horizons together. A forecast made at origin t
uses values before t only, so that backtests need no refitting.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

# Windows over which a level is measured, in steps.
LEVELS = (4, 16, 64, 256, 1024)
MEDIANS_FROM = 16
DRIFTS_FROM = 64
SEASONS_BACK = 7
MOST_RATIO = 3.0


@dataclass(frozen=True, slots=True)
class Panel:
    """Equally long series on one grid.

    value: float64 (s, n), finite. seasons: lengths in steps, shortest first.
    weekend: bool (n + future,), steps that are no working days; None where days have no steps.
    """

    value: np.ndarray
    seasons: tuple[int, ...]
    weekend: np.ndarray | None = None

    @property
    def length(self) -> int:
        """Steps of history."""
        return self.value.shape[1]


def pool_forecasts(
    panel: Panel, origins: np.ndarray, horizons: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray]:
    """(names of c members, their forecasts float64 (c, s, o, h)).

    origins: int (o,), steps of history that each forecast sees, at least 1. horizons: int (h,),
    0 is the first step after the origin. Seasons longer than the first origin are left out.
    """
    shape = (len(panel.value), len(origins), len(horizons))
    names, rows = [], []
    for name, row in _members(panel, origins, horizons):
        names.append(name)
        rows.append(np.broadcast_to(row, shape))
    return tuple(names), np.stack(rows)


def _members(
    panel: Panel, origins: np.ndarray, horizons: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    value, first = panel.value, int(origins.min())
    at = origins - 1
    yield "last", value[:, at, None]
    for window in (w for w in LEVELS if w <= first):
        yield f"mean {window}", recent_mean(value, window)[:, at, None]
        if window >= MEDIANS_FROM:
            yield f"median {window}", _recent_median(value, window)[:, at, None]
        if window >= DRIFTS_FROM:
            yield f"drift {window}", _drift(value, window, at, horizons)
    for season in panel.seasons:
        if season <= first:
            yield from _seasonal(panel, season, origins, horizons)


def _seasonal(
    panel: Panel, season: int, origins: np.ndarray, horizons: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Profiles of a season, alone and moved to the recent level."""
    value = panel.value
    echoes = _echoes(value, season)
    phase = horizons % season
    where = origins[:, None] + phase[None, :]
    yield f"season {season}", echoes[0][:, where]
    mean = _mean_of(echoes)
    if len(echoes) > 1:
        yield f"season {season} mean", mean[:, where]
        yield f"season {season} mean of 2", _mean_of(echoes[:2])[:, where]
    if len(echoes) > 2:
        yield f"season {season} median", np.nanmedian(echoes, axis=0)[:, where]
    profiles = [("", mean, where)]
    half = season // 48
    if half:
        # Smoothing looks half a width ahead; where that would be the future, the profile is taken
        # a season earlier.
        smooth = recent_mean(mean, 2 * half + 1, ahead=half)
        earlier = where - season * (phase + half >= season)[None, :]
        profiles.append((" smooth", smooth, earlier))
        yield f"season {season} smooth", smooth[:, earlier]
    for suffix, profile, index in profiles:
        residual = value - profile[:, : panel.length]
        for window in (*(w for w in LEVELS if w < season), season):
            level = recent_mean(residual, window)[:, origins - 1, None]
            yield f"season {season}{suffix} + {window}", profile[:, index] + level
        recent = recent_mean(value, season)[:, origins - 1, None]
        usual = recent_mean(profile[:, : panel.length], season)[:, origins - 1, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num(recent / usual, nan=1.0, posinf=1.0, neginf=1.0)
        ratio = np.clip(ratio, 1 / MOST_RATIO, MOST_RATIO)
        yield f"season {season}{suffix} × {season}", profile[:, index] * ratio
    if panel.weekend is not None:
        yield from _day_types(panel, season, echoes, origins, horizons)


def _day_types(
    panel: Panel, season: int, echoes: np.ndarray, origins: np.ndarray, horizons: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """The profile of earlier days of the target's kind, working day or weekend."""
    assert panel.weekend is not None
    where = origins[:, None] + (horizons % season)[None, :]
    kind = panel.weekend[origins[:, None] + horizons[None, :]]
    n = echoes.shape[2]
    back = np.arange(n)[None, :] - season * np.arange(1, len(echoes) + 1)[:, None]
    of_weekend = panel.weekend[np.maximum(back, 0)][:, None, :]
    plain = _mean_of(echoes)
    profiles = []
    for wanted in (False, True):
        mean = _mean_of(np.where(of_weekend == wanted, echoes, np.nan))
        profiles.append(np.where(np.isnan(mean), plain, mean))
    chosen = np.where(kind[None], profiles[1][:, where], profiles[0][:, where])
    yield f"season {season} day type", chosen
    past = slice(0, panel.length)
    own = np.where(panel.weekend[past], profiles[1][:, past], profiles[0][:, past])
    for window in (*(w for w in LEVELS if w < season), season):
        level = recent_mean(panel.value - own, window)[:, origins - 1, None]
        yield f"season {season} day type + {window}", chosen + level


def season_mean(value: np.ndarray, season: int) -> np.ndarray:
    """Mean of that phase over earlier seasons, for each step of value (s, n) and a season more."""
    return _mean_of(_echoes(value, season))


def _echoes(value: np.ndarray, season: int) -> np.ndarray:
    """Values 1, 2, … seasons before each step of the history and a season more, (k, s, n + m).

    NaN where that is before the first value; the first season echoes itself.
    """
    length = value.shape[1]
    back = min(SEASONS_BACK, max(1, length // season))
    echoes = np.full((back, len(value), length + season), np.nan)
    for number in range(back):
        echoes[number, :, season * (number + 1) :] = value[:, : length - season * number]
    echoes[0, :, :season] = value[:, :season]
    return echoes


def _mean_of(echoes: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not NaN; NaN where all is."""
    known = ~np.isnan(echoes)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, echoes, 0.0).sum(axis=0) / known.sum(axis=0)


def recent_mean(value: np.ndarray, window: int, ahead: int = 0) -> np.ndarray:
    """Mean of the last `window` values, `ahead` of them after the step; shorter at the ends."""
    n = value.shape[1]
    total = np.concatenate([np.zeros((len(value), 1)), np.cumsum(value, axis=1)], axis=1)
    after = np.minimum(np.arange(1, n + 1) + ahead, n)
    before = np.maximum(np.arange(1, n + 1) + ahead - window, 0)
    return (total[:, after] - total[:, before]) / (after - before)


def _recent_median(value: np.ndarray, window: int) -> np.ndarray:
    columns = pl.DataFrame(value.T, schema=[str(row) for row in range(len(value))])
    return columns.select(pl.all().rolling_median(window, min_samples=1)).to_numpy().T


def _drift(value: np.ndarray, window: int, at: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    """The change between the halves of the window goes on, damped so that it never exceeds itself.

    Source: damped trend after Gardner and McKenzie, Management Science 31(10), 1985.
    """
    half = window // 2
    recent = recent_mean(value, half)
    before = recent[:, np.maximum(at - half, 0)]
    slope = (recent[:, at] - before) / half
    near = recent_mean(value, max(2, window // 16))[:, at]
    reach = window * (1 - np.exp(-(horizons + 1) / window))
    return near[:, :, None] + slope[:, :, None] * reach
