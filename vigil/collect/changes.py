"""Changes as JSON: files of one a line, and what deployment pipelines send."""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from vigil.errors import InputError
from vigil.rootcause.changes import CHANGES, Change


def read_changes(path: Path) -> list[Change]:
    """The changes of a file, one a line, with the fields of `Change`.

    Raises InputError with file, line, rule and value.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return [_parse(line, f"{path}, line {n}", None) for n, line in enumerate(lines, start=1)]


def parse_changes(body: bytes, now_at: datetime) -> list[Change]:
    """The changes of a request: an object, a list of them, or one a line; `at` may be left out.

    Raises InputError with the number of the change, rule and value.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        lines = body.splitlines()
        return [_parse(line, f"line {n}", now_at) for n, line in enumerate(lines, start=1)]
    items = found if isinstance(found, list) else [found]
    return [_change(item, f"change {n}", now_at) for n, item in enumerate(items, start=1)]


def _parse(line: bytes, place: str, now_at: datetime | None) -> Change:
    try:
        return _change(orjson.loads(line), place, now_at)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{place}: must be a JSON object: {error}") from error


def _change(fields: Any, place: str, now_at: datetime | None) -> Change:
    if not isinstance(fields, dict):
        raise InputError(f"{place}: must be an object, got {fields!r}")
    unknown = sorted(set(fields) - set(CHANGES))
    if unknown:
        raise InputError(f"{place}: unknown fields {unknown}, known are {list(CHANGES)}")
    for name, value in fields.items():
        if value is not None and not isinstance(value, str):
            raise InputError(f"{place}: {name} must be text, got {value!r}")
    texts = {name: value for name, value in fields.items() if value is not None}
    if "kind" not in texts:
        raise InputError(f"{place}: kind must be given")
    try:
        return Change(_instant(texts.pop("at", None), now_at), **texts)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _instant(text: str | None, now_at: datetime | None) -> datetime:
    if text is None:
        if now_at is None:
            raise InputError("at must be given")
        return now_at
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"at must be ISO 8601, got {text!r}") from error
