"""The arithmetic of the online detector: one pass over observations, compiled, O(1) each.

Per series it follows, with bounded influence of any single value,
- a robust level (median) and scale (MAD) with long memory,
- a profile of the day and the scale of the residuals around it,
- how large changes are where most values are equal,
- how large the combined evidence usually is, for a calibrated p-value.
"""

import math

import numpy as np

from vigil.detect.calibration import START, learn, p_value
from vigil.detect.robust import LARGEST_VALUE, LARGEST_Z, TO_SIGMA, compiled, follow, median
from vigil.detect.season import DAY_S, expected_at, learn_season, untested
from vigil.detect.state import (
    ABSOLUTE,
    ALARM_GAP_S,
    ALERT_STEPS,
    CALM,
    CHANGE,
    CHANGES,
    CONFIRMED,
    COUNT,
    EVIDENCE,
    FLAGGED,
    GAP_S,
    LAST_S,
    LEVEL,
    PER_WEIGHT,
    QUANTILES,
    QUIET,
    RECENT,
    SEASONAL_COUNT,
    SEASONAL_SPREAD,
    SEEN_S,
    SPREAD,
    STARTED_S,
    STEP_S,
    TOLERATED,
    WEIGHT,
    ZEROS,
)  # fmt: skip

FIRST = 32

GENERIC, RATE, RATIO, LATENCY = 0, 1, 2, 3

# Bits of the gate: why unusual evidence raised no flag.
GATE_WARMING, GATE_WEIGHT, GATE_ABSOLUTE, GATE_RELATIVE, GATE_DIRECTION = 1, 2, 4, 8, 16
GATE_TOLERATED, GATE_PERSISTENCE = 32, 64

# A series has vanished when it is silent for twice its longest usual gap, and so many steps.
VANISHED_GAPS, VANISHED_STEPS = 2.0, 5.0
# How much of the deviation of the weakest confirmed incident may be tolerated at most.
_NEVER_MUTED = 0.5
# An alert this short may as well be the tail of the noise.
_BRIEF_STEPS = 6
# The share of its pace at which a young series learns from what is being alerted on.
_HELD = 0.1
# So many changes in a mostly constant series make their usual size known.
_CHANGES_KNOWN = 8


@compiled
def stable(kind, value):
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


@compiled
def _natural(kind, stable):
    """The inverse of `stable`."""
    if kind == RATE:
        return max(stable, 0.0) ** 2
    if kind == RATIO:
        return math.sin(min(max(stable, 0.0), math.pi / 2)) ** 2
    if kind == LATENCY:
        return math.expm1(max(stable, 0.0))
    return stable


@compiled
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


@compiled
def _deviation(value, expected, scale):
    """Scales away from the expected value, signed and bounded."""
    z = (value - expected) / scale
    return min(max(z, -LARGEST_Z), LARGEST_Z)


@compiled
def run(slot, time_s, local_s, free, value, weight, kind, prior, prior_spread, constants, rules,
        restarted, state, first, profile, seen, expected, lower, upper, p, evidence, gate, flagged,
        warming, z_level, z_seasonal):  # fmt: skip
    """Advance the states by all observations, in order, and fill the output columns."""
    for i in range(len(slot)):
        k = slot[i]
        if restarted[i]:
            _restart(state[k], seen[k])
        _one(
            i, time_s[i], local_s[i], free[i], value[i], weight[i], kind[i], prior[i],
            prior_spread[i], constants, rules, state[k], first[k], profile[k], seen[k],
            expected, lower, upper, p, evidence, gate, flagged, warming, z_level, z_seasonal,
        )  # fmt: skip


@compiled
def _restart(s, seen):
    """Forget the values, not the times."""
    kept = s[LAST_S], s[STEP_S], s[SEEN_S], s[GAP_S], s[ALARM_GAP_S]
    s[:] = 0
    s[CALM:QUANTILES] = s[QUANTILES:] = START
    s[LAST_S], s[STEP_S], s[SEEN_S], s[GAP_S], s[ALARM_GAP_S] = kept
    seen[:] = 0


