"""A piece: what one shard gets of a batch of messages.

It carries the progress of the partition, so that each shard knows it as if it had read everything.
"""

import io
import struct
from dataclasses import dataclass

import numpy as np
import polars as pl

from vigil.windows.watermark import Progress

# Shard first, so that a piece can be sent there without being understood.
_HEADER = struct.Struct(">iiqqqH")
_SHARD = struct.Struct(">i")

PRECEDING = "preceding_us"


@dataclass(frozen=True, slots=True)
class Piece:
    """Records of one partition for one shard, in order of arrival; there may be none.

    `appended_ms`: when the log took the newest of the messages, epoch ms. `accepted`: valid records
    of the whole batch, on one of its pieces only, 0 on the others.
    """

    shard: int
    topic: str
    partition: int
    records: pl.DataFrame
    progress: Progress
    appended_ms: int
    accepted: int = 0

    def to_bytes(self) -> bytes:
        """A short header, then an Arrow IPC stream."""
        topic = self.topic.encode()
        head = _HEADER.pack(
            self.shard,
            self.partition,
            self.progress.newest_us,
            self.appended_ms,
            self.accepted,
            len(topic),
        )
        preceding = pl.Series(PRECEDING, self.progress.preceding_us, pl.Int64)
        body = io.BytesIO()
        self.records.with_columns(preceding).write_ipc_stream(body)
        return head + topic + body.getvalue()

    @staticmethod
    def origin(blob: bytes) -> tuple[tuple[str, int], int]:
        """((topic, partition), appended_ms), without reading the records."""
        _, partition, _, appended_ms, _, length = _HEADER.unpack_from(blob)
        topic = blob[_HEADER.size : _HEADER.size + length].decode()
        return (topic, partition), appended_ms

    @classmethod
    def from_bytes(cls, blob: bytes) -> "Piece":
        """The inverse of `to_bytes`."""
        shard, partition, newest_us, appended_ms, accepted, length = _HEADER.unpack_from(blob)
        start = _HEADER.size + length
        topic = blob[_HEADER.size : start].decode()
        frame = pl.read_ipc_stream(blob[start:])
        preceding: np.ndarray = frame[PRECEDING].to_numpy()
        progress = Progress(preceding, newest_us)
        return cls(shard, topic, partition, frame.drop(PRECEDING), progress, appended_ms, accepted)


def shard_of(blob: bytes) -> int:
    """The shard that a piece goes to."""
    shard: int = _SHARD.unpack_from(blob)[0]
    return shard
