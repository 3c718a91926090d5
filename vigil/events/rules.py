"""What a record must satisfy, checked on whole columns; the first broken rule is the reason.

Columns may arrive typed (Arrow, Parquet) or as text (JSON, CSV), where numbers and instants are
read from the text: a number in quotes is still a number.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from vigil.events.redaction import Redaction
from vigil.events.schema import EVENTS, LOGS, METRICS, SPAN_KINDS, UTC_US

TIME = pl.Datetime("us", "UTC")
ATTRIBUTES = pl.Map(pl.String, pl.String)
_ENTRIES = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))

_POLARS = {
    pa.string(): pl.String,
    pa.int32(): pl.Int32,
    pa.int64(): pl.Int64,
    pa.float64(): pl.Float64,
}

_REQUIRED = {
    EVENTS: ("time", "service", "duration_ms"),
    METRICS: ("time", "metric", "value"),
    LOGS: ("time", "body"),
}

# Free text may begin with anything; a name that begins like a JSON object or list was one.
_FREE_TEXT = ("error", "body", "route", "attributes")

_ZONED = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f %#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M%#z",
)
_NAIVE = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is believed, and what is taken out of it."""

    future_s: int = 300
    earliest_at: datetime = datetime(2010, 1, 1, tzinfo=UTC)
    max_line_bytes: int = 1 << 20
    max_attributes: int = 64
    max_attribute_characters: int = 1_024
    redaction: Redaction = field(default_factory=Redaction)


@lru_cache(maxsize=8)
def polars_schema(schema: pa.Schema) -> dict[str, pl.DataType]:
    """The frame schema of records of `schema`."""
    special = {"time": TIME, "attributes": ATTRIBUTES}
    return {field.name: special.get(field.name) or _POLARS[field.type]() for field in schema}


def parse_time(column: str) -> pl.Expr:
    """Instants from text: ISO 8601 (UTC when no zone is given) or epoch s, ms, µs, ns by size."""
    return pl.col(column).map_batches(_instants, return_dtype=TIME)


def _instants(given: pl.Series) -> pl.Series:
    """Nearly all are of one form: the others are only tried on what that one leaves over."""
    complete = _complete_instants(given)
    if complete is not None:
        return complete
    text = given.str.strip_chars()
    usual = text.str.to_datetime(_ZONED[0], time_unit="us", time_zone="UTC", strict=False)
    left = (usual.is_null() & text.is_not_null()).arg_true()
    if not len(left):
        return usual
    found = pl.select(_any_instant(pl.lit(text.gather(left)))).to_series()
    return usual.scatter(left, found)


def _complete_instants(given: pl.Series) -> pl.Series | None:
    """All of them, where all are ISO 8601 with seconds (or minutes) and zone; else None.

    Arrow reads these ten times as fast, and all or none. Shorter ones it would read as well that
    no other reader here does.
    """
    if (given.str.len_bytes() < len("2026-03-02T12:00:00Z")).any():
        return None
    try:
        found = pc.cast(given.to_arrow(compat_level=pl.CompatLevel.oldest()), UTC_US)
    except pa.ArrowInvalid:
        return None
    return pl.Series(given.name, found, TIME)


