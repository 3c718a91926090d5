"""Decisions of one series over some hours as one compressed block of about four bytes a window.

Numbers are kept on a logarithmic grid: values within 0.2 %, p within 1.2 %. That is finer than
anybody reads them, and lets 30 days of 10,000 series fit on a laptop's disk. Rounding what is
already on the grid changes nothing.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import orjson
import polars as pl
import pyarrow as pa

BLOCK = timedelta(hours=4)
BLOCK_S = int(BLOCK.total_seconds())

# One row a window and revision; what the detector decided, and from what.
SCORES: Mapping[str, Any] = {
    "series_id": pl.Int64,
    "window_start": pl.Datetime("us", "UTC"),
    "revision": pl.Int32,
    "actual": pl.Float64,
    "weight": pl.Float64,
    "expected": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "p": pl.Float64,
    "score": pl.Float64,
    "flagged": pl.Boolean,
    "gate": pl.Int16,
    "warming_up": pl.Float32,
    "model": pl.String,
}

_CODEC = pa.Codec("zstd", compression_level=9)
_LENGTH_BYTES = 4
_MISSING = np.iinfo(np.int16).min
_LARGEST = np.iinfo(np.int16).max

# Values: the sign, and the logarithm in steps of 0.4 %, from 1e-12 upwards.
_SMALLEST = 1e-12
_STEP = 0.004
_P_STEPS_PER_DECADE = 100
_WARMING_STEPS = 200

# Those that move slowly are kept as differences from one window to the next.
_VALUES = ("actual", "weight", "expected", "lower", "upper")
_SLOW = frozenset({"expected", "lower", "upper"})
_LAYOUT: Mapping[str, Any] = {
    "offset_s": np.int16,
    **dict.fromkeys((*_VALUES, "p"), np.int16),
    "revision": np.uint8,
    "gate": np.int16,
    "warming_up": np.uint8,
    "model": np.uint8,
}


def on_grid(scores: pl.DataFrame) -> pl.DataFrame:
    """Scores (schema SCORES) as they are after a trip through a block; any order, order kept."""
    return _from_grid(_to_grid(scores), scores)


def encode_blocks(scores: pl.DataFrame) -> Iterator[tuple[int, datetime, int, bytes]]:
    """(series_id, block_start, windows, content) for unflagged scores (schema SCORES).

    A block starts at a multiple of BLOCK since the epoch.
    """
    at_s = pl.col("window_start").dt.epoch("s")
    placed = scores.with_columns(block_s=at_s // BLOCK_S * BLOCK_S)
    placed = placed.sort("series_id", "block_s", "window_start", "revision")
    grid = _to_grid(placed)
    bounds = placed.select(pl.struct("series_id", "block_s").rle_id())["series_id"].to_numpy()
    edges = np.flatnonzero(np.diff(bounds, prepend=-1, append=-1))
    series_ids, starts_s = placed["series_id"].to_numpy(), placed["block_s"].to_numpy()
    models = placed["model"]
    for first, after in itertools.pairwise(edges):
        names, index = np.unique(models[int(first) : int(after)].to_numpy(), return_inverse=True)
        columns = {name: column[first:after] for name, column in grid.items()}
        columns["model"] = index.astype(np.uint8)
        start_at = datetime.fromtimestamp(int(starts_s[first]), tz=placed["window_start"][0].tzinfo)
        yield int(series_ids[first]), start_at, int(after - first), _pack(columns, list(names))


def decode_blocks(blocks: Iterable[tuple[int, datetime, bytes]]) -> pl.DataFrame:
    """Scores (schema SCORES) of (series_id, block_start, content), in the order of the blocks."""
    grids: list[dict[str, np.ndarray]] = []
    series_ids, starts_s, models, counts = [], [], [], []
    for series_id, block_start, content in blocks:
        columns, names = _unpack(bytes(content))
        models.append(pl.Series(names, dtype=pl.String).gather(columns.pop("model")))
        grids.append(columns)
        series_ids.append(series_id)
        starts_s.append(int(block_start.timestamp()))
        counts.append(len(columns["offset_s"]))
    if not grids:
        return pl.DataFrame(schema=SCORES)
    grid = {name: np.concatenate([part[name] for part in grids]) for name in grids[0]}
    at_s = np.repeat(starts_s, counts) + grid["offset_s"]
    placed = pl.DataFrame(
        {
            "series_id": pl.Series(np.repeat(series_ids, counts), dtype=pl.Int64),
            "window_start": pl.Series(at_s * 1_000_000, dtype=pl.Int64)
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone("UTC"),
            "flagged": False,
            "model": pl.concat(models),
        }
    )
    return _from_grid(grid, placed)


def _to_grid(scores: pl.DataFrame) -> dict[str, np.ndarray]:
    """Columns as small integers, without the model's name."""
    values = {name: _grid_values(scores[name].to_numpy()) for name in _VALUES}
    p = np.clip(scores["p"].to_numpy(), 1e-150, 1.0)
    seconds = scores["window_start"].dt.epoch("s").to_numpy()
    return {
        "offset_s": (seconds % BLOCK_S).astype(np.int16),
        **values,
        "p": np.round(-np.log10(p) * _P_STEPS_PER_DECADE).astype(np.int16),
        "revision": np.minimum(scores["revision"].to_numpy(), 255).astype(np.uint8),
        "gate": scores["gate"].to_numpy().astype(np.int16),
        "warming_up": np.round(scores["warming_up"].to_numpy() * _WARMING_STEPS).astype(np.uint8),
    }


