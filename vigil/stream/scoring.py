"""Observations to decisions: the online detector, with what the promoted model expects."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from vigil.detect import Decisions, MetricKind, Observations, OnlineDetector, Prior
from vigil.detect.calendar import calendar_of
from vigil.detect.feedback import Label, learn_labels
from vigil.stores.bundle import Bundle
from vigil.stores.score_blocks import SCORES
from vigil.windows.tumbling import WindowSpec

ONLINE_MODEL = "online"

_KINDS = {
    "request_rate": MetricKind.RATE,
    "error_ratio": MetricKind.RATIO,
    "latency_ms_p95": MetricKind.LATENCY,
}

# Columns of the ledger that the detector fills; the others it is given.
_GIVEN = ("series_id", "window_start", "revision", "actual", "weight")
DECIDED: dict[str, Any] = {name: kind for name, kind in SCORES.items() if name not in _GIVEN}
_EXPECTED = {name: SCORES[name] for name in ("expected", "model")}


class Scoring:
    """Scores each window once per revision; only the first moves the detector's state."""

    def __init__(self, spec: WindowSpec, detector: OnlineDetector) -> None:
        self.detector = detector
        self.bundle: Bundle | None = None
        self.labelled_to = 0
        self._window_us, self._silence_us = spec.window_us, spec.silence_s * 1_000_000
        self._keep_us = spec.window_us + spec.lateness_us
        window: dict[str, Any] = {
            "series_id": pl.Int64,
            "window_start": pl.Datetime("us", "UTC"),
        }
        # What was expected of windows that may still be revised.
        self._keep(pl.DataFrame(schema={**window, **_EXPECTED}))
        self._scored_to = pl.DataFrame(
            schema={"series_id": pl.Int64, "scored_to": window["window_start"]}
        )

    def score(self, observed: pl.DataFrame) -> pl.DataFrame:
        """Observations with the decision columns (`actual` for `value`), by window and series."""
        ordered = observed.sort("window_start", "series_id").rename({"value": "actual"})
        placed = ordered.join(self._scored_to, on="series_id", how="left", maintain_order="left")
        in_order = pl.col("window_start") > pl.col("scored_to")
        fresh = placed.filter(in_order.fill_null(True)).drop("scored_to")
        revised = placed.filter(~in_order.fill_null(True)).drop("scored_to")
        first = self._decide(fresh)
        parts = [first]
        if revised.height:
            parts.append(self._revise(revised, first))
        self._remember(first)
        return pl.concat(parts).sort("window_start", "series_id")

    def absences(self, closed_us: int) -> pl.DataFrame:
        """(series_id, window_start) where a series is silent for longer than it ever is.

        Windows that start before `closed_us` and were not scored yet; a series that stays away
        is given up after the time that silent keys are kept for.
        """
        series_id, overdue_s = self.detector.silence()
        found = pl.DataFrame(
            {
                "series_id": series_id,
                "from": (overdue_s * 1e6).astype(np.int64) // self._window_us + 1,
                "to": ((overdue_s * 1e6).astype(np.int64) + self._silence_us) // self._window_us,
            }
        ).join(self._scored_to, on="series_id", how="left")
        after = pl.col("scored_to").dt.epoch("us") // self._window_us + 1
        until = pl.min_horizontal("to", pl.lit(closed_us // self._window_us - 1))
        number = pl.int_ranges(pl.max_horizontal("from", after), until + 1)
        start = pl.from_epoch(pl.col("number") * self._window_us, time_unit="us")
        return (
            found.with_columns(number=number)
            .explode("number")
            .drop_nulls("number")
            .select("series_id", window_start=start.dt.replace_time_zone("UTC"))
        )

    def _decide(self, fresh: pl.DataFrame) -> pl.DataFrame:
        observations = self._observations(fresh)
        prior, model = self._prior(observations.series_id, observations.time_s)
        decisions = self.detector.update(observations, prior)
        return fresh.with_columns(*_columns(decisions), pl.Series("model", model, pl.String))

    def _prior(self, series_id: np.ndarray, time_s: np.ndarray) -> tuple[Prior | None, Any]:
        if self.bundle is None:
            return None, [ONLINE_MODEL] * len(series_id)
        expected, spread = self.bundle.prior(series_id, time_s)
        names = np.array([ONLINE_MODEL, self.bundle.bundle_id])
        return Prior(expected, spread), names[np.isfinite(expected).astype(int)]

    def _revise(self, revised: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
        """Decisions for windows already scored, against what was expected of them then."""
        window = ["series_id", "window_start"]
        known = pl.concat([self._recent, first.select(self._recent.columns)])
        known = known.unique(window, keep="last")
        placed = revised.join(known, on=window, how="left", maintain_order="left")
        decisions = self.detector.reassess(
            self._observations(placed), placed["expected"].fill_null(np.nan).to_numpy()
        )
        model = placed["model"].fill_null(ONLINE_MODEL)
        return revised.with_columns(*_columns(decisions), model)

    def _remember(self, first: pl.DataFrame) -> None:
        """Keep the decisions that may still be revised, and how far each series has come."""
        if first.is_empty():
            return
        newest = first.group_by("series_id").agg(scored_to=pl.col("window_start").max())
        self._scored_to = (
            pl.concat([self._scored_to, newest])
            .group_by("series_id")
            .agg(pl.col("scored_to").max())
        )
        kept = pl.concat([self._recent, first.select(self._recent.columns)])
        horizon = pl.duration(microseconds=self._keep_us)
        still = kept.join(self._scored_to, on="series_id", maintain_order="left").filter(
            pl.col("window_start") + horizon >= pl.col("scored_to")
        )
        self._keep(still.drop("scored_to"))

    def _keep(self, recent: pl.DataFrame) -> None:
        """For the checkpoint each window's are a frame of their own: once there, they stay."""
        self._recent = recent
        apart = recent.partition_by("window_start", as_dict=True, maintain_order=True)
        self._recent_by_window = {
            f"recent@{start.isoformat()}": rows for (start,), rows in apart.items()
        }

    def learn(self, labels: Sequence[Label]) -> None:
        """Take operators' verdicts; those that are known already change nothing."""
        fresh = [label for label in labels if label.label_id > self.labelled_to]
        learn_labels(self.detector, fresh)
        self.labelled_to = max([self.labelled_to, *(label.label_id for label in fresh)])

    def copy(self) -> "Scoring":
        """An independent one that knows the same."""
        # Frames never change in place; the detector's arrays do.
        twin = copy.copy(self)
        twin.detector = OnlineDetector.restore(self.detector.settings, self.detector.state())
        return twin

    def _observations(self, rows: pl.DataFrame) -> Observations:
        metric = rows["metric"]
        kinds = metric.replace_strict(_KINDS, default=MetricKind.GENERIC, return_dtype=pl.Int8)
        calendars = self.detector.settings.calendars
        return Observations(
            series_id=rows["series_id"].to_numpy(),
            time_s=rows["window_start"].dt.epoch("us").to_numpy() / 1e6,
            value=rows["actual"].fill_null(np.nan).to_numpy(),
            weight=rows["weight"].to_numpy(),
            kind=kinds.to_numpy(),
            calendar=calendar_of(rows, calendars) if calendars else None,
        )

    def state(self) -> dict[str, pl.DataFrame]:
        """For the checkpoint, beside the detector's own."""
        labelled = pl.DataFrame({"label_id": [self.labelled_to]})
        return {**self._recent_by_window, "scored_to": self._scored_to, "labelled": labelled}

    def restore(
        self, state: Mapping[str, pl.DataFrame], detector: Mapping[str, np.ndarray]
    ) -> None:
        """Go on from `state()` and the detector's state."""
        nothing = self._recent.clear()
        recent = [
            rows.select(nothing.columns)
            for name, rows in state.items()
            if name.partition("@")[0] == "recent"
        ]
        self._keep(pl.concat([nothing, *recent]))
        self._scored_to = state["scored_to"]
        self.labelled_to = state["labelled"].item()
        self.detector = OnlineDetector.restore(self.detector.settings, detector)


def kind_of(metric: str) -> MetricKind:
    """What a metric of that name measures."""
    return _KINDS.get(metric, MetricKind.GENERIC)


def _columns(decisions: Decisions) -> list[pl.Series]:
    """Decision columns; what is not a number becomes null, as databases expect."""
    names = [name for name in DECIDED if name != "model"]
    return [
        pl.Series(name, getattr(decisions, name)).cast(DECIDED[name]).fill_nan(None)
        if DECIDED[name].is_float()
        else pl.Series(name, getattr(decisions, name)).cast(DECIDED[name])
        for name in names
    ]