def _any_instant(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Float64, strict=False)
    size = number.abs()
    micros = (
        pl.when(size < 1e11)
        .then(number * 1e6)
        .when(size < 1e14)
        .then(number * 1e3)
        .when(size < 1e17)
        .then(number)
        .otherwise(number / 1e3)
    )
    epoch = micros.cast(pl.Int64, strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    zoned = [
        text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
        for form in _ZONED[1:]
    ]
    naive = [
        text.str.to_datetime(f, time_unit="us", strict=False).dt.replace_time_zone("UTC")
        for f in _NAIVE
    ]
    day = text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    return pl.coalesce(*zoned, *naive, day.dt.replace_time_zone("UTC"), epoch)


def _cast(name: str, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if name == "time":
        if given == pl.String:
            return parse_time(name)
        assert isinstance(given, pl.Datetime)
        zoned = column if given.time_zone else column.dt.replace_time_zone("UTC")
        return zoned.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    if given == pl.String and wanted.is_integer():
        # "12.0" is how some writers spell 12.
        number = column.str.strip_chars().cast(pl.Float64, strict=False)
        whole = pl.when(number == number.floor()).then(number)
        exact = column.str.strip_chars().cast(pl.Int64, strict=False)
        return pl.coalesce(exact, whole.cast(pl.Int64, strict=False)).cast(wanted, strict=False)
    if given == pl.String and wanted.is_float():
        return column.str.strip_chars().cast(wanted, strict=False)
    return column.cast(wanted, strict=False)


def check(
    raw: pl.DataFrame, schema: pa.Schema, now_at: datetime, limits: Limits, typed_text: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(typed, broken): every row of `raw`, typed as `polars_schema`; and for rows that break a
    rule `row`, `field`, `rule`, `value`, by row.

    `raw` may lack columns (they are null) and have others (they are ignored). Without `typed_text`
    a text may be the source of a JSON object or list.
    """
    missing = [name for name in polars_schema(schema) if name not in raw.columns]
    if missing:
        raw = raw.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    raw = raw.select(schema.names)
    if not isinstance(raw.schema["time"], pl.Datetime):
        raw = raw.with_columns(pl.col("time").cast(pl.String))
    plan = _plan(schema, tuple(raw.schema.items()), limits, typed_text)
    typed = raw.with_columns(*plan.casts, _attributes(raw["attributes"], limits))
    now = pl.lit(now_at).dt.cast_time_unit("us").alias(_NOW)
    both = pl.concat([typed, raw.rename(_RAW.__add__)], how="horizontal").with_columns(now)
    if not both.select(plan.any_broken).item():
        return typed, pl.DataFrame(schema=_BROKEN)
    which = both.select(plan.first_broken)["which"]
    rows, rules = which.is_not_null().arg_true(), plan.rules
    found = [rules[number] for number in which.gather(rows).to_list()]
    broken = pl.DataFrame(
        {
            "row": rows.cast(pl.Int64),
            "field": [field for field, _, _ in found],
            "rule": [rule for _, rule, _ in found],
            "value": [
                _show(raw[field][row])
                for (field, _, _), row in zip(found, rows.to_list(), strict=True)
            ],
        },
        schema=_BROKEN,
    )
    return typed, broken


_BROKEN = {"row": pl.Int64, "field": pl.String, "rule": pl.String, "value": pl.String}


def _show(value: object) -> str:
    return "nothing" if value is None else str(value)[:200]


# Beside the typed columns, where rules look: the same columns as given, and the clock.
_RAW, _NOW = "raw ", "now"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is done with columns of given types; building it takes as long as a small batch."""

    casts: list[pl.Expr]
    rules: list[tuple[str, str, pl.Expr]]
    any_broken: pl.Expr
    first_broken: pl.Expr


@lru_cache(maxsize=256)
def _plan(
    schema: pa.Schema,
    given: tuple[tuple[str, pl.DataType], ...],
    limits: Limits,
    typed_text: bool,
) -> _Plan:
    wanted = polars_schema(schema)
    casts = [
        _cast(name, kind, wanted[name])
        for name, kind in given
        if name != "attributes" and kind != wanted[name]
    ]
    rules = _rules(schema, given, limits, typed_text)
    first = pl.coalesce(
        pl.when(broken).then(pl.lit(number, pl.Int32))
        for number, (_, _, broken) in enumerate(rules)
    )
    some = pl.any_horizontal(broken.any() for _, _, broken in rules)
    return _Plan(casts, rules, some, first.alias("which"))


def _rules(
    schema: pa.Schema,
    given: tuple[tuple[str, pl.DataType], ...],
    limits: Limits,
    typed_text: bool,
) -> list[tuple[str, str, pl.Expr]]:
    """(field, rule, broken?) in the order in which reasons are given, for columns given so."""
    found: list[tuple[str, str, pl.Expr]] = []
    types, wanted = dict(given), polars_schema(schema)

    def add(field: str, rule: str, broken: pl.Expr) -> None:
        found.append((field, rule, broken))

    for name in _REQUIRED[schema]:
        raw = pl.col(_RAW + name)
        empty = raw.is_null() | (raw == "") if types[name] == pl.String else raw.is_null()
        add(name, "is required", empty)
    for name, kind in wanted.items():
        raw = pl.col(_RAW + name)
        if name != "attributes" and types[name] != kind:
            lost = raw.is_not_null() & pl.col(name).is_null()
            if types[name] == pl.String:
                lost &= raw != ""
            add(name, _TYPE_RULE.get(name) or _type_rule(kind), lost)
        untyped = types[name] == pl.String and not typed_text
        if kind == pl.String and name not in _FREE_TEXT and untyped:
            add(name, "must be text", raw.str.starts_with('{"') | raw.str.starts_with("["))
    time = pl.col("time")
    ahead = pl.col(_NOW) + pl.duration(seconds=limits.future_s)
    add("time", f"must be at most {limits.future_s} s ahead of the clock", time > ahead)
    earliest = limits.earliest_at.date().isoformat()
    add("time", f"must not be before {earliest}", time < limits.earliest_at)
    if schema is EVENTS:
        add("duration_ms", "must be finite", ~pl.col("duration_ms").is_finite())
        add("duration_ms", "must be >= 0", pl.col("duration_ms") < 0)
        add("status", "must be between 100 and 599", ~pl.col("status").is_between(100, 599))
        for name in ("request_bytes", "response_bytes"):
            add(name, "must be >= 0", pl.col(name) < 0)
        kinds = ", ".join(SPAN_KINDS)
        add("kind", f"must be one of {kinds}", ~pl.col("kind").is_in(SPAN_KINDS))
    if schema is METRICS:
        add("value", "must be finite", ~pl.col("value").is_finite())
    return found


_TYPE_RULE = {"time": "must be an ISO 8601 instant or epoch number"}


def _type_rule(kind: pl.DataType) -> str:
    if kind.is_integer():
        return "must be an integer"
    return "must be a number" if kind.is_float() else "must be text"


def _attributes(given: pl.Series, limits: Limits) -> pl.Series:
    """Attributes as a map, bounded in number; those from text are bounded in length too."""
    if isinstance(given.dtype, pl.Map | pl.List):
        entries = given.cast(_ENTRIES)
        if not (entries.list.len() > limits.max_attributes).any():
            return given.cast(ATTRIBUTES).alias("attributes")
        return entries.list.head(limits.max_attributes).cast(ATTRIBUTES).alias("attributes")
    if given.null_count() == len(given):
        return pl.repeat(None, len(given), dtype=ATTRIBUTES, eager=True).alias("attributes")
    texts = given.cast(pl.String).alias("text")
    # Attributes repeat from request to request: each distinct text is parsed once.
    distinct = texts.drop_nulls().unique()
    parsed = pl.Series([_entries(text, limits) for text in distinct], dtype=_ENTRIES)
    lookup = pl.DataFrame({"text": distinct, "attributes": parsed})
    joined = texts.to_frame().join(lookup, on="text", how="left", maintain_order="left")
    return joined["attributes"].cast(ATTRIBUTES)


def _entries(text: str, limits: Limits) -> list[dict[str, str]] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = {"value": text}
    if not isinstance(found, dict):
        found = {"value": text}
    longest = limits.max_attribute_characters
    return [
        {"key": key[:longest], "value": _as_text(value)[:longest]}
        for key, value in list(found.items())[: limits.max_attributes]
        if value is not None
    ]


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
