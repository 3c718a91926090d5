"""Lines of an access log to unchecked columns of events, without a loop over lines."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import orjson
import polars as pl

from vigil.errors import InputError
from vigil.events.access_logs.formats import FIELDS, FORMATS, LineFormat, custom_format
from vigil.events.content import ACCESS_LOG
from vigil.events.rules import parse_time

IDENTITY = ("tenant", "environment", "cloud", "region", "service")

# What stands for nothing in these logs.
_NOTHING = ("-", "", "-1", "null")
_CLF_TIMES = ("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S%.f")


@dataclass(frozen=True, slots=True)
class AccessLog:
    """A format, and what its lines do not say: `identity` fills key columns that are empty."""

    format: LineFormat
    identity: Mapping[str, str] = field(default_factory=dict)


def access_log_type(log: AccessLog) -> str:
    """The content type that says all of it, so that lines can wait in a log or come by HTTP."""
    parameters: dict[str, str] = {"format": log.format.name, **log.identity}
    if log.format.name not in FORMATS:
        parameters["pattern"] = log.format.pattern
        parameters |= {f"map.{name}": path for name, (path,) in log.format.paths.items()}
        parameters["at_end"] = "1" if log.format.at_end else ""
    return f"{ACCESS_LOG}; {urlencode(parameters)}"


@lru_cache(maxsize=256)
def read_access_log_type(content_type: str) -> AccessLog:
    """The reverse of `access_log_type`; raises InputError for an unknown format."""
    found = dict(parse_qsl(content_type.partition(";")[2].strip()))
    name = found.get("format", "")
    identity = {key: found[key] for key in IDENTITY if found.get(key)}
    if name == "custom":
        paths = {key[4:]: path for key, path in found.items() if key.startswith("map.")}
        made = custom_format(found.get("pattern", ""), paths, bool(found.get("at_end")))
        return AccessLog(made, identity)
    if name not in FORMATS:
        raise InputError(f"format must be one of {', '.join(FORMATS)} or custom, got {name!r}")
    return AccessLog(FORMATS[name], identity)


def parse_access_log(lines: Sequence[str], log: AccessLog) -> tuple[pl.DataFrame, np.ndarray]:
    """(columns of EVENTS as text and numbers, which lines are of the format).

    Lines that are not have nulls. The query of a target and the client's address are not kept.
    """
    text = pl.Series("line", lines, pl.String)
    found = _by_pattern(text, log.format) if log.format.pattern else _by_paths(text, log.format)
    found = found.with_columns(
        pl.lit(None, pl.String).alias(name) for name in FIELDS if name not in found.columns
    )
    matched = found["time"].is_not_null().to_numpy()
    return _as_events(found, log), matched


def _by_pattern(text: pl.Series, layout: LineFormat) -> pl.DataFrame:
    found = text.str.extract_groups(layout.pattern).struct.unnest()
    if "target_s" in found.columns:
        # A phase that did not happen is -1.
        phases = [_number(name).clip(0) for name in ("request_s", "target_s", "response_s")]
        found = found.with_columns(duration_s=sum(phases[1:], phases[0]).cast(pl.String))
    return found


def _by_paths(text: pl.Series, layout: LineFormat) -> pl.DataFrame:
    """Each line is parsed once, into a structure that has only what is wanted."""
    tree: dict[str, Any] = {}
    for path in (path for paths in layout.paths.values() for path in paths):
        *parents, leaf = path.split(".")
        node = tree
        for name in parents:
            node = node.setdefault(name, {})
        node[leaf] = pl.String
    schema = {name: _dtype(kind) for name, kind in tree.items()}
    lines = [line.encode() for line in text.to_list()]
    frame = _read_json(lines, schema)
    return frame.select(
        pl.coalesce(_field(path) for path in paths).alias(name)
        for name, paths in layout.paths.items()
    )


def _dtype(kind: Any) -> Any:
    if isinstance(kind, dict):
        return pl.Struct({name: _dtype(inner) for name, inner in kind.items()})
    return kind


def _field(path: str) -> pl.Expr:
    first, *rest = path.split(".")
    found = pl.col(first)
    for name in rest:
        found = found.struct.field(name)
    return found


def _read_json(lines: list[bytes], schema: dict[str, Any]) -> pl.DataFrame:
    """One row a line; a line that is no JSON object is a row of nulls."""
    for kept in (lines, [line if _is_object(line) else b"{}" for line in lines]):
        try:
            frame = pl.read_ndjson(io.BytesIO(b"\n".join(kept)), schema=schema)
        except (pl.exceptions.PolarsError, UnicodeDecodeError):
            continue
        if frame.height == len(lines):
            return frame
    return pl.DataFrame({name: [None] * len(lines) for name in schema}, schema=schema)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _as_events(found: pl.DataFrame, log: AccessLog) -> pl.DataFrame:
    said = found.with_columns(
        pl.when(~pl.col(name).is_in(_NOTHING)).then(pl.col(name)).alias(name) for name in FIELDS
    )
    request = pl.col("request").str.extract_groups(r"^(?P<verb>\S+) (?P<place>\S+)")
    duration_ms = pl.coalesce(
        _number("duration_ms"), _number("duration_s") * 1e3, _number("duration_us") / 1e3
    )
    said = said.with_columns(
        time=_instant(),
        method=pl.coalesce("method", request.struct.field("verb")),
        target=pl.coalesce("target", request.struct.field("place")),
        # Combined has no duration: such requests are counted, their latency is 0.
        duration_ms=pl.coalesce(duration_ms, pl.lit(0.0)).clip(0),
    )
    identity = {**log.identity, **log.format.constants}
    key = {
        name: pl.coalesce(pl.col(name), pl.lit(identity.get(name), pl.String)) for name in IDENTITY
    }
    if "service" in log.identity:
        key["service"] = pl.lit(log.identity["service"])
    start = pl.col("time")
    if log.format.at_end:
        start -= pl.duration(microseconds=(pl.col("duration_ms") * 1e3).cast(pl.Int64))
    return said.select(
        time=start,
        trace_id=_trace_id(),
        span_id="span_id",
        kind=pl.lit("server"),
        **key,
        # The path of a URL, without its query.
        route=pl.col("target").str.extract(r"^(?:\w+://[^/?#]*)?(/[^?#]*|\*|[^/?#:]+)"),
        method="method",
        status="status",
        duration_ms="duration_ms",
        request_bytes="request_bytes",
        response_bytes="response_bytes",
        error="error",
    )


def _number(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars_end("s").cast(pl.Float64, strict=False)


def _instant() -> pl.Expr:
    """Common log times, ISO 8601 and epoch numbers, as ISO text or instants."""
    common = [
        pl.col("time").str.to_datetime(layout, time_unit="us", strict=False)
        for layout in _CLF_TIMES
    ]
    aware, naive = common[0], common[1].dt.replace_time_zone("UTC")
    return pl.coalesce(aware, naive, parse_time("time"))


def _trace_id() -> pl.Expr:
    """The id inside a traceparent or a resource name, else the text."""
    text = pl.col("trace_id")
    return pl.coalesce(text.str.extract(r"^00-([0-9a-f]{32})-"), text.str.extract(r"([^/]+)$"))