@compiled
def _one(i, time_s, local_s, free, value, weight, kind, prior, prior_spread, constants, rules, s,
         first, profile, seen, expected, lower, upper, p, evidence, gate, flagged, warming,
         z_level, z_seasonal):  # fmt: skip
    warm_up, relative = constants.warm_up_steps, constants.relative_noise
    count = s[COUNT]
    if count > 0 and time_s > s[LAST_S]:
        gap = time_s - s[LAST_S]
        s[STEP_S] = gap if s[STEP_S] == 0 else min(gap, s[STEP_S])
    s[LAST_S] = time_s
    warming[i] = min(1.0, count / warm_up)
    if math.isfinite(prior):
        # The spread keeps its size relative to the slope of the scale at the prior.
        above = stable(kind, prior + prior_spread) - stable(kind, prior)
        prior, prior_spread = stable(kind, prior), above
    level_scale, seasonal, seasonal_scale = _expect(
        local_s, free, weight, kind, prior, prior_spread, relative, s, profile, seen
    )
    low = high = seasonal
    # Nothing at all, where there never was nothing at such an hour, is no matter of degree.
    gone = value == 0 and s[ZEROS] < 0.5
    if untested(seen, local_s, free, s) and not math.isfinite(prior) and not gone:
        # Such a day may be of another kind: between the working day's value and the level, all is
        # usual; and requests, which are not held against the level, may scatter as widely as it.
        low, high = min(seasonal, s[LEVEL]), max(seasonal, s[LEVEL])
        if kind != GENERIC:
            seasonal_scale = max(seasonal_scale, level_scale)
    expected[i] = _natural(kind, seasonal)
    lower[i] = _natural(kind, low - 3 * seasonal_scale)
    upper[i] = _natural(kind, high + 3 * seasonal_scale)
    if not math.isfinite(value):
        _absent(i, time_s, kind, constants, s, p, evidence, gate, flagged)
        z_level[i] = z_seasonal[i] = 0.0
        return
    _seen(time_s, s)
    value = min(max(value, -LARGEST_VALUE), LARGEST_VALUE)
    if kind == RATE and weight > 0 and value > 0:
        s[PER_WEIGHT] = value / weight
    scaled = stable(kind, value)
    z_level[i] = z_seasonal[i] = fresh = 0.0
    if count >= 3:
        z_level[i] = _deviation(scaled, s[LEVEL], level_scale)
        z_seasonal[i] = _deviation(scaled, min(max(scaled, low), high), seasonal_scale)
        # Requests have a season that is known well; for any metric the level has a say too.
        share = 0.5 if kind == GENERIC else constants.level_share
        fresh = abs(z_level[i]) ** share * abs(z_seasonal[i]) ** (1 - share)
    wrong_way = rules[kind, 0] * z_seasonal[i] < 0
    s[EVIDENCE] = 0.5 * s[EVIDENCE] + 0.5 * (0.0 if wrong_way else fresh)
    evidence[i] = s[EVIDENCE]
    # A flag is decided on what is usual between alerts, else one incident would hide the next.
    calm = p_value(s[EVIDENCE], s[CALM:QUANTILES]) if count >= 10 else 1.0
    p[i] = p_value(s[EVIDENCE], s[QUANTILES:]) if count >= 10 else 1.0
    if kind == GENERIC:
        away = abs(z_seasonal[i])
        single = min(abs(z_level[i]), away)
        if gone and away >= constants.least_single:
            single = away
        unusual = s[EVIDENCE] >= constants.least_evidence or single >= constants.least_single
    else:
        # Hysteresis: an alert goes on while half of the evidence is there, so it is one alert.
        needed = constants.least_request_evidence * (0.5 if s[FLAGGED] > 0 else 1.0)
        rate = constants.request_alert_rate * (10.0 if s[FLAGGED] > 0 else 1.0)
        unusual = s[EVIDENCE] >= needed and calm <= rate
    bits = _shut(
        value, weight, kind, expected[i], z_seasonal[i], unusual, constants, rules[kind], s
    )
    if kind == GENERIC:
        unusual = unusual and calm <= constants.alert_rate
        _decide_any(i, unusual, bits, constants, s, gate, flagged)
    else:
        flagged[i] = unusual and bits == 0
        gate[i] = bits if unusual else 0
        s[FLAGGED] = 1.0 if flagged[i] else 0.0
    _learn(local_s, free, scaled, weight, kind, level_scale, constants, s, first, profile, seen)


