"""What is asked of the forecasts, and whether the figures of `vigil bench forecast` say so.

A figure of few cases scatters: where it misses, but its 90 % interval reaches what is asked, the
answer is open, and more origins or series would tell. Of many families some miss in any case: so it
is also told how many of them would, were each band exactly right.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from statistics import NormalDist
from typing import Any

import numpy as np

from vigil.bench.forecast import OURS

MOST_RELATIVE_MASE = 0.85
MOST_WORST_SERIES = 1.1
COVERED = {"covered_80": (0.77, 0.83), "covered_95": (0.93, 0.97)}
# Of what a share was drawn from, in deviations: the ends of its 90 % interval lie so far apart.
INTERVAL_DEVIATIONS = 2 * NormalDist().inv_cdf(0.95)
# Fewer cases do not show how much the share of a family scatters.
LEAST_CASES = 30
YES, NO, OPEN = "yes", "no", "open"


def verdict(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a horizon and thing asked: its figure over all families, the interval, yes/no/open;
    then what the bands of each family hold, and how many shares of those with 30 cases miss: the
    interval is that of exact bands on as many cases, and it holds unless more do.

    rows: those of `forecast.summarise`. Empty without Vigil's.
    """
    ours = [row for row in rows if row["forecaster"] == OURS]
    found = []
    for own in (row for row in ours if row["family"] == "all"):
        error, worst = own["relative_mase"], own["worst_series"]
        low, high = own["relative_mase_low"], own["relative_mase_high"]
        found.append(_row(own, f"relative MASE < {MOST_RELATIVE_MASE}", error, low, high,
                          error < MOST_RELATIVE_MASE, low < MOST_RELATIVE_MASE))  # fmt: skip
        surely = own["worst_at_least"]
        found.append(_row(own, f"no series worse than {MOST_WORST_SERIES} × seasonal naive", worst,
                          surely, None, worst <= MOST_WORST_SERIES,
                          surely <= MOST_WORST_SERIES))  # fmt: skip
        found += _coverage(own)
        others = [row for row in rows if row["family"] == "all"
                  and row["horizon"] == own["horizon"] and row["forecaster"] != OURS]  # fmt: skip
        best = min(others, key=lambda row: row["relative_wis"])
        found.append(_row(own, f"WIS of {best['forecaster']}, the best other, over ours > 1",
                          best["relative_wis"], None, None, best["relative_wis"] > 1,
                          False))  # fmt: skip
    for own in (row for row in ours if row["family"] != "all"):
        found += _coverage(own)
    return found + _misses(ours)


def _misses(ours: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for horizon in dict.fromkeys(own["horizon"] for own in ours):
        families = [row for row in ours if row["family"] != "all" and row["horizon"] == horizon
                    and row["cases"] >= LEAST_CASES]  # fmt: skip
        missed, number = 0, np.asarray([1.0])
        for own, (name, (least, most)) in product(families, COVERED.items()):
            missed += not least <= own[name] <= most
            deviation = (own[f"{name}_high"] - own[f"{name}_low"]) / INTERVAL_DEVIATIONS
            chance = _miss_by_chance((most - least) / 2, deviation)
            # How probable each number of misses is, with one share more.
            number = np.convolve(number, [1 - chance, chance])
        if families:
            low, high = (int(np.searchsorted(number.cumsum(), end)) for end in (0.05, 0.95))
            asked = f"of {len(number) - 1} shares of families no more miss than of exact bands"
            found.append(_row({"family": "each", "horizon": horizon}, asked, missed, low, high,
                              missed <= high, False))  # fmt: skip
    return found


def _miss_by_chance(tolerance: float, deviation: float) -> float:
    """Of a share that is what it should be on average, normal around it."""
    return 2 * NormalDist().cdf(-tolerance / deviation) if deviation > 0 else 0.0


def _coverage(own: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, (least, most) in COVERED.items():
        share, low, high = (own[f"{name}{end}"] for end in ("", "_low", "_high"))
        asked = f"{name[-2:]} % band holds {least:.0%} to {most:.0%}"
        found.append(_row(own, asked, share, low, high, least <= share <= most,
                          low <= most and high >= least))  # fmt: skip
    return found


def _row(
    own: Mapping[str, Any], asked: str, value: float, low: float | None, high: float | None,
    holds: bool, may_hold: bool,
) -> dict[str, Any]:  # fmt: skip
    answer = YES if holds else OPEN if may_hold else NO
    return {"family": own["family"], "horizon": own["horizon"], "asked": asked, "value": value,
            "low": low, "high": high, "holds": answer}  # fmt: skip
