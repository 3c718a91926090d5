"""Which seasons a series has: the day and the week of the calendar, and what its echo shows."""

import numpy as np

# An echo this strong counts as a season, if noise of that length would not show it as well.
LEAST_ECHO = 0.3
SIGMAS_ABOVE_NOISE = 3.0
MOST_ECHO_STEPS = 20_000


def echo_steps(value: np.ndarray, longest: int | None = None) -> int | None:
    """The lag of the strongest peak of the autocorrelation, None where there is no clear one.

    value: float64 (n,). A lag counts up to a third of the series, so that it was met three times.

    >>> echo_steps(np.tile([0.0, 0, 1, 4, 1], 20))
    5
    """
    recent = value[-MOST_ECHO_STEPS:]
    n = len(recent)
    longest = min(n // 3, longest or n)
    if longest < 3:
        return None
    centred = recent - recent.mean()
    spectrum = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    echo = np.fft.irfft(spectrum)[: longest + 2]
    if echo[0] <= 1e-12 * n:
        return None
    # Each lag is met n - lag times.
    echo = echo / echo[0] * n / (n - np.arange(len(echo)))
    falls = np.flatnonzero(echo < 0)
    if not len(falls):
        return None
    inner = np.arange(max(int(falls[0]), 2), longest + 1)
    peaks = inner[(echo[inner] >= echo[inner - 1]) & (echo[inner] >= echo[inner + 1])]
    if not len(peaks) or echo[peaks].max() < max(LEAST_ECHO, SIGMAS_ABOVE_NOISE / np.sqrt(n)):
        return None
    # The shortest of those that are about as strong: its multiples echo as well.
    return int(peaks[echo[peaks] > 0.9 * echo[peaks].max()][0])


def seasons_of(value: np.ndarray, day_steps: int | None) -> tuple[int, ...]:
    """Season lengths in steps, shortest first; the day and the week where they were met twice.

    An echo joins them where it is no multiple of the day.
    """
    n = len(value)
    found = set()
    if day_steps:
        found = {steps for steps in (day_steps, 7 * day_steps) if 2 * steps <= n}
    echo = echo_steps(value)
    known = day_steps and abs(echo / day_steps - round(echo / day_steps)) < 0.1 if echo else True
    if echo and not (known and round(echo / (day_steps or 1)) >= 1):
        found.add(echo)
    return tuple(sorted(found))
