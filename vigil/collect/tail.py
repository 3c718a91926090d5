"""Files that grow: new whole lines, through rotation and truncation, from where we were."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

log = logging.getLogger("vigil.collect")

CHUNK_BYTES = 1 << 20
# A line that has no end by then is handed on as it is.
LONGEST_LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading goes on: a byte of the file with this inode number."""

    inode: int
    offset: int


class Positions:
    """Positions by path, kept in a file; saved after what was read is durable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, list[int]] = {}
        if path.exists():
            self._found = orjson.loads(path.read_bytes())

    def of(self, path: Path) -> Position | None:
        """Where reading of `path` had come to."""
        found = self._found.get(str(path.resolve()))
        return Position(*found) if found else None

    def save(self, path: Path, position: Position) -> None:
        """Keep it, whatever happens to this process."""
        self._found[str(path.resolve())] = [position.inode, position.offset]
        beside = self._path.with_suffix(".new")
        beside.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as out:
            out.write(orjson.dumps(self._found))
            out.flush()
            os.fsync(out.fileno())
        beside.replace(self._path)


class Follower:
    """Reads a growing file as `tail -F` does.

    A rotated file is read to its end before the new one; one that was rotated while nobody read is
    found by its inode number among its siblings. A file that became shorter is read from its
    beginning. Without a position reading begins at the end, or at the start when asked for.
    """

    def __init__(self, path: Path, position: Position | None, from_start: bool = False) -> None:
        self.path = path
        self._from_start = from_start
        self._file: BinaryIO | None = None
        self._position = position

    def read(self) -> bytes:
        """New whole lines, at most a mebibyte, empty where there are none."""
        if self._file is None and not self._open():
            # What is not there yet is new as a whole when it comes.
            self._from_start = True
            return b""
        lines = self._lines()
        if not lines and self._has_successor():
            # What is left has no line feed and never will.
            lines = self._rest()
            if not lines:
                self.close()
                self._position = None
                return self.read()
        return lines

    @property
    def position(self) -> Position:
        """Behind what was read."""
        assert self._position is not None
        return self._position

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> bool:
        wanted = self._position
        for path in (self.path, *self._siblings()) if wanted else (self.path,):
            try:
                found = path.open("rb")
            except OSError:
                continue
            inode = os.fstat(found.fileno()).st_ino
            if wanted is None or inode == wanted.inode:
                self._file = found
                self._begin(inode)
                return True
            found.close()
        if wanted is not None and self.path.exists():
            log.warning("%s: the file read before is gone, reading the new one", self.path)
            self._position, self._from_start = None, True
            return self._open()
        return False

    def _begin(self, inode: int) -> None:
        assert self._file is not None
        size = os.fstat(self._file.fileno()).st_size
        if self._position is None:
            offset = 0 if self._from_start else size
        else:
            offset = self._position.offset
        self._position = Position(inode, offset)
        self._file.seek(offset)
        # A file that comes later is new as a whole.
        self._from_start = True

    def _siblings(self) -> list[Path]:
        try:
            return sorted(self.path.parent.glob(f"{self.path.name}*"))
        except OSError:
            return []

    def _lines(self) -> bytes:
        assert self._file is not None
        assert self._position is not None
        if os.fstat(self._file.fileno()).st_size < self._position.offset:
            log.warning("%s became shorter: it is read from its beginning", self.path)
            self._position = Position(self._position.inode, 0)
        self._file.seek(self._position.offset)
        chunk = self._file.read(CHUNK_BYTES)
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) >= LONGEST_LINE_BYTES:
            end = len(chunk)
        return self._took(chunk[:end])

    def _rest(self) -> bytes:
        assert self._file is not None
        self._file.seek(self.position.offset)
        return self._took(self._file.read(LONGEST_LINE_BYTES))

    def _took(self, lines: bytes) -> bytes:
        self._position = Position(self.position.inode, self.position.offset + len(lines))
        return lines

    def _has_successor(self) -> bool:
        try:
            return self.path.stat().st_ino != self.position.inode
        except OSError:
            return False
