"""Tumbling event-time windows with allowed lateness and revisions, in columns.

A window is emitted once the watermark has passed its end (revision 0), and again, with the next
revision, when late events within the allowed lateness have changed it. Later events are handed
back as late. A key that falls silent keeps emitting empty windows for a while: no traffic is a
measurement too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from vigil.windows.folds import Fold, Parts
from vigil.windows.watermark import UNSEEN, Progress, Watermark

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How the stream is cut. All in seconds."""

    window_s: int = 10
    out_of_order_s: int = 5
    lateness_s: int = 60
    silence_s: int = 6 * 3600

    @property
    def window_us(self) -> int:
        """Length of a window in µs."""
        return self.window_s * SECOND_US

    @property
    def lateness_us(self) -> int:
        """Allowed lateness in µs."""
        return self.lateness_s * SECOND_US


class TumblingWindows:
    """Folds records into windows; one instance per topic.

    Memory: one row per key and window that is open or may still be revised. Each window's parts are
    apart, so that a step touches only the windows that its records fall into.
    """

    def __init__(self, spec: WindowSpec, fold: Fold) -> None:
        self.spec = spec
        self.fold = fold
        self.watermark = Watermark(spec.out_of_order_s * SECOND_US)
        self._id = fold.id_name
        self._parts: dict[int, Parts] = {}
        window = {self._id: pl.Int64, "window_start": pl.Int64}
        self._emitted = pl.DataFrame(schema={**window, "revision": pl.Int32})
        self._changed = pl.DataFrame(schema=window)
        self._closed_to_us = UNSEEN
        self._keys = pl.DataFrame(
            schema={self._id: pl.Int64, "filled_to": pl.Int64, "last_seen": pl.Int64}
        )

    def push(
        self, partition: int, records: pl.DataFrame, progress: Progress | None = None
    ) -> pl.DataFrame:
        """Take records of one partition in arrival order; returns those that came too late.

        `records` has the fold's columns, its id and `time` (Datetime µs). The late ones come
        with `window_start` (epoch µs). `progress` is the partition's where it has more records
        than these.
        """
        times_us = records["time"].dt.epoch("us").to_numpy()
        if progress is None:
            in_force = self.watermark.observe(partition, times_us)
        else:
            in_force = self.watermark.follow(partition, progress)
        placed, too_late = place(records, self.spec, in_force)
        if placed.height:
            self._merge(self.fold.partial(placed))
        return too_late

    def add(self, parts: Parts) -> pl.DataFrame:
        """Take parts that others have folded (`PartialWindows`); returns the `sums` of windows that
        are forgotten already.
        """
        kept_after_us = self.watermark.current_us - (self.spec.window_us + self.spec.lateness_us)
        # Further back than any instant before the first event.
        late = pl.col("window_start") <= max(kept_after_us, UNSEEN)
        too_late = parts["sums"].filter(late)
        if too_late.height:
            parts = {name: part.filter(~late) for name, part in parts.items()}
        if parts["sums"].height:
            self._merge(self.fold.merge(parts))
        return too_late

    def _merge(self, partial: Parts) -> None:
        for start, parts in _by_window(partial).items():
            known = self._parts.get(start)
            if known is None:
                self._parts[start] = parts
            else:
                self._parts[start] = self.fold.merge(
                    {name: pl.concat([known[name], parts[name]]) for name in parts}
                )
        touched = partial["sums"].select(self._id, "window_start")
        self._changed = pl.concat([self._changed, touched]).unique()
        seen = touched.group_by(self._id).agg(
            filled_to=pl.col("window_start").min(), last_seen=pl.col("window_start").max()
        )
        self._keys = (
            pl.concat([self._keys, seen])
            .group_by(self._id)
            .agg(pl.col("filled_to").min(), pl.col("last_seen").max())
        )

    def emit(self, finish: bool = False) -> pl.DataFrame:
        """Windows that the watermark has closed or that late events have changed since.

        Columns of the fold's `close`, plus `window_s` and `revision`; `window_start` is a
        Datetime (µs, UTC). Sorted by window and id. With `finish`, everything that arrived is
        closed, as at the end of a file.
        """
        if finish:
            watermark = self.watermark.finish(self.spec.window_us)
        else:
            watermark = self.watermark.advance()
        closed_to_us = watermark // self.spec.window_us * self.spec.window_us
        ended = pl.col("window_start") + self.spec.window_us <= watermark
        due = self._changed.filter(ended) if watermark != UNSEEN else self._changed.clear()
        if due.is_empty() and closed_to_us <= self._closed_to_us:
            return self._render(self.fold.empty(), self._emitted.clear())
        if self.fold.fills_silence:
            self._fill_silence(watermark)
            due = self._changed.filter(ended)
        self._closed_to_us = closed_to_us
        self._changed = self._changed.filter(~ended)
        due = due.join(self._emitted, on=[self._id, "window_start"], how="left").with_columns(
            revision=(pl.col("revision") + 1).fill_null(0).cast(pl.Int32)
        )
        rendered = self._render(self._chosen(due), due)
        self._remember(due, watermark)
        return rendered

    def _chosen(self, due: pl.DataFrame) -> Parts:
        """The parts of what is due, of all windows together."""
        found: dict[str, list[pl.DataFrame]] = {
            name: [part] for name, part in self.fold.empty().items()
        }
        for (start,), rows in due.group_by("window_start", maintain_order=True):
            parts = self._parts[start]
            whole = rows.height == parts["sums"].height
            for name, part in parts.items():
                found[name].append(part if whole else part.join(rows, on=self._id, how="semi"))
        return {name: pl.concat(parts) for name, parts in found.items()}

    def _fill_silence(self, watermark: int) -> None:
        """Add empty windows for keys that had none up to the watermark."""
        step = self.spec.window_us
        closed_to = watermark // step * step
        last = pl.min_horizontal(
            pl.lit(closed_to - step), pl.col("last_seen") + self.spec.silence_s * SECOND_US
        )
        gaps = (
            self._keys.filter(pl.col("filled_to") <= last)
            .select(self._id, window_start=pl.int_ranges("filled_to", last + 1, step))
            .explode("window_start")
            .join(self._present(), on=[self._id, "window_start"], how="anti")
            .join(self._emitted, on=[self._id, "window_start"], how="anti")
        )
        silent_since = closed_to - self.spec.silence_s * SECOND_US
        self._keys = self._keys.filter(pl.col("last_seen") >= silent_since).with_columns(
            filled_to=pl.max_horizontal("filled_to", pl.lit(closed_to))
        )
        if gaps.is_empty():
            return
        empty = self.fold.empty()
        zeros = [
            pl.lit(0, kind).alias(name)
            for name, kind in empty["sums"].schema.items()
            if name not in (self._id, "window_start", "duration_ms_max")
        ]
        silent = gaps.with_columns(*zeros, duration_ms_max=pl.lit(None, pl.Float64))
        for start, parts in _by_window({"sums": silent.select(empty["sums"].columns)}).items():
            known = self._parts.get(start, empty)
            self._parts[start] = {**known, "sums": pl.concat([known["sums"], parts["sums"]])}
        self._changed = pl.concat([self._changed, gaps])

    def _present(self) -> pl.DataFrame:
        """(id, window_start) of every window that is kept."""
        kept = [parts["sums"].select(self._emitted.columns[:2]) for parts in self._parts.values()]
        return pl.concat([self._emitted.select(self._emitted.columns[:2]).clear(), *kept])

    def _remember(self, due: pl.DataFrame, watermark: int) -> None:
        """Note what was emitted; forget windows that can no longer be revised."""
        oldest = watermark - (self.spec.window_us + self.spec.lateness_us)
        emitted = self._emitted.join(due, on=[self._id, "window_start"], how="anti")
        self._emitted = pl.concat([emitted, due]).filter(pl.col("window_start") > oldest)
        self._parts = {start: parts for start, parts in self._parts.items() if start > oldest}

    def _render(self, parts: Parts, due: pl.DataFrame) -> pl.DataFrame:
        closed = self.fold.close(parts).join(due, on=[self._id, "window_start"], how="inner")
        return closed.sort("window_start", self._id).with_columns(
            pl.col("window_start").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            window_s=pl.lit(self.spec.window_s, pl.Int32),
        )

    def state(self) -> dict[str, pl.DataFrame]:
        """Everything needed to go on after a restart, as frames."""
        mark = self.watermark
        partitions = pl.DataFrame(
            {
                "partition": list(mark.newest_us),
                "newest_us": list(mark.newest_us.values()),
                "idle": [part in mark.idle for part in mark.newest_us],
                "current_us": [mark.current_us] * len(mark.newest_us),
            },
            schema={
                "partition": pl.Int64,
                "newest_us": pl.Int64,
                "idle": pl.Boolean,
                "current_us": pl.Int64,
            },
        )
        parts = {
            f"part_{name}@{start}": part
            for start, parts in self._parts.items()
            for name, part in parts.items()
        }
        own = {"emitted": self._emitted, "changed": self._changed, "keys": self._keys}
        return {"watermark": partitions, **own, **parts}

    def restore(self, state: Mapping[str, pl.DataFrame]) -> None:
        """Go on from `state()`."""
        self._emitted, self._changed = state["emitted"], state["changed"]
        self._keys = state["keys"]
        # A checkpoint of an older version has the parts of all windows in one frame.
        parts = {
            name: pl.concat(
                [empty, *(rows for key, rows in state.items() if _part_name(key) == name)]
            )
            for name, empty in self.fold.empty().items()
        }
        self._parts = _by_window(parts)
        for partition, newest_us, idle, current_us in state["watermark"].iter_rows():
            self.watermark.newest_us[partition] = newest_us
            self.watermark.current_us = current_us
            if idle:
                self.watermark.idle.add(partition)


