"""`vigil bench breach`: drifts with known ends; other seeds make the record than are judged."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from vigil.forecast.record import (
    TRIGGER,
    BreachRecord,
    joined,
    recalibrated,
    reliability,
    replay,
    standing,
)
from vigil.simulate.drifts import DAY_STEPS, HISTORY_DAYS, KINDS, STEP_S, simulate_drift

HORIZON_STEPS = 48
EVERY_STEPS = 6
PATHS = 300
LEAST_LEAD_S = 1_800.0
# Seeds of the verdict lie far from those of the record.
JUDGED_FROM_SEED = 10_000
LEAST_BIN, MOST_OFF = 30, 0.1


def bench_breach(
    record_seeds: int, judged_seeds: int, tick: Callable[[], None] = lambda: None
) -> tuple[dict[str, Any], BreachRecord]:
    """(figures, judged record): probabilities recalibrated on the record of the other seeds.

    `holds` says whether recall is at least 0.9 with half an hour of lead, precision 0.8, and every
    bin of 30 forecasts within 0.1 of what came true.
    """
    record = _replayed(range(record_seeds), tick)
    raw = _replayed(range(JUDGED_FROM_SEED, JUDGED_FROM_SEED + judged_seeds), tick)
    judged = replace(raw, probability=recalibrated(raw.probability, record))
    least = int(LEAST_LEAD_S / STEP_S)
    found = standing(judged, TRIGGER, least)
    bins = reliability(judged)
    off = max(
        (abs(row["probability"] - row["came_true"]) for row in bins
         if row["forecasts"] >= LEAST_BIN), default=0.0,
    )  # fmt: skip
    figures = {
        "horizon_h": HORIZON_STEPS * STEP_S / 3_600,
        "trigger": TRIGGER,
        **{name: round(value, 3) for name, value in asdict(found).items()},
        "lead_h": round(found.lead_steps * STEP_S / 3_600, 2),
        "brier_uncalibrated": round(standing(raw, TRIGGER, least).brier, 4),
        "largest_bin_error": round(off, 3),
        "record_deserves_warnings": standing(record).deserves_warnings,
        "reliability": bins,
    }
    figures["holds"] = found.recall >= 0.9 and found.hit_rate >= 0.8 and off <= MOST_OFF
    return figures, judged


def replays(record_seeds: int, judged_seeds: int) -> int:
    """Number of series replayed, for a progress bar."""
    return (record_seeds + judged_seeds) * len(KINDS)


def _replayed(seeds: Sequence[int], tick: Callable[[], None]) -> BreachRecord:
    records = []
    for seed in seeds:
        for number, kind in enumerate(KINDS):
            drift = simulate_drift(kind, seed)
            end = drift.breach_step or len(drift.value)
            origins = range(HISTORY_DAYS * DAY_STEPS, end, EVERY_STEPS)
            series = seed * len(KINDS) + number
            records.append(
                replay(drift.value, DAY_STEPS, drift.threshold, HORIZON_STEPS, origins, series,
                       PATHS)
            )  # fmt: skip
            tick()
    return joined(records)


def plot_reliability(path: Path, judged: BreachRecord) -> None:
    """PNG: share that came true against the probability given, and how often each was given."""
    from matplotlib.figure import Figure

    rows = reliability(judged)
    figure = Figure(figsize=(5, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    ends = np.array([0.0, 1.0])
    above.fill_between(ends, ends - MOST_OFF, ends + MOST_OFF, alpha=0.12, lw=0)
    above.plot(ends, ends, lw=0.8, color="black")
    for row in rows:
        sure = row["forecasts"] >= LEAST_BIN
        above.plot(row["probability"], row["came_true"], "o" if sure else "x", color="tab:blue")
    above.set(ylabel="share that came true", xlim=(0, 1), ylim=(0, 1),
              title=f"o: at least {LEAST_BIN} forecasts, x: fewer")  # fmt: skip
    below.bar([row["from"] + 0.05 for row in rows], [row["forecasts"] for row in rows], width=0.09)
    below.set(yscale="log", ylabel="forecasts", xlabel="probability given")
    figure.savefig(path, dpi=110)
