"""A state as one value: Arrow frames, safetensors arrays and JSON in a zip.

For Flink's workers, which keep what they know in Flink, and for checkpoints of older versions. It
imports no store, since those workers have an environment of their own.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import polars as pl
from safetensors.numpy import load, save

Frames = Mapping[str, Mapping[str, pl.DataFrame]]
Arrays = Mapping[str, Mapping[str, np.ndarray]]


def ipc_bytes(frame: pl.DataFrame) -> bytes:
    """The frame as an Arrow IPC file."""
    out = io.BytesIO()
    frame.write_ipc(out)
    return out.getvalue()


def pack(frames: Frames, arrays: Arrays, documents: Mapping[str, Any]) -> bytes:
    """All of it in one zip, for who keeps a state as a single value."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for group, members in frames.items():
            for name, frame in members.items():
                archive.writestr(f"{group}/{name}.arrow", ipc_bytes(frame))
        for group, columns in arrays.items():
            contiguous = {name: np.ascontiguousarray(array) for name, array in columns.items()}
            archive.writestr(f"{group}.safetensors", save(contiguous))
        for name, document in documents.items():
            archive.writestr(f"{name}.json", orjson.dumps(document))
    return out.getvalue()


def unpack(
    blob: bytes,
) -> tuple[dict[str, dict[str, pl.DataFrame]], dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """The inverse of `pack`."""
    frames: dict[str, dict[str, pl.DataFrame]] = {}
    arrays: dict[str, dict[str, np.ndarray]] = {}
    documents: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        for path in archive.namelist():
            content = archive.read(path)
            stem, _, kind = path.rpartition(".")
            if kind == "arrow":
                group, _, name = stem.rpartition("/")
                frames.setdefault(group, {})[name] = pl.read_ipc(io.BytesIO(content))
            elif kind == "safetensors":
                arrays[stem] = load(content)
            else:
                documents[stem] = orjson.loads(content)
    return frames, arrays, documents
