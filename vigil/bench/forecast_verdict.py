"""What is asked of the forecasts, and whether the figures of `vigil bench forecast` say so.

A figure of few cases scatters: where it misses, but its 90 % interval reaches what is asked, the
answer is open, and more origins or series would tell.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vigil.bench.forecast import OURS

MOST_RELATIVE_MASE = 0.85
MOST_WORST_SERIES = 1.1
COVERED = {"covered_80": (0.77, 0.83), "covered_95": (0.93, 0.97)}
YES, NO, OPEN = "yes", "no", "open"


def verdict(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a horizon and thing asked: its figure over all families, the interval, yes/no/open;
    then what the bands of each family hold.

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
    return found


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
