"""The scorer's state in parts: Arrow frames, safetensors arrays and JSON, each under a name.

Chosen over pickle so that a checkpoint can be opened with standard tools and never runs code. Large
arrays are cut into blocks of series, and what belongs to a window is a part of its own: from one
checkpoint to the next most parts stay as they are, and only the others are written.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import orjson
import polars as pl
from safetensors.numpy import load, save

from vigil.stores.checkpoint import WHOLE, Part
from vigil.stream.packing import Arrays, Frames, ipc_bytes, unpack

ROWS_PER_BLOCK = 4_096
# Of a wide table, such as the profile of the day, a window changes one column.
COLUMNS_PER_BLOCK = 8
WIDE = 64


@dataclass(frozen=True, slots=True)
class State:
    """Everything needed to go on. Frames never change; the arrays are those of `ArrayCopies`."""

    frames: Frames = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)

    def parts(self) -> dict[str, Part]:
        """Name → part. Equal content gives equal bytes."""
        found = {
            document_part(name): Part(content, partial(orjson.dumps, content))
            for name, content in self.documents.items()
        }
        for group, members in self.frames.items():
            for name, frame in members.items():
                found[f"{group}/{name}.arrow"] = Part(frame, partial(ipc_bytes, frame))
        for group, columns in self.arrays.items():
            for name, array in columns.items():
                for at, block in _blocks(array):
                    content = partial(_tensor, block)
                    found[f"{group}/{name}@{at}.safetensors"] = Part(array, content)
        return found

    @classmethod
    def of(cls, parts: Mapping[str, bytes]) -> "State":
        """The state whose parts have these contents."""
        if WHOLE in parts:
            return cls(*unpack(parts[WHOLE]))
        frames: dict[str, dict[str, pl.DataFrame]] = {}
        blocks: dict[str, dict[str, dict[tuple[int, int], np.ndarray]]] = {}
        documents: dict[str, Any] = {}
        for path, content in parts.items():
            stem, _, kind = path.rpartition(".")
            group, _, name = stem.rpartition("/")
            if kind == "arrow":
                frames.setdefault(group, {})[name] = pl.read_ipc(io.BytesIO(content))
            elif kind == "safetensors":
                name, _, at = name.rpartition("@")
                row, column = map(int, at.split("-"))
                places = blocks.setdefault(group, {}).setdefault(name, {})
                places[row, column] = load(content)[""]
            else:
                documents[stem] = orjson.loads(content)
        arrays = {
            group: {name: _whole(places) for name, places in columns.items()}
            for group, columns in blocks.items()
        }
        return cls(frames, arrays, documents)


def document_part(name: str) -> str:
    """The part that holds the document of this name."""
    return f"{name}.json"


class ArrayCopies:
    """Copies of arrays as they are at one moment, in memory that the next copies use again.

    New memory would cost more than the copying. What `of` gives is good until it is called again.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, np.ndarray] = {}
        self._copies: dict[str, np.ndarray] = {}
        self._version: object = None

    def of(self, arrays: Mapping[str, np.ndarray], version: object) -> Mapping[str, np.ndarray]:
        """Copies; of an equal version as the last time, the very same arrays."""
        if version != self._version:
            self._copies = {name: self._copy(name, array) for name, array in arrays.items()}
            self._version = version
        return self._copies

    def _copy(self, name: str, array: np.ndarray) -> np.ndarray:
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < len(array):
            buffer = np.empty((len(array) * 5 // 4, *array.shape[1:]), array.dtype)
            self._buffers[name] = buffer
        copied = buffer[: len(array)]
        np.copyto(copied, array)
        return copied


def _tensor(block: np.ndarray) -> bytes:
    return save({"": np.ascontiguousarray(block)})


def _blocks(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    wide = array.ndim > 1 and array.shape[-1] >= WIDE
    step = COLUMNS_PER_BLOCK if wide else 1
    for row in range(0, max(1, len(array)), ROWS_PER_BLOCK):
        rows = array[row : row + ROWS_PER_BLOCK]
        for column in range(0, array.shape[-1] if wide else 1, step):
            block = rows[..., column : column + step] if wide else rows
            yield f"{row}-{column}", block


def _whole(places: Mapping[tuple[int, int], np.ndarray]) -> np.ndarray:
    rows = []
    for row in sorted({row for row, _ in places}):
        blocks = [places[at] for at in sorted(places) if at[0] == row]
        rows.append(np.concatenate(blocks, axis=-1) if len(blocks) > 1 else blocks[0])
    return np.concatenate(rows)
