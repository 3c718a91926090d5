"""Calibrated quantiles around a forecast: conformal, from its own errors in the backtest, made by
mixtures that had not seen the case.

Errors are divided by a scale that was known when the forecast was made, so that the band follows
quiet and busy times; recent errors weigh more, so that it follows change. Few errors, or many that
have much in common, make it wider.

Source: Barber et al., "Conformal prediction beyond exchangeability", Annals of Statistics 51(2),
2023 (weighted residuals); Papadopoulos et al., "Normalized nonconformity measures", 2008 (scale);
Kish, "Survey Sampling", 1965 (what a sample that comes in blocks amounts to).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student_t

from vigil.forecast.pool import Panel, recent_mean, season_mean

# What a scale may add to itself, so that a quiet stretch does not make the band vanish.
FLOOR = 0.25
# A scale must beat the plain band by this share of its loss.
LEAST_GAIN = 0.02
# Student's distribution has a finite spread from three degrees of freedom on.
LEAST_FREEDOM = 3.0
# Errors beyond these quantiles count as if they lay there where it is looked how they vary.
ENDS = np.array([0.05, 0.95])
# One error would say nothing of how others vary.
LEAST_EFFECTIVE = 2.0


@dataclass(frozen=True, slots=True)
class Errors:
    """Backtest errors of s series in k cases of one range of horizons, and the cases to come.

    error, weight: (s, k); weight 0 counts nothing. scale: (r, s, k) of r ways to measure spread,
    the first being constant 1; ahead: (r, s, h) the same for the forecast's own horizons.
    block: int (k,), stretches of time so long that errors of different ones do not overlap.
    """

    error: np.ndarray
    weight: np.ndarray
    scale: np.ndarray
    ahead: np.ndarray
    block: np.ndarray


def offsets(errors: Errors, levels: np.ndarray) -> np.ndarray:
    """What to add to the forecast for each quantile level, float (s, h, q), rising over q.

    The scale is chosen for each series by its quantile loss. levels: float (q,), rising, in (0, 1).
    """
    weight = errors.weight + 1e-12
    scale, ahead = _best_scale(errors, weight, levels)
    relative = errors.error / scale
    quantile = weighted_quantiles(relative, weight, levels)
    middle = weighted_quantiles(relative, weight, np.array([0.5]))
    wide = middle + (quantile - middle) * _widening(relative, weight, errors.block, levels)
    return np.sort(wide[:, None, :] * ahead[:, :, None], axis=2)


def _best_scale(
    errors: Errors, weight: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of each series the scale with the least quantile loss, (s, k), and the same ahead, (s, h)."""
    best_loss = np.full(len(errors.error), np.inf)
    best, best_ahead = np.empty_like(errors.error), np.empty(errors.ahead.shape[1:])
    total = weight.sum(axis=1)
    for number, (scale, ahead) in enumerate(zip(errors.scale, errors.ahead, strict=True)):
        floor = 0.0 if number == 0 else FLOOR * (scale * weight).sum(axis=1) / total
        least = np.reshape(floor, (-1, 1)) + 1e-12
        floored = scale + least
        quantile = weighted_quantiles(errors.error / floored, weight, levels)
        loss = _quantile_loss(errors.error, quantile, floored, weight, levels)
        if number == 0:
            loss *= 1 - LEAST_GAIN
        better = loss < best_loss
        best_loss = np.where(better, loss, best_loss)
        best = np.where(better[:, None], floored, best)
        best_ahead = np.where(better[:, None], ahead + least, best_ahead)
    return best, best_ahead


