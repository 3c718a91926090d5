"""What is usual at a time of day, on working days and on free ones (weekends and holidays).

Two profiles of the day are kept, by the series' own clock. A free day is expected to be like a
working day until its own profile has told more than once that it knows better; so a weekly rhythm
is found from the data, and a holiday is a day of a known kind.
"""

import math

import numpy as np

from vigil.detect.robust import TO_SIGMA, compiled, follow
from vigil.detect.state import (
    ABSOLUTE,
    FLAGGED,
    FREE_COUNT,
    FREE_DAY,
    FREE_ERROR,
    LEVEL,
    SEASONAL_COUNT,
    SEASONAL_SPREAD,
    STEP_S,
    WORK_ERROR,
)

DAY_S = 86_400.0
BINS = 96
WORK, FREE = 0, 1
KINDS_OF_DAY = 2
# So many comparisons on free days decide whether they are days of another kind, and the share of
# the error of working days' profile that their own must stay below.
_COMPARED, _BETTER = 10, 0.8
_ERROR_RATE = 1 / 200


@compiled
def _place(local_s):
    """(bin, next bin, share of the next) of the time of day."""
    position = (local_s % DAY_S) / DAY_S * BINS - 0.5
    left = math.floor(position)
    return int(left) % BINS, (int(left) + 1) % BINS, position - left


@compiled
def _at(profile, seen, local_s, step_s):
    """Expected value at the time of day, NaN where the profile has not been there yet."""
    left, right, share = _place(local_s)
    if step_s >= DAY_S / BINS:
        # Coarse series meet the same bins each day: no neighbour to lean on.
        here = left if share < 0.5 else right
        return profile[here] if seen[here] > 0 else np.nan
    if seen[left] > 0 and seen[right] > 0:
        return profile[left] * (1 - share) + profile[right] * share
    return np.nan


@compiled
def own_kind(s):
    """Are free days known to be days of their own kind."""
    return s[FREE_COUNT] >= _COMPARED and s[FREE_ERROR] < _BETTER * s[WORK_ERROR]


@compiled
def untested(seen, local_s, free, s):
    """On a free day, before it is known what such days are like at this time."""
    if not free:
        return False
    left, right, share = _place(local_s)
    here = left if share < 0.5 else right
    return s[FREE_COUNT] < _COMPARED or (own_kind(s) and seen[FREE, here] == 0)


@compiled
def expected_at(profile, seen, local_s, free, s):
    """Expected value at the time, float64; NaN where nothing is known of it.

    profile, seen: (KINDS_OF_DAY, BINS).
    """
    usual = _at(profile[WORK], seen[WORK], local_s, s[STEP_S])
    if free and own_kind(s):
        own = _at(profile[FREE], seen[FREE], local_s, s[STEP_S])
        return own if math.isfinite(own) else usual
    return usual


@compiled
def learn_season(local_s, free, value, scale, trust, constants, s, profile, seen):
    """Learn one value, `scale` being its usual deviation from the level.

    `trust`, 0 to 1, is how fast a young series' spread learns from it.
    """
    known = expected_at(profile, seen, local_s, free, s)
    unknown_day = untested(seen, local_s, free, s)
    if math.isfinite(known) and not unknown_day:
        _learn_spread(abs(value - known), trust, constants, s)
    if free:
        _compare(local_s, value, s, profile, seen)
        _learn_profile(local_s, value, scale, constants, s, profile[FREE], seen[FREE])
    if not free or not (unknown_day or own_kind(s)):
        _learn_profile(local_s, value, scale, constants, s, profile[WORK], seen[WORK])


@compiled
def _learn_spread(away, trust, constants, s):
    n = s[SEASONAL_COUNT]
    if n < 10:
        s[SEASONAL_SPREAD] = (s[SEASONAL_SPREAD] * n + away / TO_SIGMA) / (n + 1)
    else:
        rate = max(trust * 2.0 / n, constants.memory_rate)
        least = 1e-3 * (abs(s[LEVEL]) + s[ABSOLUTE]) + 1e-12
        step = max(s[SEASONAL_SPREAD], least)
        s[SEASONAL_SPREAD] = max(follow(s[SEASONAL_SPREAD], away, step, rate), 0.0)
    s[SEASONAL_COUNT] = n + 1


@compiled
def _compare(local_s, value, s, profile, seen):
    """Which profile was nearer to a value of a free day, but for the first such day."""
    day = math.floor(local_s / DAY_S)
    if s[FREE_DAY] == 0:
        s[FREE_DAY] = day
    if day == s[FREE_DAY]:
        return
    own = _at(profile[FREE], seen[FREE], local_s, s[STEP_S])
    usual = _at(profile[WORK], seen[WORK], local_s, s[STEP_S])
    if not (math.isfinite(own) and math.isfinite(usual)):
        return
    rate = max(1 / (s[FREE_COUNT] + 1), _ERROR_RATE)
    limit = 10 * max(TO_SIGMA * s[SEASONAL_SPREAD], s[ABSOLUTE])
    s[FREE_ERROR] += rate * (min(abs(value - own), limit) - s[FREE_ERROR])
    s[WORK_ERROR] += rate * (min(abs(value - usual), limit) - s[WORK_ERROR])
    s[FREE_COUNT] += 1


@compiled
def _learn_profile(local_s, value, scale, constants, s, profile, seen):
    left, right, share = _place(local_s)
    here = left if share < 0.5 else right
    if seen[here] == 0:
        profile[here] = value
    else:
        # Bounded, so that an incident does not become the habit of its hour.
        limit = 3 * max(scale, TO_SIGMA * s[SEASONAL_SPREAD])
        error = min(max(value - profile[here], -limit), limit)
        # The rate is meant per day: many values a bin share it. A flagged one counts a tenth.
        daily = constants.profile_rate * min(1.0, max(s[STEP_S], 1.0) / (DAY_S / BINS))
        doubt = 0.1 if s[FLAGGED] > 0 else 1.0
        profile[here] += doubt * max(1.0 / (seen[here] + 1), daily) * error
    seen[here] = min(seen[here] + 1, 250)
