"""How fast the stream is, next to what limits it: reading and decoding the same messages."""

from vigil.bench.stream.load import PATHS, Path
from vigil.bench.stream.series import measure_checkpoint, measure_scoring
from vigil.bench.stream.throughput import measure_path

__all__ = ["PATHS", "Path", "measure_checkpoint", "measure_path", "measure_scoring"]
