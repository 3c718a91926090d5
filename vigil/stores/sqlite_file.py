"""SQLite files that survive a power cut, and let others read while one writes."""

import sqlite3
from pathlib import Path
from typing import Any


def open_sqlite(path: Path, schema: str, **options: Any) -> sqlite3.Connection:
    """The file, made with its folder where it is missing; for any thread.

    options: those of `sqlite3.connect`. Raises sqlite3.Error or OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, check_same_thread=False, **options)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(schema)
    return connection
