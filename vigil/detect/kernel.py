"""The arithmetic of the online detector: one pass over observations, compiled, O(1) each.

Per series it follows, with bounded influence of any single value,
- a robust level (median) and scale (MAD) with long memory,
- a profile of the day and the scale of the residuals around it,
- how large the combined evidence usually is, for a calibrated p-value.

Medians are tracked by stochastic approximation: a step up or down by the sign of the error, so an
outlier of any size moves them by one step only (Robbins and Monro 1951; for quantiles under drift
Gibbs and Candès, "Adaptive conformal inference", NeurIPS 2021).
"""

import math

import numba as nb
import numpy as np

# Columns of the state; float64 each.
(
    COUNT, LAST_S, STEP_S, LEVEL, SPREAD, ABSOLUTE, SEASONAL_SPREAD, SEASONAL_COUNT, EVIDENCE,
    TAIL_AT, TAIL_MEAN, WEIGHT, PER_WEIGHT, FLAGGED,
) = range(14)  # fmt: skip
STATE_COLUMNS = 14

FIRST = 32
BINS = 96
DAY_S = 86_400.0

GENERIC, RATE, RATIO, LATENCY = 0, 1, 2, 3

# Bits of the gate: why unusual evidence raised no flag.
GATE_WARMING, GATE_WEIGHT, GATE_ABSOLUTE, GATE_RELATIVE, GATE_DIRECTION = 1, 2, 4, 8, 16

_TO_SIGMA = 1.4826
# Beyond this a value is a broken counter; squares must not overflow.
_LARGEST_VALUE = 1e12
_LARGEST_Z = 60.0


# Cached on disk; divisions by zero give infinities, as in numpy, instead of raising.
_compiled = nb.njit(cache=True, error_model="numpy")


@_compiled
def _median(values, count):
    ordered = np.sort(values[:count])
    middle = count // 2
    if count % 2:
        return ordered[middle]
    return 0.5 * (ordered[middle - 1] + ordered[middle])


@_compiled
def _follow(estimate, value, scale, rate):
    """One step of a median towards the side on which the value lies."""
    if value > estimate:
        return estimate + rate * scale
    if value < estimate:
        return estimate - rate * scale
    return estimate


@_compiled
def _place(time_s):
    """(bin, next bin, share of the next) of the time of day."""
    position = (time_s % DAY_S) / DAY_S * BINS - 0.5
    left = math.floor(position)
    return int(left) % BINS, (int(left) + 1) % BINS, position - left


@_compiled
def _seasonal(profile, seen, time_s, step_s):
    """Expected value at the time of day, NaN where the profile has not been there yet."""
    left, right, share = _place(time_s)
    if step_s >= DAY_S / BINS:
        # Coarse series meet the same bins each day: no neighbour to lean on.
        here = left if share < 0.5 else right
        return profile[here] if seen[here] > 0 else np.nan
    if seen[left] > 0 and seen[right] > 0:
        return profile[left] * (1 - share) + profile[right] * share
    return np.nan


@_compiled
def _stable(kind, value):
    """The value on a scale where its noise does not depend on its size.

    Square root for counts and arcsine for ratios (Anscombe 1948), logarithm for latencies, whose
    noise is a share of them; any other metric as it is.
    """
    if kind == RATE:
        return math.sqrt(max(value, 0.0))
    if kind == RATIO:
        return math.asin(math.sqrt(min(max(value, 0.0), 1.0)))
    if kind == LATENCY:
        return math.log1p(max(value, 0.0))
    return value


@_compiled
def _natural(kind, stable):
    """The inverse of `_stable`."""
    if kind == RATE:
        return max(stable, 0.0) ** 2
    if kind == RATIO:
        return math.sin(min(max(stable, 0.0), math.pi / 2)) ** 2
    if kind == LATENCY:
        return math.expm1(max(stable, 0.0))
    return stable


@_compiled
def _floor(kind, expected, weight, s, relative):
    """The least scale that makes sense: counting noise, and a share of the expected value."""
    if kind == RATE:
        # The root of a Poisson count has deviation 1/2; a rate is the count times PER_WEIGHT.
        return max(0.5 * math.sqrt(s[PER_WEIGHT]), relative * expected) + 1e-9
    if kind == RATIO:
        return 0.5 / math.sqrt(max(weight, 1.0))
    if kind == LATENCY:
        return 2 * relative
    return relative * abs(expected) + 1e-9


@_compiled
def _deviation(value, expected, scale):
    """Scales away from the expected value, signed and bounded."""
    z = (value - expected) / scale
    return min(max(z, -_LARGEST_Z), _LARGEST_Z)


@_compiled
def _tail(evidence, s, share, shape):
    """p-value of the evidence: empirical below the tracked quantile, Pareto beyond it."""
    if evidence <= s[TAIL_AT]:
        return 1 - (1 - share) * evidence / s[TAIL_AT]
    excess = (evidence - s[TAIL_AT]) / s[TAIL_MEAN]
    return share * (1 + shape * excess) ** (-1 / shape)


