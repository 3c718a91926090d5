"""Forecasts of many equally long series at once: pool, backtest, mixture, bands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vigil.forecast.bands import Errors, offsets, spreads
from vigil.forecast.mixture import Cases, horizon_ranges, mix, turns
from vigil.forecast.pool import Panel, pool_forecasts
from vigil.forecast.settings import DEFAULT_SETTINGS, ForecastSettings

LEVELS = (0.1, 0.5, 0.9)
# Below this many steps there is nothing to choose by.
LEAST_STEPS = 8
# The first origin of the backtest: this share of the history, at most so many seasons. The longest
# season counts where it was met four times, else it would leave too little to test.
FIRST_ORIGIN = 1 / 3
FIRST_SEASONS = 3
SEASONS_MET = 4
LATE_STEPS = 16
MOST_HORIZONS = 48


@dataclass(frozen=True, slots=True)
class PanelForecast:
    """Forecasts of s series, h steps ahead, from c members.

    mean: (s, h), the mixture, within the outermost quantiles. quantile: (s, h, q) at `levels`.
    weight: (s, b, c), what each of b ranges of horizons (`mixture.horizon_ranges`) mixes of
    `members`; zero for ranges not asked for.
    """

    mean: np.ndarray
    quantile: np.ndarray
    levels: tuple[float, ...]
    members: tuple[str, ...]
    weight: np.ndarray


def forecast_panel(
    panel: Panel,
    measured: np.ndarray,
    steps: int,
    levels: Sequence[float] = LEVELS,
    origins: int = 200,
    settings: ForecastSettings = DEFAULT_SETTINGS,
) -> PanelForecast:
    """The next `steps` steps of each series of at least `LEAST_STEPS` steps.

    levels: rising, on both sides of one half. measured: bool (s, n), steps that count in the
    backtest. `origins`: how many past moments the members are tried at; more cost more and choose a
    little better. `panel.weekend` must reach `steps` beyond the history.
    """
    n = panel.length
    tried = _origins(panel, origins, measured)
    horizons = tested_horizons(steps)
    names, member = pool_forecasts(panel, tried, horizons)
    now, ahead = np.array([n]), np.arange(steps)
    later_names, later = pool_forecasts(panel, now, ahead)
    # With all of the history, windows fit that the backtest could not try.
    later = later[[later_names.index(name) for name in names], :, 0]
    target = tried[:, None] + horizons[None, :]
    seen = np.minimum(target, n - 1)
    actual = panel.value[:, seen]
    counts = (target < n) & measured[:, seen] & _known(measured, tried)[:, :, None]
    age = (n - tried[:, None]) / n
    spread, spread_ahead = spreads(panel, tried, horizons), spreads(panel, now, ahead)[:, :, 0]
    series = len(panel.value)
    mean, quantile = np.zeros((series, steps)), np.zeros((series, steps, len(levels)))
    ranges, asked = horizon_ranges(horizons), horizon_ranges(ahead)
    fold = turns(len(tried))
    late = target >= n - max((LATE_STEPS, *panel.seasons[:1]))
    yardstick = names.index(f"season {panel.seasons[0]}" if panel.seasons else "last")
    weight = np.zeros((series, asked.max() + 1, len(names)))
    offset = np.zeros((series, 1, len(levels)))
    share = np.full((series, len(names)), 1 / len(names))
    for number in range(asked.max() + 1):
        columns, wanted = ranges == number, asked == number
        tested = counts[:, :, columns].reshape(series, -1)
        flat = member[:, :, :, columns].reshape(len(names), series, -1)
        truth = actual[:, :, columns].reshape(series, -1)
        fresh = (
            np.exp2(-age / settings.half_life)
            * _alike(panel, tried, target[:, columns], wanted, settings.unlike)
        ).ravel()
        if tested.any():
            share, error = mix(
                Cases(
                    flat, truth, tested * fresh, np.repeat(fold, columns.sum()),
                    late[:, columns].ravel(), yardstick,
                )
            )  # fmt: skip
        weight[:, number] = share
        mean[:, wanted] = np.einsum("sc,csh->sh", share, later[:, :, wanted])
        if tested.any():
            errors = Errors(
                error=error,
                weight=tested * fresh,
                scale=spread[:, :, :, columns].reshape(len(spread), series, -1),
                ahead=spread_ahead[:, :, wanted],
                block=target[:, columns].ravel() // 2**number,
            )
            offset = offsets(errors, np.asarray(levels))
        else:
            # Further than the history can test: as uncertain as the furthest that it can.
            offset = np.repeat(offset[:, -1:], wanted.sum(), axis=1)
        quantile[:, wanted] = mean[:, wanted, None] + offset
    # Where all members are late, as on a straight line, the errors know better than the mixture.
    outer = np.sort(quantile[:, :, [0, -1]], axis=2)
    mean = np.clip(mean, outer[:, :, 0], outer[:, :, 1])
    floor = np.where(panel.value.min(axis=1) >= 0, 0.0, -np.inf)
    return PanelForecast(
        np.maximum(mean, floor[:, None]),
        np.maximum(quantile, floor[:, None, None]),
        tuple(levels),
        names,
        weight,
    )


def _alike(
    panel: Panel, origins: np.ndarray, target: np.ndarray, wanted: np.ndarray, unlike: float
) -> np.ndarray:
    """What each case (o, h) counts for the wanted steps ahead (mask), by kinds of day."""
    if panel.weekend is None:
        return np.ones(target.shape)
    now = panel.weekend[panel.length - 1]
    then = panel.weekend[panel.length + int(np.median(np.flatnonzero(wanted)))]
    same = (panel.weekend[origins - 1] == now)[:, None] & (panel.weekend[target] == then)
    return np.where(same, 1.0, unlike)


def tested_steps(panel: Panel, measured: np.ndarray) -> int:
    """How far ahead the history can test a forecast, in steps."""
    return panel.length - int(_origins(panel, 2, measured)[0])


def _known(measured: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """Origins before which a series was measured, bool (s, o); all where it never was.

    A filled step may have been drawn towards what came after it, so that a forecast from there
    would look better than any can be.
    """
    known = measured[:, origins - 1]
    return known | ~known.any(axis=1, keepdims=True)


def _origins(panel: Panel, most: int, measured: np.ndarray) -> np.ndarray:
    """Moments of the history to forecast from, int (o,), the last one a step before its end: after
    steps that were measured in one of the series.
    """
    n = panel.length
    first = int(n * FIRST_ORIGIN)
    if panel.seasons:
        shortest, longest = panel.seasons[0], panel.seasons[-1]
        if n < SEASONS_MET * longest:
            longest = shortest
        first = max(longest + 1, min(first, FIRST_SEASONS * longest))
    possible = np.arange(min(max(first, 4), n - 1), n)
    known = possible[measured[:, possible - 1].any(axis=0)]
    chosen = known if len(known) else possible
    return chosen[np.unique(np.linspace(0, len(chosen) - 1, most).astype(int))]


def tested_horizons(steps: int) -> np.ndarray:
    """Horizons to test, from all of a short forecast to a spread over a long one, int (h,)."""
    if steps <= MOST_HORIZONS:
        return np.arange(steps)
    near = np.geomspace(1, steps, MOST_HORIZONS // 2).astype(int) - 1
    even = np.linspace(0, steps - 1, MOST_HORIZONS // 2).astype(int)
    return np.unique(np.concatenate([near, even]))
