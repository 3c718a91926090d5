"""The same operation in two environments: how much slower is one, and how sure is that."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import bdtr, ndtri

LEAST_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """Median latency of `right` minus that of `left`, ms, with its confidence interval."""

    operation: str
    left: str
    right: str
    left_ms: float
    right_ms: float
    low_ms: float
    high_ms: float

    @property
    def difference_ms(self) -> float:
        """Right minus left."""
        return self.right_ms - self.left_ms

    @property
    def certain(self) -> bool:
        """The interval does not hold 0."""
        return self.low_ms > 0 or self.high_ms < 0


def compare_environments(
    spans: pl.DataFrame, left: str, right: str, confidence: float = 0.95
) -> list[Difference]:
    """Differences of the medians for each service and operation that both environments serve.

    `spans`: linked. Each side needs 20 requests. The interval needs no shape of the distribution:
    the variances of the medians are from order statistics (Price and Bonett 2002).
    """
    served = spans.filter(
        pl.col("environment").is_in([left, right])
        & pl.col("kind").is_in(["server", "consumer"]).fill_null(True)
    )
    medians: dict[tuple[object, ...], tuple[float, float]] = {}
    for key, group in served.group_by("service", "operation", "environment"):
        if group.height >= LEAST_REQUESTS:
            medians[key] = _median(group["duration_ms"].sort().to_numpy())
    quantile = float(ndtri(0.5 + confidence / 2))
    differences = []
    for service, operation in sorted({(str(key[0]), str(key[1])) for key in medians}):
        sides = [medians.get((service, operation, side)) for side in (left, right)]
        if sides[0] is None or sides[1] is None:
            continue
        (left_ms, left_var), (right_ms, right_var) = sides[0], sides[1]
        margin = quantile * float(np.sqrt(left_var + right_var))
        middle = right_ms - left_ms
        differences.append(
            Difference(
                f"{service} {operation}", left, right, left_ms, right_ms,
                middle - margin, middle + margin,
            )
        )  # fmt: skip
    return differences


def _median(ordered: np.ndarray) -> tuple[float, float]:
    """(median, its variance) of sorted values."""
    count = len(ordered)
    rank = max(round((count + 1) / 2 - np.sqrt(count)), 1)
    spread = ordered[count - rank] - ordered[rank - 1]
    sigmas = -2 * ndtri(bdtr(rank - 1, count, 0.5))
    return float(np.median(ordered)), float((spread / sigmas) ** 2)