def _from_grid(grid: Mapping[str, np.ndarray], placed: pl.DataFrame) -> pl.DataFrame:
    """The inverse of `_to_grid`; identity, time, flag and model come from `placed`."""
    p = 10.0 ** (-grid["p"] / _P_STEPS_PER_DECADE)
    found = {name: pl.Series(_natural_values(grid[name])).fill_nan(None) for name in _VALUES}
    return placed.select(
        "series_id",
        "window_start",
        pl.Series("revision", grid["revision"]).cast(pl.Int32),
        *(found[name].alias(name) for name in _VALUES),
        pl.Series("p", p),
        pl.Series("score", 1 - p),
        "flagged",
        pl.Series("gate", grid["gate"]).cast(pl.Int16),
        pl.Series("warming_up", grid["warming_up"] / _WARMING_STEPS).cast(pl.Float32),
        "model",
    )


def _grid_values(values: np.ndarray) -> np.ndarray:
    values = values.astype(float)
    size = np.clip(np.abs(values), _SMALLEST, None)
    steps = np.minimum(np.round(np.log(size / _SMALLEST) / _STEP), _LARGEST)
    grid = np.where(np.isnan(values), _MISSING, np.sign(values) * steps)
    return grid.astype(np.int16)


def _natural_values(grid: np.ndarray) -> np.ndarray:
    size = np.abs(grid.astype(float))
    values = np.sign(grid) * _SMALLEST * np.exp(size * _STEP)
    return np.where(grid == _MISSING, np.nan, values)


def _pack(columns: Mapping[str, np.ndarray], models: list[str]) -> bytes:
    parts = [_planes(_differences(name, columns[name])) for name in _LAYOUT]
    header = orjson.dumps({"windows": len(columns["offset_s"]), "models": models})
    body = len(header).to_bytes(_LENGTH_BYTES, "little") + header + b"".join(parts)
    packed: bytes = _CODEC.compress(body, asbytes=True)
    return len(body).to_bytes(_LENGTH_BYTES, "little") + packed


def _unpack(content: bytes) -> tuple[dict[str, np.ndarray], list[str]]:
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    body: bytes = _CODEC.decompress(content[_LENGTH_BYTES:], length, asbytes=True)
    header_end = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "little")
    header = orjson.loads(body[_LENGTH_BYTES:header_end])
    windows, at = header["windows"], header_end
    columns = {}
    for name, kind in _LAYOUT.items():
        size = windows * np.dtype(kind).itemsize
        columns[name] = _sums(name, _joined(body[at : at + size], kind))
        at += size
    return columns, header["models"]


def _planes(column: np.ndarray) -> bytes:
    """All low bytes, then all high bytes: the latter are nearly constant and vanish."""
    size = column.dtype.itemsize
    return column.view(np.uint8).reshape(-1, size).T.tobytes()


def _joined(planes: bytes, kind: Any) -> np.ndarray:
    size = np.dtype(kind).itemsize
    return np.frombuffer(planes, np.uint8).reshape(size, -1).T.copy().view(kind).ravel()


def _differences(name: str, column: np.ndarray) -> np.ndarray:
    """Differences wrap around, and so do their sums: nothing is lost."""
    if name not in _SLOW and name != "offset_s":
        return np.ascontiguousarray(column)
    return np.diff(column, prepend=np.array([0], column.dtype))


def _sums(name: str, column: np.ndarray) -> np.ndarray:
    if name not in _SLOW and name != "offset_s":
        return column
    return np.cumsum(column, dtype=column.dtype)
