"""Does an ensemble with learned weights beat the default: learn on some families, judge on another.

The members' p-values of each series are made once; weights are learned from labels of the other
families, or from anomalies injected into the warm-up of the series itself, and judged by VUS-PR
after the warm-up.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vigil.backtest.ensembling import learn_on
from vigil.bench.measures import vus_pr
from vigil.bench.series import LabelledSeries, read_families
from vigil.detect.ensemble import EQUAL, MEMBERS, Ensemble, Weights, combine, pooled
from vigil.detect.series import detect_series

VARIANTS = ("default", "equal", "learned_elsewhere", "learned_by_injection")


def cross_validate_ensemble(
    folder: Path, tick: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """A row a family held out, and all of them: VUS-PR of each variant, and the learned weights.

    Series without an anomaly after the warm-up have no VUS-PR. `tick` after each series. Raises
    InputError where there are no files.
    """
    families = read_families(folder)
    p: dict[str, list[np.ndarray]] = {}
    for family, items in families.items():
        p[family] = []
        for item in items:
            p[family].append(Ensemble().members(item.time_s, item.value))
            tick()
    rows = []
    volumes: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for family, items in families.items():
        learned = _from_others(family, families, p)
        found: dict[str, list[float]] = {name: [] for name in VARIANTS}
        for item, members in zip(items, p[family], strict=True):
            labels = item.labels[item.start :]
            if labels.any():
                for name, score in _scores(item, members, learned).items():
                    found[name].append(vus_pr(labels, score[item.start :]))
        rows.append(_row(family, found, learned))
        for name in VARIANTS:
            volumes[name] += found[name]
    return [*rows, _row("all, held out", volumes, None)]


def _from_others(
    family: str,
    families: Mapping[str, Sequence[LabelledSeries]],
    p: Mapping[str, Sequence[np.ndarray]],
) -> Weights:
    return pooled(
        [
            (members[item.start :], item.labels[item.start :])
            for name, items in families.items()
            if name != family
            for item, members in zip(items, p[name], strict=True)
        ]
    )


def _scores(item: LabelledSeries, p: np.ndarray, learned: Weights) -> dict[str, np.ndarray]:
    index = pd.to_datetime(item.time_s[: item.start], unit="s")
    warm_up = pd.Series(item.value[: item.start], index=index).ffill().bfill()
    return {
        "default": detect_series(item.time_s, item.value).score,
        "equal": combine(p, EQUAL),
        "learned_elsewhere": combine(p, learned),
        "learned_by_injection": combine(p, learn_on(warm_up)),
    }


def _row(family: str, found: Mapping[str, Sequence[float]], learned: Weights | None) -> dict:
    means = {name: round(float(np.mean(f)), 4) if f else None for name, f in found.items()}
    weights = dict.fromkeys(("combination", *MEMBERS))
    if learned is not None:
        shares = {name: round(share, 2) for name, share in learned.document()["weights"].items()}
        weights = {"combination": learned.combination, **shares}
    return {"family": family, **means, **weights}