@compiled
def _absent(i, time_s, kind, constants, s, p, evidence, gate, flagged):
    """Nothing was measured: nothing is learnt, old evidence fades, and too long is an alarm.

    Not for requests: theirs is a rate of zero.
    """
    s[EVIDENCE] *= 0.5
    usual_s = max(VANISHED_GAPS * s[GAP_S], VANISHED_STEPS * s[STEP_S])
    vanished = kind == GENERIC and s[COUNT] >= constants.warm_up_steps
    vanished = vanished and time_s - s[SEEN_S] > usual_s
    p[i] = min(constants.alert_rate, 1e-3) if vanished else 1.0
    evidence[i] = max(s[EVIDENCE], constants.least_evidence) if vanished else s[EVIDENCE]
    gate[i], flagged[i] = 0, vanished
    s[FLAGGED] = 1.0 if vanished else 0.0
    s[QUIET] = -1.0 if vanished else 0.0


@compiled
def _seen(time_s, s):
    """Learn the longest usual gap; one alarm stretches it by a quarter at most."""
    if s[COUNT] > 0:
        gap = usual = time_s - s[SEEN_S]
        if s[QUIET] < 0:
            # Twice as long is a habit, such as a weekend.
            again = 0.8 * s[ALARM_GAP_S] < gap < 1.25 * s[ALARM_GAP_S]
            usual = gap if again else min(gap, 1.25 * max(s[GAP_S], s[STEP_S]))
            s[ALARM_GAP_S] = gap
            s[FLAGGED] = s[QUIET] = 0.0
        s[GAP_S] = max(usual, s[GAP_S] * (1 - 1e-4))
    else:
        s[STARTED_S] = time_s
    s[SEEN_S] = time_s


@compiled
def _tolerable(deviation, s):
    """Was a deviation of this size called a false alarm; never that of a confirmed incident."""
    limit = s[TOLERATED]
    if s[CONFIRMED] > 0:
        limit = min(limit, _NEVER_MUTED * s[CONFIRMED])
    return deviation <= limit


@compiled
def _expect(local_s, free, weight, kind, prior, prior_spread, relative, s, profile, seen):
    """(scale of the level, expected value, its scale) before the value is looked at."""
    thin = 1.0
    if kind == LATENCY and s[WEIGHT] > 0:
        # A quantile of few requests scatters more.
        thin = min(max(math.sqrt(s[WEIGHT] / max(weight, 1.0)), 1.0), 5.0)
    # A scale of zero (mostly constant series) leans on the mean absolute deviation, and on how
    # large changes are when there are any; requests have the noise of their number instead.
    change = 0.0
    if kind == GENERIC:
        change = TO_SIGMA * s[CHANGE] * min(1.0, s[CHANGES] / _CHANGES_KNOWN)
    level_scale = max(TO_SIGMA * s[SPREAD], 0.25 * s[ABSOLUTE], change) * thin
    level_scale = max(level_scale, _floor(kind, s[LEVEL], weight, s, relative))
    if math.isfinite(prior):
        scale = max(prior_spread * thin, _floor(kind, prior, weight, s, relative))
        return level_scale, prior, scale
    if kind != GENERIC and s[SEEN_S] - s[STARTED_S] < DAY_S:
        # The profile of requests is not asked on the day that it was learnt on: an incident would
        # be what it expects. A metric of unknown kind is held against its level anyway.
        return level_scale, s[LEVEL], level_scale
    seasonal = expected_at(profile, seen, local_s, free, s)
    if not math.isfinite(seasonal) or s[SEASONAL_COUNT] < 10:
        return level_scale, s[LEVEL], level_scale
    scale = max(TO_SIGMA * s[SEASONAL_SPREAD], 0.125 * s[ABSOLUTE])
    if s[SPREAD] < 0.3 * s[CHANGE]:
        scale = max(scale, change)
    scale *= thin
    return level_scale, seasonal, max(scale, _floor(kind, seasonal, weight, s, relative))


@compiled
def _decide_any(i, unusual, bits, constants, s, gate, flagged):
    """The verdict on a metric of unknown kind; an alert is over after `hold_steps` usual values."""
    gate[i] = bits if unusual else 0
    if unusual and bits == 0:
        s[FLAGGED], s[QUIET] = 1.0, 0.0
    elif s[FLAGGED] > 0:
        s[QUIET] += 1
        if s[QUIET] > constants.hold_steps:
            s[FLAGGED] = 0.0
    flagged[i] = s[FLAGGED] > 0