@_compiled
def run(slot, time_s, value, weight, kind, prior, prior_spread, settings, state, first, profile,
        seen, expected, lower, upper, p, evidence, gate, flagged, warming):  # fmt: skip
    """Advance the states by all observations, in order, and fill the output columns."""
    for i in range(len(slot)):
        k = slot[i]
        _one(
            i, time_s[i], value[i], weight[i], kind[i], prior[i], prior_spread[i], settings,
            state[k], first[k], profile[k], seen[k],
            expected, lower, upper, p, evidence, gate, flagged, warming,
        )  # fmt: skip


@_compiled
def _one(i, time_s, value, weight, kind, prior, prior_spread, settings, s, first, profile, seen,
         expected, lower, upper, p, evidence, gate, flagged, warming):  # fmt: skip
    warm_up, relative = settings[0], settings[1]
    count = s[COUNT]
    if count > 0 and time_s > s[LAST_S]:
        gap = time_s - s[LAST_S]
        s[STEP_S] = gap if s[STEP_S] == 0 else min(gap, s[STEP_S])
    s[LAST_S] = time_s
    warming[i] = min(1.0, count / warm_up)
    if math.isfinite(prior):
        # The spread keeps its size relative to the slope of the scale at the prior.
        above = _stable(kind, prior + prior_spread) - _stable(kind, prior)
        prior, prior_spread = _stable(kind, prior), above
    level_scale, seasonal, seasonal_scale = _expect(
        time_s, weight, kind, prior, prior_spread, relative, s, profile, seen
    )
    expected[i] = _natural(kind, seasonal)
    lower[i] = _natural(kind, seasonal - 3 * seasonal_scale)
    upper[i] = _natural(kind, seasonal + 3 * seasonal_scale)
    if not math.isfinite(value):
        # Nothing was measured: nothing is learnt, and old evidence fades.
        s[EVIDENCE] *= 0.5
        s[FLAGGED] = 0
        p[i], evidence[i], gate[i], flagged[i] = 1.0, s[EVIDENCE], 0, False
        return
    value = min(max(value, -_LARGEST_VALUE), _LARGEST_VALUE)
    if kind == RATE and weight > 0 and value > 0:
        s[PER_WEIGHT] = value / weight
    stable = _stable(kind, value)
    z_level = _deviation(stable, s[LEVEL], level_scale)
    z_seasonal = _deviation(stable, seasonal, seasonal_scale)
    fresh = 0.0
    if count >= 3:
        # Requests have a season that is known well; for any metric the level has a say too.
        share = 0.5 if kind == GENERIC else settings[9]
        fresh = abs(z_level) ** share * abs(z_seasonal) ** (1 - share)
    wrong_way = (kind in (RATIO, LATENCY)) and z_seasonal < 0
    s[EVIDENCE] = 0.5 * s[EVIDENCE] + 0.5 * (0.0 if wrong_way else fresh)
    evidence[i] = s[EVIDENCE]
    # Where the noise has been made stable by construction, tails are light.
    shape = settings[3] if kind == GENERIC else settings[10]
    p[i] = _tail(s[EVIDENCE], s, settings[2], shape) if count >= 10 else 1.0
    _decide(i, value, weight, kind, expected[i], z_seasonal, settings, s, p, gate, flagged)
    _learn(time_s, stable, weight, kind, level_scale, settings, s, first, profile, seen)


@_compiled
def _expect(time_s, weight, kind, prior, prior_spread, relative, s, profile, seen):
    """(scale of the level, expected value, its scale) before the value is looked at."""
    thin = 1.0
    if kind == LATENCY and s[WEIGHT] > 0:
        # A quantile of few requests scatters more.
        thin = min(max(math.sqrt(s[WEIGHT] / max(weight, 1.0)), 1.0), 5.0)
    # A scale of zero (mostly constant series) leans on the mean absolute deviation.
    level_scale = max(_TO_SIGMA * s[SPREAD], 0.25 * s[ABSOLUTE]) * thin
    level_scale = max(level_scale, _floor(kind, s[LEVEL], weight, s, relative))
    if math.isfinite(prior):
        scale = max(prior_spread * thin, _floor(kind, prior, weight, s, relative))
        return level_scale, prior, scale
    seasonal = _seasonal(profile, seen, time_s, s[STEP_S])
    if not math.isfinite(seasonal) or s[SEASONAL_COUNT] < 10:
        return level_scale, s[LEVEL], level_scale
    scale = max(_TO_SIGMA * s[SEASONAL_SPREAD], 0.25 * s[ABSOLUTE] * 0.5) * thin
    return level_scale, seasonal, max(scale, _floor(kind, seasonal, weight, s, relative))


