"""Why a journey is slower: its added time, taken apart without remainder."""

from dataclasses import dataclass

import polars as pl

# Less is not worth a word.
LEAST_TOLD_MS = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """A share of the change. `kind`: `self` (in a component), `network` (between two)."""

    kind: str
    where: str
    change_ms: float


@dataclass(frozen=True, slots=True)
class Excess:
    """The change of a journey's mean latency; the parts add up to it."""

    journey: str
    expected_ms: float
    actual_ms: float
    parts: tuple[Part, ...]

    @property
    def change_ms(self) -> float:
        """Actual minus expected."""
        return self.actual_ms - self.expected_ms

    def sentence(self, most: int = 3) -> str:
        """`+340 ms: 310 in payments@azure itself, 20 network onprem → azure, 10 other`."""
        large = [part for part in self.parts[:most] if abs(part.change_ms) >= LEAST_TOLD_MS]
        told = [f"{part.change_ms:.0f} {_words(part)}" for part in large]
        rest = self.change_ms - sum(part.change_ms for part in large)
        if abs(rest) >= LEAST_TOLD_MS:
            told.append(f"{rest:.0f} other")
        return f"{self.change_ms:+.0f} ms: {', '.join(told)}".removesuffix(": ")


def _words(part: Part) -> str:
    return f"in {part.where} itself" if part.kind == "self" else f"network {part.where}"


def decompose(before: pl.DataFrame, after: pl.DataFrame, journey: str) -> Excess | None:
    """What of a journey's change in mean latency happened where; None if either side has no trace.

    Both frames: spans with `journey`, `callee` and `critical_ms`. Time counts where the request
    waited for it, so parallel work is not counted twice and the parts add up exactly. The largest
    change in the direction of the whole comes first.
    """
    sides = [_means(frame.filter(pl.col("journey") == journey)) for frame in (before, after)]
    if any(side.is_empty() for side in sides):
        return None
    expected, actual = sides
    key = ["component", "callee"]
    changes = (
        expected.join(actual, on=key, how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col("mean_ms", "mean_ms_right").fill_null(0.0))
        .with_columns(change_ms=pl.col("mean_ms_right") - pl.col("mean_ms"))
    )
    total = changes["change_ms"].sum()
    ordered = changes.sort(
        pl.col("change_ms") * (1 if total >= 0 else -1), *key, descending=[True, False, False]
    )
    parts = [
        Part("self", row["component"], row["change_ms"])
        if row["callee"] is None
        else Part("network", f"{row['component']} → {row['callee']}", row["change_ms"])
        for row in ordered.iter_rows(named=True)
    ]
    expected_ms, actual_ms = changes["mean_ms"].sum(), changes["mean_ms_right"].sum()
    return Excess(journey, float(expected_ms), float(actual_ms), tuple(parts))


def _means(spans: pl.DataFrame) -> pl.DataFrame:
    traces = spans["trace_id"].n_unique()
    return spans.group_by("component", "callee").agg(mean_ms=pl.col("critical_ms").sum() / traces)