@compiled
def _shut(value, weight, kind, expected, z, unusual, constants, rules, s):
    """Bits of the gates that are shut."""
    direction, absolute, relative, traffic = rules[0], rules[1], rules[2], rules[3]
    bits = 0
    if s[COUNT] < constants.warm_up_steps:
        bits |= GATE_WARMING
    if direction * z < 0:
        bits |= GATE_DIRECTION
    away = abs(value - expected)
    if away * (weight if kind == RATIO else 1.0) < absolute:
        bits |= GATE_ABSOLUTE
    if weight < traffic:
        bits |= GATE_WEIGHT
    if away < relative * abs(expected):
        bits |= GATE_RELATIVE
    if _tolerable(abs(z), s):
        bits |= GATE_TOLERATED
    if not _persists(unusual, int(rules[4]), int(rules[5]), s):
        bits |= GATE_PERSISTENCE
    return bits


@compiled
def _persists(unusual, k, n, s):
    """Were k of the last n windows unusual; the state holds them as bits."""
    recent = (2 * int(s[RECENT]) + (1 if unusual else 0)) % 2**n
    s[RECENT] = recent
    found = 0
    while recent > 0:
        found += recent % 2
        recent //= 2
    return found >= k


@compiled
def _learn(local_s, free, value, weight, kind, scale, constants, s, first, profile, seen):
    count = int(s[COUNT])
    # Young requests learn fast, but not from what is being alerted on.
    trust = _HELD if kind != GENERIC and s[FLAGGED] > 0 else 1.0
    if count < FIRST:
        first[count] = value
        s[LEVEL] = median(first, count + 1)
        s[SPREAD] = median(np.abs(first[: count + 1] - s[LEVEL]), count + 1)
    else:
        rate = max(trust * 2.0 / count, constants.memory_rate)
        s[LEVEL] = follow(s[LEVEL], value, TO_SIGMA * s[SPREAD] + 1e-9, rate)
        away = abs(value - s[LEVEL])
        least = 1e-3 * (abs(s[LEVEL]) + s[ABSOLUTE]) + 1e-12
        s[SPREAD] = max(follow(s[SPREAD], away, max(s[SPREAD], least), rate), 0.0)
    bounded = min(abs(value - s[LEVEL]), 10 * scale) if count >= 10 else abs(value - s[LEVEL])
    s[ABSOLUTE] += max(trust / (count + 1), constants.memory_rate) * (bounded - s[ABSOLUTE])
    _learn_change(abs(value - s[LEVEL]), constants, s)
    learn_season(local_s, free, value, scale, trust, constants, s, profile, seen)
    if count >= 10:
        _learn_evidence(kind, constants, s)
    s[ZEROS] *= 1 - constants.memory_rate
    if value == 0 and s[FLAGGED] == 0:
        s[ZEROS] += 1
    if weight > 0:
        s[WEIGHT] += max(1.0 / (count + 1), 0.01) * (weight - s[WEIGHT])
    s[COUNT] = count + 1


@compiled
def _learn_evidence(kind, constants, s):
    """How large evidence is: between alerts, and whenever it is not an incident of some length."""
    s[ALERT_STEPS] = s[ALERT_STEPS] + 1 if s[FLAGGED] > 0 else 0
    rate = max(0.5 / (s[COUNT] + 11), constants.memory_rate)
    # What is alerted on is learnt slowly, so that a long incident does not end its own alert.
    doubt = constants.alert_doubt if kind == GENERIC else constants.request_alert_doubt
    known = doubt if s[FLAGGED] > 0 else 1.0
    # An incident of requests is no drift.
    trust = known if kind != GENERIC else 1.0
    learn(s[EVIDENCE], rate * known, trust, s[CALM:QUANTILES])
    brief = s[ALERT_STEPS] <= _BRIEF_STEPS
    learn(s[EVIDENCE], rate * (1.0 if brief else doubt), 1.0, s[QUANTILES:])


@compiled
def _learn_change(away, constants, s):
    """Median of the deviations that are more than rounding; alerts count a fifth."""
    if away <= 0.02 * s[ABSOLUTE] + 1e-9:
        return
    doubt = 0.2 if s[FLAGGED] > 0 else 1.0
    s[CHANGES] += doubt
    if s[CHANGES] <= 1:
        s[CHANGE] = away
    else:
        rate = doubt * max(1.0 / s[CHANGES], constants.memory_rate)
        s[CHANGE] = max(follow(s[CHANGE], away, max(s[CHANGE], 1e-3 * away), rate), 0.0)
