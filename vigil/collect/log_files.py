"""Files of raw log lines, read in blocks; and their templates, written as csv."""

import codecs
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa

from vigil.errors import InputError
from vigil.logs.lines import Lines, split_lines
from vigil.logs.raw import RawMiner
from vigil.logs.structured import messages_of

_READ_BYTES = 1 << 20
_LARGEST_BLOCK_BYTES = 16 << 20
_ROWS_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True)
class Mined:
    """What `mine_file` found. header: how many leading columns are no message."""

    lines: int
    templates: int
    header_columns: int


def read_blocks(path: Path, tick: Callable[[int], None] = lambda size: None) -> Iterator[Lines]:
    """Lines of a text file, also compressed (.gz, .bz2, .zst), in blocks that grow.

    The first block is small, so that what it teaches serves the ones after it. `tick` is told how
    many bytes were read. Raises InputError.
    """
    size, rest = _READ_BYTES, b""
    try:
        with pa.input_stream(str(path), compression="detect") as source:
            while block := source.read(size):
                tick(len(block))
                if size == _READ_BYTES:  # the first block
                    block = block.removeprefix(codecs.BOM_UTF8)
                whole, newline, rest = (rest + block).rpartition(b"\n")
                if newline:
                    yield split_lines(whole + newline)
                size = min(2 * size, _LARGEST_BLOCK_BYTES)
        if rest:
            yield split_lines(rest)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def mine_file(path: Path, out: Path, tick: Callable[[int], None] = lambda size: None) -> Mined:
    """Write `template_id, template` of every line of `path` to `out`, in order.

    The file is read once. Numbers wait in a temporary file, since templates grow together until
    the last line; memory holds a block and the templates. Raises InputError.
    """
    raw = RawMiner()
    count = 0
    with tempfile.TemporaryFile() as numbers:
        for lines in read_blocks(path, tick):
            raw.observe(messages_of(lines)).astype(np.int32).tofile(numbers)
            count += len(lines)
        numbers.seek(0)
        try:
            found = _write_templates(raw, numbers, out)
        except OSError as error:
            raise InputError(f"{out} cannot be written: {error.strerror}") from error
    columns = len(raw.header.kinds) if raw.header else 0
    return Mined(count, found, columns)


def _write_templates(raw: RawMiner, numbers: BinaryIO, out: Path) -> int:
    table = raw.miner.table()
    with out.open("wb") as target:
        table.clear().select("template_id", "template").write_csv(target)
        used: set[int] = set()
        while len(block := np.frombuffer(numbers.read(4 * _ROWS_AT_ONCE), np.int32)):
            today = raw.miner.resolve(block.astype(np.int64))
            used.update(np.unique(today).tolist())
            rows = pl.DataFrame({"number": today}).join(
                table, on="number", how="left", maintain_order="left"
            )
            rows.select("template_id", "template").write_csv(target, include_header=False)
    return len(used)
