"""What a line says of itself: its message, severity and trace, from JSON, logfmt or plain text.

Only the message is mined for templates: beside it stand fields, which differ from line to line.
"""

import io
from collections.abc import Callable

import orjson
import polars as pl

from vigil.logs.lines import Lines, lines_of
from vigil.logs.severity import severity_class, severity_in_text

# Names that loggers give a field, the most telling first.
_NAMES = {
    "message": (
        "message", "msg", "@message", "@m", "short_message", "MESSAGE", "textPayload", "log",
        "body", "text", "event", "@mt",
    ),
    "severity": (
        "severity", "level", "log.level", "levelname", "loglevel", "lvl", "severity_text", "@l",
        "PRIORITY",
    ),
    "trace_id": (
        "trace_id", "traceId", "trace.id", "traceID", "traceid", "dd.trace_id", "otelTraceID",
        "@tr",
    ),
    "span_id": (
        "span_id", "spanId", "span.id", "spanID", "spanid", "dd.span_id", "otelSpanID", "@sp",
    ),
}  # fmt: skip
FIELDS = pl.Schema(dict.fromkeys(_NAMES, pl.String()))
_ALL_NAMES = dict.fromkeys((name for names in _NAMES.values() for name in names), pl.String())

_JSON = r"^\s*\{"
_LOGFMT = r"^\s*[A-Za-z_@][\w.@-]*=(?:\"|\S)"
_LOGFMT_FIELDS = {
    "message": "(?:msg|message)", "severity": "(?:level|lvl|severity)",
    "trace_id": "(?i:trace[._-]?id)", "span_id": "(?i:span[._-]?id)",
}  # fmt: skip
_IN_TEXT = {
    "trace_id": r"""(?i)\btrace[._-]?id["']?\s*[=:]\s*["']?([0-9a-f]{16,32})\b""",
    "span_id": r"""(?i)\bspan[._-]?id["']?\s*[=:]\s*["']?([0-9a-f]{16})\b""",
}
_LONGEST_ID = 64
_SAMPLE_LINES = 100


def described(logs: pl.DataFrame) -> pl.DataFrame:
    """Records (columns of LOGS) with `message`, `level` and the ids of traces that lines name.

    message: what is mined, the whole body where it has no fields. level: one of
    `vigil.logs.severity.CLASSES` or null. What a record says outside of its body comes first.
    """
    body = logs["body"]
    found = read_fields(body)
    level = _first(severity_class(logs["severity"]), severity_class(found["severity"]))
    unsaid = level.is_null().arg_true()
    level = level.scatter(unsaid, severity_in_text(body.gather(unsaid)))
    return logs.with_columns(
        message=_first(found["message"], body),
        level=level,
        trace_id=_first(logs["trace_id"], found["trace_id"].str.head(_LONGEST_ID)),
        span_id=_first(logs["span_id"], found["span_id"].str.head(_LONGEST_ID)),
    )


def messages_of(lines: Lines) -> Lines:
    """The messages of a log whose lines have fields; other logs are returned as they are."""
    first = lines.at(slice(_SAMPLE_LINES))
    if 2 * _has_fields(_texts(first)).sum() < max(len(first), 1):
        return lines
    texts = _texts(lines)
    return lines_of(_first(read_fields(texts)["message"], texts).to_arrow())


def _texts(lines: Lines) -> pl.Series:
    return pl.Series([lines.text(n) for n in range(len(lines))], dtype=pl.String)


def _has_fields(lines: pl.Series) -> pl.Series:
    return lines.str.contains(_JSON) | lines.str.contains(_LOGFMT)


def read_fields(lines: pl.Series) -> pl.DataFrame:
    """Fields of each line, schema FIELDS; null where a line has no such field.

    A message that has fields itself, as in the log of a container, is read as well.

    >>> read_fields(pl.Series(['{"msg": "cart is empty", "level": 30}'])).row(0)
    ('cart is empty', '30', None, None)
    >>> read_fields(pl.Series(['level=warn msg="cart is empty" user=7'])).row(0)
    ('cart is empty', 'warn', None, None)
    """
    outer = _read(lines)
    inner = _read(outer["message"])
    return pl.DataFrame([_first(inner[name], outer[name]) for name in FIELDS])


def _read(lines: pl.Series) -> pl.DataFrame:
    """Fields of each line, one level deep."""
    found = pl.DataFrame(
        [pl.Series(name, [None], pl.String).new_from_index(0, len(lines)) for name in FIELDS]
    )
    readers: tuple[tuple[Callable[[pl.Series], pl.DataFrame], pl.Series], ...] = (
        (_read_json, lines.str.contains(_JSON)),
        (_read_logfmt, lines.str.contains(_LOGFMT)),
        (_read_ids, lines.str.contains_any(["trace", "span"], ascii_case_insensitive=True)),
    )
    for read, holds in readers:
        rows = holds.arg_true()
        if len(rows):
            found = _fill(found, rows, read(lines.gather(rows)))
    return found


def _fill(found: pl.DataFrame, rows: pl.Series, news: pl.DataFrame) -> pl.DataFrame:
    """`found` with `news` at these rows, where nothing was found before."""
    columns = [
        # `scatter` changes the series that it is called on.
        found[name].clone().scatter(rows, _first(found[name].gather(rows), news[name]))
        for name in news.columns
    ]
    return found.with_columns(columns)


def _read_json(lines: pl.Series) -> pl.DataFrame:
    """Fields of lines that begin like a JSON object; a line that is none has none."""
    try:
        text = io.BytesIO("\n".join(lines.str.replace_all(r"[\r\n]", " ")).encode())
        frame = pl.read_ndjson(text, schema=_ALL_NAMES)
    except pl.exceptions.PolarsError:
        frame = None
    if frame is None or frame.height != len(lines):
        # One broken line spoils the batch for the quick parser.
        frame = pl.DataFrame([_object(line) for line in lines], schema=_ALL_NAMES)
    return frame.select(
        pl.coalesce(pl.col(name).replace("", None) for name in names).alias(field)
        for field, names in _NAMES.items()
    )


def _object(line: str) -> dict[str, str | None]:
    """The known fields of a JSON object as text; none of what is no object."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(fields, dict):
        return {}
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in fields.items()
        if name in _ALL_NAMES and value is not None
    }


def _read_logfmt(lines: pl.Series) -> pl.DataFrame:
    """Fields of lines that begin like logfmt."""
    return pl.DataFrame(
        [_logfmt_value(lines, names).alias(field) for field, names in _LOGFMT_FIELDS.items()]
    )


def _logfmt_value(lines: pl.Series, names: str) -> pl.Series:
    quoted = lines.str.extract(rf'(?:^|\s){names}="((?:[^"\\]|\\.)*)"')
    plain = lines.str.extract(rf'(?:^|\s){names}=([^\s"]+)')
    return _first(quoted.str.replace_all(r'\\(["\\])', "${1}"), plain)


def _read_ids(lines: pl.Series) -> pl.DataFrame:
    """Ids of traces and spans that a text names."""
    return pl.DataFrame(
        [lines.str.extract(pattern).alias(field) for field, pattern in _IN_TEXT.items()]
    )


def _first(*choices: pl.Series) -> pl.Series:
    """Of each row the first that is not null, under the name of the first series."""
    return pl.select(pl.coalesce(choices)).to_series().alias(choices[0].name)