def place(
    records: pl.DataFrame, spec: WindowSpec, in_force: np.ndarray
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(records, those that came too late), both with their `window_start` (epoch µs).

    in_force: int64 (n,), the watermark as each record arrived.
    """
    times_us = records["time"].dt.epoch("us").to_numpy()
    start = times_us // spec.window_us * spec.window_us
    placed = records.with_columns(pl.Series("window_start", start, pl.Int64))
    # A window is forgotten `lateness` after its end; adding keeps clear of UNSEEN's edge.
    late = start + (spec.window_us + spec.lateness_us) <= in_force
    if late.any():
        return placed.filter(~late), placed.filter(late)
    return placed, placed.clear()


def _part_name(key: str) -> str:
    """The name of the part that a frame of the state holds, empty for the other frames."""
    return key.partition("@")[0].removeprefix("part_") if key.startswith("part_") else ""


def _by_window(parts: Parts) -> dict[int, Parts]:
    """Window start → its parts, every name in each; the oldest window first."""
    apart = {
        name: part.partition_by("window_start", as_dict=True, maintain_order=True)
        for name, part in parts.items()
    }
    starts = sorted({start for found in apart.values() for (start,) in found})
    return {
        start: {name: found.get((start,), parts[name].clear()) for name, found in apart.items()}
        for start in starts
    }