def spreads(panel: Panel, origins: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    """Ways to measure how restless a series is at an origin and horizon, float (r, s, o, h).

    Constant; the mean distance from the last season's profile over the last 16 and 64 steps and
    the last one and four seasons; the same at that phase of the season.
    """
    value = panel.value
    shape = (len(value), len(origins), len(horizons))
    season = next((length for length in panel.seasons if length <= origins.min()), 0)
    usual = season_mean(value, season) if season else np.roll(value, 1, axis=1)
    away = np.abs(value - usual[:, : panel.length])
    away[:, 0] = away[:, 1] if panel.length > 1 else 0.0
    longest = max(season, 16)
    rows = [np.ones(shape)]
    rows += [
        np.broadcast_to(recent_mean(away, window)[:, origins - 1, None], shape)
        for window in (16, 64, longest, 4 * longest)
    ]
    if season:
        half = max(1, season // 24)
        profile = recent_mean(season_mean(away, season), 2 * half + 1, ahead=half)
        phase = horizons % season
        # As in the pool: where smoothing would see the future, a season earlier.
        where = origins[:, None] + (phase - season * (phase + half >= season))[None, :]
        rows.append(profile[:, where])
    return np.stack(rows)


def weighted_quantiles(value: np.ndarray, weight: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Quantiles of each row, float (s, q). value: (s, k). weight: (s, k), > 0."""
    order = np.argsort(value, axis=1)
    ranked = np.take_along_axis(value, order, axis=1)
    heavy = np.take_along_axis(weight, order, axis=1)
    reached = (np.cumsum(heavy, axis=1) - heavy / 2) / heavy.sum(axis=1, keepdims=True)
    rows = [np.interp(levels, at, seen) for at, seen in zip(reached, ranked, strict=True)]
    return np.stack(rows)


def effective_count(value: np.ndarray, weight: np.ndarray, block: np.ndarray) -> np.ndarray:
    """How many independent values say as much about their mean as these, float (s,), at least 2.

    value, weight: (s, k), weight > 0. block: int (k,). From how much the means of blocks vary: all
    values count where neighbours have nothing in common, one a block where they are alike. As few
    blocks tell little of how they vary, one more is taken to be of one piece.
    """
    order = np.argsort(block, kind="stable")
    begins = np.flatnonzero(np.diff(block[order], prepend=block.min() - 1))
    total = weight.sum(axis=1, keepdims=True)
    away = value - (value * weight).sum(axis=1, keepdims=True) / total
    variance = (away**2 * weight).sum(axis=1) / total[:, 0]
    share = np.add.reduceat((weight / total)[:, order], begins, axis=1)
    moved = np.add.reduceat((away * weight / total)[:, order], begins, axis=1)
    of_mean = (moved**2).sum(axis=1) / np.maximum(variance, 1e-300)
    one_more = (share**2).sum(axis=1) ** 2
    return np.asarray(1 / np.clip(of_mean + one_more, None, 1 / LEAST_EFFECTIVE))


def _widening(
    error: np.ndarray, weight: np.ndarray, block: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Factor by which quantiles of these errors lie too near their middle for the next one, (s, q).

    As it is for normal errors: the next one lies within t · sqrt(1 + 1/n) deviations of the mean
    of n, and blocks whose means differ hide a part of the deviation.
    """
    low, high = np.split(weighted_quantiles(error, weight, ENDS), 2, axis=1)
    trimmed = np.clip(error, low, high)
    middle = weighted_quantiles(error, weight, np.array([0.5]))
    about_middle = effective_count(trimmed, weight, block)
    about_width = effective_count(np.abs(trimmed - middle), weight, block)
    single = (weight**2).sum(axis=1) / weight.sum(axis=1) ** 2
    hidden = np.maximum(1 / about_middle - single, 0.0)
    freedom = np.maximum(about_width - 1, LEAST_FREEDOM)[:, None]
    outer = np.maximum(np.abs(levels - 0.5), 1e-3) + 0.5
    ratio = student_t.ppf(outer, freedom) / norm.ppf(outer)
    return np.asarray(ratio * np.sqrt((1 + 1 / about_middle) / (1 - hidden))[:, None])


def _quantile_loss(
    error: np.ndarray,
    quantile: np.ndarray,
    scale: np.ndarray,
    weight: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Weighted mean quantile loss of each row, (s,)."""
    loss = np.zeros(len(error))
    for number, level in enumerate(levels):
        away = error - quantile[:, number, None] * scale
        loss += (np.maximum(level * away, (level - 1) * away) * weight).sum(axis=1)
    return loss / weight.sum(axis=1)
