"""Which windows are news: the score of a point, from what is strange about it and what was before.

Four views of a value, each against how strange that view usually is for the series: distance from
the level, from the time of day, from a level that adapts within a day, and of its recent shape
from the most similar stretch. The least p-value of the four counts, a quarter of it averaged over
three values, so that what lasts outranks what does not; and a little less of it while the series is
young, since the far tail is known last. A window is news when its p is small and none like it was
seen lately; the windows that follow stay below it, ordered by their
evidence. So the head of an incident stands out, its body still ranks above quiet times, and a
threshold on the score means the same for every series.
"""

import math

from vigil.detect.robust import LARGEST_Z, compiled, follow

LEVEL, SEASON, DRIFT, SHAPE = range(4)
VIEWS = 4

# Columns of the state: quantile and mean excess of each view first, then the rest.
QUANTILE, EXCESS = 0, VIEWS
(
    COUNT, SHADE, DRIFT_COUNT, DRIFT_LEVEL, DRIFT_SPREAD, DRIFT_MEDIAN, DRIFT_MEAN,
    SHAPE_COUNT, SHAPE_MEDIAN, SHAPE_MEAN, BEFORE, BEFORE_THAT,
) = range(2 * VIEWS, 2 * VIEWS + 12)  # fmt: skip
STATE_COLUMNS = 2 * VIEWS + 12

START_QUANTILE, START_EXCESS = 2.0, 0.7
TAIL_SHARE = 0.02
TAIL_SHAPE = 0.25
MEMORY_STEPS = 2_000.0
WARM_UP_STEPS = 30
# Share of the mean over three values in how strange a value is.
LASTING = 0.25
# How much less is believed of a series of n values: (n / MEMORY_STEPS) ** YOUNG.
YOUNG = 0.06
# −log10 p from which a window can be news.
NEWS = 2.3
# Within this many steps an event's shade fades to a third.
SHADE_STEPS = 300.0
# −log10 (1 − score) that no window reaches without being news, and the evidence at half of it.
QUIET_CEILING = 2.0
QUIET_HALF = 4.0
HIGHEST = 15.0
ADAPT = 0.004
# Of a series that has vanished.
ABSENT_SCORE = 0.995


@compiled
def run(slot, value, flagged, generic, restarted, z_level, z_seasonal, distance, evidence, state,
        score):  # fmt: skip
    """Fill `score`, in [0, 1). All columns (n,); `state` float64 (slots, STATE_COLUMNS).

    Where `generic` is False only the evidence counts: the noise of requests is known, so their
    evidence needs no second view.
    """
    for i in range(len(slot)):
        s = state[slot[i]]
        if restarted[i]:
            s[:] = 0
        if not math.isfinite(value[i]):
            score[i] = ABSENT_SCORE if flagged[i] else 0.0
            continue
        strangest = 0.0
        s[COUNT] += 1
        if generic[i]:
            strangest = max(strangest, _view(LEVEL, abs(z_level[i]), s))
            strangest = max(strangest, _view(SEASON, abs(z_seasonal[i]), s))
            strangest = max(strangest, _view(DRIFT, _drift(value[i], s), s))
            if math.isfinite(distance[i]):
                strangest = max(strangest, _view(SHAPE, _shape(distance[i], s), s))
        else:
            strangest = _view(SEASON, evidence[i], s)
        strangest = _believed(strangest, s)
        quiet = QUIET_CEILING * evidence[i] / (evidence[i] + QUIET_HALF)
        news = strangest >= NEWS and strangest > s[SHADE] and s[COUNT] > WARM_UP_STEPS
        height = QUIET_CEILING + strangest - NEWS if news else quiet
        if s[COUNT] > WARM_UP_STEPS:
            s[SHADE] = max(s[SHADE] * math.exp(-1 / SHADE_STEPS), strangest)
        score[i] = 1 - 10 ** -min(height, HIGHEST)


@compiled
def _believed(strangest, s):
    """How strange a value is, with those before it and with what the series can know."""
    mean = (strangest + s[BEFORE] + s[BEFORE_THAT]) / 3
    s[BEFORE_THAT], s[BEFORE] = s[BEFORE], strangest
    known = min(s[COUNT] / MEMORY_STEPS, 1.0) ** YOUNG
    return known * ((1 - LASTING) * strangest + LASTING * mean)


@compiled
def _view(view, strangeness, s):
    """−log10 p of the strangeness among that view's past, which then learns it.

    Empirical below a tracked quantile, Pareto beyond it.
    """
    if s[QUANTILE + view] == 0:
        s[QUANTILE + view], s[EXCESS + view] = START_QUANTILE, START_EXCESS
    at, mean = s[QUANTILE + view], s[EXCESS + view]
    beyond = strangeness - at
    if beyond <= 0:
        p = 1 - (1 - TAIL_SHARE) * strangeness / at
    else:
        p = TAIL_SHARE * (1 + TAIL_SHAPE * beyond / mean) ** (-1 / TAIL_SHAPE)
    rate = max(0.5 / s[COUNT], 1 / MEMORY_STEPS)
    at += rate * 4 * at * ((1.0 if beyond > 0 else 0.0) - TAIL_SHARE)
    s[QUANTILE + view] = min(max(at, 0.3), 30.0)
    beyond = strangeness - s[QUANTILE + view]
    if beyond > 0:
        pace = min(max(2 / (s[COUNT] + 20), 1 / MEMORY_STEPS) / TAIL_SHARE, 0.5)
        mean += pace * (min(beyond, 6 * mean) - mean)
        s[EXCESS + view] = max(mean, 0.1)
    return -math.log10(max(p, 1e-300))


@compiled
def _drift(value, s):
    """Distance from a level that follows within a day or so, in its usual sizes."""
    seen = s[DRIFT_COUNT]
    s[DRIFT_COUNT] = seen + 1
    if seen == 0:
        s[DRIFT_LEVEL] = value
    away = value - s[DRIFT_LEVEL]
    limit = 10 * s[DRIFT_SPREAD] if seen > 10 else math.inf
    pace = max(ADAPT, 1 / (seen + 1))
    s[DRIFT_LEVEL] += pace * min(max(away, -limit), limit)
    s[DRIFT_SPREAD] += pace * (min(abs(away), limit) - s[DRIFT_SPREAD])
    return _relative(abs(away), DRIFT_COUNT, DRIFT_MEDIAN, DRIFT_MEAN, s)


@compiled
def _shape(distance, s):
    """Distance from the most similar stretch, in its usual sizes."""
    s[SHAPE_COUNT] += 1
    return _relative(distance, SHAPE_COUNT, SHAPE_MEDIAN, SHAPE_MEAN, s)


@compiled
def _relative(size, count_at, median_at, mean_at, s):
    """Size in units of its running median, or of a share of its mean where the median is zero."""
    count, median, mean = s[count_at], s[median_at], s[mean_at]
    unit = max(median, 0.3 * mean) + 1e-12
    relative = min(size / unit, LARGEST_Z) if count >= 20 else 0.0
    pace = max(2 / (count + 1), 1 / MEMORY_STEPS)
    if count < 10:
        s[median_at] = (median * (count - 1) + size) / count
    else:
        s[median_at] = max(follow(median, size, max(median, 1e-3 * mean + 1e-12), pace), 0.0)
    bounded = min(size, 10 * unit) if count > 10 else size
    s[mean_at] += max(1 / (count + 1), 1 / MEMORY_STEPS) * (bounded - mean)
    return relative
