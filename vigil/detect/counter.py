"""Running totals among metrics of unknown kind: they are judged by how fast they grow.

A series is taken for a counter once it has not fallen for a while, but to start afresh. From then
on its rate per second takes the place of the total; across a reset the rate is unknown. Where it
turns out to fall like any other series, it is taken as it is again, and needs longer to convince.
"""

import math

import numpy as np

from vigil.detect.robust import compiled

# Columns of the state.
LAST, LAST_S, STEPS, RISES, PATIENCE, COUNTING, RESET_STEPS = range(7)
STATE_COLUMNS = 7

# Steps without a fall that make a counter, a share of them upwards; four times as many after each
# error.
_PATIENCE_STEPS, _RISING, _LESS_TRUSTED, _LEAST_TRUSTED = 100.0, 0.2, 4.0, 1e6
# A reset leaves less than half of the total, and does not come again within so many steps.
_RESET_LEAVES, _RESET_REST_STEPS = 0.5, 20.0


@compiled
def run(slot, time_s, value, state, rate, base, span_s, restarted):
    """Fill the columns, all (n,): `rate`, what is judged; `base` and `span_s`, with which the
    judged values become the series' own again, base + span_s * judged; `restarted`, whether what
    is judged has changed its meaning.

    slot int64, -1 for what is no metric of unknown kind; state float64 (slots, STATE_COLUMNS).
    """
    for i in range(len(slot)):
        rate[i], base[i], span_s[i], restarted[i] = value[i], 0.0, 1.0, False
        if slot[i] >= 0 and math.isfinite(value[i]):
            s = state[slot[i]]
            restarted[i] = _follow(value[i], time_s[i], s)
            if s[COUNTING] > 0:
                _judge(i, time_s[i], value[i], s, rate, base, span_s)
            s[LAST], s[LAST_S] = value[i], time_s[i]


@compiled
def _judge(i, time_s, value, s, rate, base, span_s):
    elapsed = time_s - s[LAST_S]
    base[i] = s[LAST] if value >= s[LAST] else 0.0
    span_s[i] = elapsed
    rate[i] = (value - s[LAST]) / elapsed if value >= s[LAST] and elapsed > 0 else np.nan


@compiled
def _follow(value, time_s, s):
    """Learn whether the series counts; True where the answer has changed."""
    if s[PATIENCE] == 0:
        s[PATIENCE] = _PATIENCE_STEPS
        return False
    s[STEPS] += 1
    s[RESET_STEPS] += 1
    s[RISES] += value > s[LAST]
    if value < s[LAST]:
        reset = 0 <= value < _RESET_LEAVES * s[LAST] and s[RESET_STEPS] > _RESET_REST_STEPS
        s[RESET_STEPS] = 0
        if not reset:
            return _disappoint(s)
    if s[COUNTING] == 0 and s[STEPS] >= s[PATIENCE] and s[RISES] >= _RISING * s[STEPS]:
        s[COUNTING] = 1
        return True
    return False


@compiled
def _disappoint(s):
    was = s[COUNTING] > 0
    s[STEPS] = s[RISES] = s[COUNTING] = 0
    if was:
        s[PATIENCE] = min(_LESS_TRUSTED * s[PATIENCE], _LEAST_TRUSTED)
    return was
