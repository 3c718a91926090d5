"""Policies that most people run: thresholds grouped by service, and a z-score a series."""

from dataclasses import dataclass, field

import numpy as np

from vigil.bench.alerts.estate import METRICS, ROUTE_SHARES, STEPS, WINDOW_S

PER_SERVICE = len(METRICS) * len(ROUTE_SHARES)


@dataclass(frozen=True, slots=True)
class PeerPage:
    """One page: when, and of which service; None stands for the service as cause too."""

    at_s: float
    service: int


@dataclass(slots=True)
class ThresholdGroupBy:
    """Thresholds from two quiet days, five minutes in a row, one page a service.

    Latency above twice its median, more than 5 % errors, less than 30 % of the median traffic.
    """

    name: str = "threshold + group by"
    _train: list[np.ndarray] = field(default_factory=list)
    _median: np.ndarray | None = None
    _run: np.ndarray | None = None
    _last_s: dict[int, float] = field(default_factory=dict)

    def day(self, time_s: np.ndarray, value: np.ndarray, mute: np.ndarray) -> list[PeerPage]:
        """value: (series, steps); mute: (services, steps) under maintenance."""
        if len(self._train) < 2:
            self._train.append(value)
            self._median = np.nanmedian(np.concatenate(self._train, axis=1), axis=1)
            return []
        assert self._median is not None
        metric = np.arange(len(value)) % len(METRICS)
        with np.errstate(invalid="ignore"):
            bad = np.select(
                [(metric == 0)[:, None], (metric == 1)[:, None]],
                [value < 0.3 * self._median[:, None], value > 0.05],
                value > 2 * self._median[:, None],
            )
        firing, self._run = _runs(bad, 5, self._run)
        return _grouped(time_s, firing, mute, self._last_s, quiet_s=300)


@dataclass(slots=True)
class PerSeriesZScore:
    """Four deviations from the mean of the last hour, three in a row; each series for itself."""

    name: str = "per-series z-score"
    _before: np.ndarray | None = None
    _run: np.ndarray | None = None
    _last_s: dict[int, float] = field(default_factory=dict)

    def day(self, time_s: np.ndarray, value: np.ndarray, mute: np.ndarray) -> list[PeerPage]:
        """See `ThresholdGroupBy.day`."""
        hour = 3600 // WINDOW_S
        before = value[:, :hour] if self._before is None else self._before
        known = np.nan_to_num(np.concatenate([before, value], axis=1))
        self._before = value[:, -hour:]
        sums = np.cumsum(np.pad(known, ((0, 0), (1, 0))), axis=1)
        squares = np.cumsum(np.pad(known**2, ((0, 0), (1, 0))), axis=1)
        mean = (sums[:, hour:-1] - sums[:, : -hour - 1]) / hour
        variance = (squares[:, hour:-1] - squares[:, : -hour - 1]) / hour - mean**2
        z = (np.nan_to_num(value) - mean) / np.sqrt(np.maximum(variance, 1e-12))
        metric = np.arange(len(value)) % len(METRICS)
        bad = np.where((metric == 0)[:, None], np.abs(z) > 4, z > 4)
        firing, self._run = _runs(bad, 3, self._run)
        pages = []
        for series, step in np.argwhere(firing):
            service = int(series) // PER_SERVICE
            last_s = self._last_s.get(int(series), 0.0)
            self._last_s[int(series)] = time_s[step]
            # Told again when it was quiet for half an hour.
            if time_s[step] - last_s > 1800 and not mute[service, step]:
                pages.append(PeerPage(time_s[step] + WINDOW_S, service))
        return pages


def _runs(bad: np.ndarray, length: int, before: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """True where the last `length` steps were all bad; the tail for the next day."""
    if before is None:
        before = np.zeros((len(bad), length - 1), bool)
    whole = np.concatenate([before, bad], axis=1)
    firing = np.ones_like(bad)
    for shift in range(length):
        firing &= whole[:, shift : shift + STEPS]
    return firing, whole[:, STEPS:]


def _grouped(
    time_s: np.ndarray,
    firing: np.ndarray,
    mute: np.ndarray,
    last_s: dict[int, float],
    quiet_s: float,
) -> list[PeerPage]:
    """A page when a service begins to fire."""
    services = firing.reshape(-1, PER_SERVICE, STEPS).any(axis=1) & ~mute
    pages = []
    for service, step in np.argwhere(services):
        before_s = last_s.get(int(service), 0.0)
        last_s[int(service)] = time_s[step]
        if time_s[step] - before_s > quiet_s:
            pages.append(PeerPage(time_s[step] + WINDOW_S, int(service)))
    return pages
