"""How unlike its recent past the last stretch of a series is: an online discord.

The distance of the last `WINDOW` values from the most similar stretch among the last `HISTORY`,
level included. What repeats, however jagged, has a near neighbour; a pattern that fails to come, a
flat line in a busy series or a new rhythm has none.

Source: Yankov, Keogh and Rebbapragada, "Disk aware discord discovery", ICDM 2007; brute force with
early abandoning, about 15 µs a value.
"""

import math

import numpy as np

from vigil.detect.robust import compiled

WINDOW = 48
HISTORY = 1024
# Twice the history, so that values move to the front only once in `HISTORY` steps.
CAPACITY = 2 * HISTORY

# Columns of the state.
FILLED, ORIGIN = range(2)
STATE_COLUMNS = 2


@compiled
def run(slot, value, restarted, state, past, distance):
    """Fill `distance`, NaN until two windows are there or where slot < 0 or value is not finite.

    slot int64 (n,); value float64 (n,); state float64 (slots, STATE_COLUMNS); past float32
    (slots, CAPACITY): values less the first one. Where `restarted` the past is forgotten.
    """
    for i in range(len(slot)):
        if slot[i] >= 0 and restarted[i]:
            state[slot[i]] = 0
        if slot[i] < 0 or not math.isfinite(value[i]):
            distance[i] = np.nan
        else:
            distance[i] = _nearest(value[i], state[slot[i]], past[slot[i]])


@compiled
def _nearest(value, s, past):
    filled = int(s[FILLED])
    if filled == 0:
        s[ORIGIN] = value
    if filled == CAPACITY:
        past[:HISTORY] = past[HISTORY:]
        filled = HISTORY
    past[filled] = value - s[ORIGIN]
    s[FILLED] = filled + 1
    if filled < 2 * WINDOW:
        return np.nan
    best = math.inf
    for end in range(filled - WINDOW, max(WINDOW - 1, filled - HISTORY) - 1, -1):
        total = 0.0
        for back in range(WINDOW):
            away = float(past[filled - back]) - float(past[end - back])
            total += away * away
            if total >= best:
                break
        best = min(best, total)
    return math.sqrt(best / WINDOW)
