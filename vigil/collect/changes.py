"""Files of changes: NDJSON, one a line."""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from vigil.errors import InputError
from vigil.rootcause.changes import CHANGES, Change


def read_changes(path: Path) -> list[Change]:
    """The changes of a file, with the fields of `Change`.

    Raises InputError with file, line, rule and value.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return [_change(line, f"{path}, line {n}") for n, line in enumerate(lines, start=1)]


def _change(line: bytes, place: str) -> Change:
    try:
        fields: dict[str, Any] = orjson.loads(line)
        at = datetime.fromisoformat(fields.pop("at"))
        unknown = sorted(set(fields) - set(CHANGES))
        if unknown:
            raise InputError(f"unknown fields {unknown}, known are {list(CHANGES)}")
        return Change(at, **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{place}: must be an object with at (ISO 8601) and kind") from error
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