@_compiled
def _decide(i, value, weight, kind, expected, z, settings, s, p, gate, flagged):
    """Evidence to verdict; the bits of the gate say what held a flag back."""
    alert_rate, least_evidence = settings[4], settings[5]
    if kind != GENERIC:
        alert_rate, least_evidence = settings[12], settings[11]
    # Hysteresis: an alert goes on while half of the evidence is there, so it is one alert.
    needed = least_evidence * (0.5 if s[FLAGGED] > 0 else 1.0)
    rate = alert_rate * (10.0 if s[FLAGGED] > 0 else 1.0)
    unusual = s[EVIDENCE] >= needed and p[i] <= rate
    bits = 0
    if s[COUNT] < settings[0]:
        bits |= GATE_WARMING
    if kind in (RATIO, LATENCY) and z < 0:
        bits |= GATE_DIRECTION
    if kind == RATIO and abs(value - expected) * weight < 3:
        bits |= GATE_ABSOLUTE
    if kind == LATENCY and weight < 3:
        bits |= GATE_WEIGHT
    if kind != RATIO and abs(value - expected) < settings[6] * abs(expected):
        bits |= GATE_RELATIVE
    flagged[i] = unusual and bits == 0
    gate[i] = bits if unusual else 0
    s[FLAGGED] = 1.0 if flagged[i] else 0.0


@_compiled
def _learn(time_s, value, weight, kind, scale, settings, s, first, profile, seen):
    count = int(s[COUNT])
    if count < FIRST:
        first[count] = value
        s[LEVEL] = _median(first, count + 1)
        s[SPREAD] = _median(np.abs(first[: count + 1] - s[LEVEL]), count + 1)
    else:
        rate = max(2.0 / count, settings[7])
        s[LEVEL] = _follow(s[LEVEL], value, _TO_SIGMA * s[SPREAD] + 1e-9, rate)
        away = abs(value - s[LEVEL])
        least = 1e-3 * (abs(s[LEVEL]) + s[ABSOLUTE]) + 1e-12
        s[SPREAD] = max(_follow(s[SPREAD], away, max(s[SPREAD], least), rate), 0.0)
    bounded = min(abs(value - s[LEVEL]), 10 * scale) if count >= 10 else abs(value - s[LEVEL])
    s[ABSOLUTE] += max(1.0 / (count + 1), settings[7]) * (bounded - s[ABSOLUTE])
    _learn_season(time_s, value, scale, settings, s, profile, seen)
    if count >= 10:
        _learn_tail(settings[13] if kind == GENERIC else settings[14], settings, s)
    if weight > 0:
        s[WEIGHT] += max(1.0 / (count + 1), 0.01) * (weight - s[WEIGHT])
    s[COUNT] = count + 1


@_compiled
def _learn_season(time_s, value, scale, settings, s, profile, seen):
    left, right, share = _place(time_s)
    here = left if share < 0.5 else right
    known = _seasonal(profile, seen, time_s, s[STEP_S])
    if math.isfinite(known):
        away = abs(value - known)
        n = s[SEASONAL_COUNT]
        if n < 10:
            s[SEASONAL_SPREAD] = (s[SEASONAL_SPREAD] * n + away / _TO_SIGMA) / (n + 1)
        else:
            rate = max(2.0 / n, settings[7])
            least = 1e-3 * (abs(s[LEVEL]) + s[ABSOLUTE]) + 1e-12
            step = max(s[SEASONAL_SPREAD], least)
            s[SEASONAL_SPREAD] = max(_follow(s[SEASONAL_SPREAD], away, step, rate), 0.0)
        s[SEASONAL_COUNT] = n + 1
    if seen[here] == 0:
        profile[here] = value
    else:
        # Bounded, so that an incident does not become the habit of its hour.
        limit = 3 * max(scale, _TO_SIGMA * s[SEASONAL_SPREAD])
        error = min(max(value - profile[here], -limit), limit)
        # The rate is meant per day: many values a bin share it. A flagged one counts a tenth.
        daily = settings[8] * min(1.0, max(s[STEP_S], 1.0) / (DAY_S / BINS))
        doubt = 0.1 if s[FLAGGED] > 0 else 1.0
        profile[here] += doubt * max(1.0 / (seen[here] + 1), daily) * error
    seen[here] = min(seen[here] + 1, 250)


@_compiled
def _learn_tail(alert_doubt, settings, s):
    share = settings[2]
    seen = s[EVIDENCE]
    # What is alerted on is learnt slowly, so that a long incident does not end its own alert.
    doubt = alert_doubt if s[FLAGGED] > 0 else 1.0
    rate = doubt * max(0.5 / (s[COUNT] - 9), settings[7])
    s[TAIL_AT] += rate * 4 * s[TAIL_AT] * ((1.0 if seen > s[TAIL_AT] else 0.0) - share)
    s[TAIL_AT] = min(max(s[TAIL_AT], 0.5), 8.0)
    if seen > s[TAIL_AT]:
        excess = min(seen - s[TAIL_AT], 3 * s[TAIL_MEAN])
        pace = doubt * max(2.0 / (s[COUNT] + 20), settings[7]) / share
        s[TAIL_MEAN] += pace * (excess - s[TAIL_MEAN])
        s[TAIL_MEAN] = max(s[TAIL_MEAN], 0.2)
