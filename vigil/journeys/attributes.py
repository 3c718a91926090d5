"""What bad requests have in common: the combination of attributes that tells them best."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from vigil.journeys.tails import beta_binomial_tail

MOST_VALUES = 1_000
# What tells bad from good by less is true of many requests that are well.
LEAST_DIFFERENCE = 0.2


@dataclass(frozen=True, slots=True)
class Subset:
    """A combination. `of_bad`, `of_good`: the part of the bad and of the good requests in it.

    `p`: chance of such a difference or a larger one where there is none, times the number of
    combinations that were looked at (Bonferroni).
    """

    values: tuple[tuple[str, str], ...]
    of_bad: float
    of_good: float
    requests: int
    p: float

    def sentence(self) -> str:
        """`97 % of bad requests have version 1.8.2, region eu-1 (4 % of the others)`."""
        named = ", ".join(f"{name} {value}" for name, value in self.values)
        return f"{self.of_bad:.0%} of bad requests have {named} ({self.of_good:.0%} of the others)"


def common_attributes(
    requests: pl.DataFrame,
    bad: str,
    attributes: Sequence[str],
    most: int = 3,
    significance: float = 0.001,
) -> list[Subset]:
    """Combinations of up to `most` attributes that separate bad from good, the best first.

    `bad`: a boolean column. A combination is better the larger `of_bad − of_good` (Youden's J);
    a longer one must beat what it is made of, so nothing is added that tells no more. Counting is
    one group-by for each set of attributes. Attributes with more than 1,000 values (ids) are left
    out, and so are differences below 0.2. The test is beta-binomial: the share that is expected of
    the bad is known from the good ones only, the less the fewer they are.
    """
    usable = [name for name in attributes if requests[name].n_unique() <= MOST_VALUES]
    bad_count = int(requests[bad].sum())
    good_count = requests.height - bad_count
    if not bad_count or not good_count or not usable:
        return []
    counted = [
        _count(requests, bad, names)
        for size in range(1, min(most, len(usable)) + 1)
        for names in combinations(usable, size)
    ]
    tried = sum(frame.height for frame in counted)
    found = [
        subset
        for frame in counted
        for subset in _significant(frame, bad_count, good_count, tried, significance)
    ]
    found.sort(key=lambda s: (s.of_good - s.of_bad, len(s.values), s.values))
    return _without_idle_parts(found)


def _count(requests: pl.DataFrame, bad: str, names: Sequence[str]) -> pl.DataFrame:
    text = [pl.col(name).cast(pl.String) for name in names]
    return (
        requests.select(*text, pl.col(bad))
        .drop_nulls()
        .group_by(*names)
        .agg(bad=pl.col(bad).sum(), requests=pl.len())
    )


def _significant(
    frame: pl.DataFrame, bad_count: int, good_count: int, tried: int, significance: float
) -> list[Subset]:
    seen = frame["bad"].to_numpy().astype(float)
    size = frame["requests"].to_numpy()
    good = size - seen
    of_bad, of_good = seen / bad_count, good / good_count
    bads = np.full_like(seen, bad_count)
    chance = beta_binomial_tail(seen, bads, good + 1, good_count - good + 1)
    p = np.minimum(chance * tried, 1)
    names = [name for name in frame.columns if name not in ("bad", "requests")]
    keep = np.flatnonzero((p < significance) & (of_bad - of_good >= LEAST_DIFFERENCE))
    rows = frame.select(names).rows()
    return [
        Subset(
            tuple(zip(names, rows[i], strict=True)),
            float(of_bad[i]), float(of_good[i]), int(size[i]), float(p[i]),
        )
        for i in keep.tolist()
    ]  # fmt: skip


def _without_idle_parts(found: list[Subset]) -> list[Subset]:
    """Drops combinations that hold a better or equal one within them."""
    kept: list[Subset] = []
    for subset in found:
        values = set(subset.values)
        if not any(set(other.values) < values for other in kept):
            kept.append(subset)
    return kept
