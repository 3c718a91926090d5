"""Which lines are kept whole: few of those that say the same, each with how many it stands for.

Lines of one service, severity and template within a minute are alike. The first of them are kept,
then every so many, ever more rarely; a kept line stands for itself and for those since the one
before. What no kept line stands for when the minute is over, its last line does. So the numbers of
the kept lines add up to all lines, and a line that says something new is always kept.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import orjson
import polars as pl

from vigil.events.rules import TIME
from vigil.logs.severity import severity_number

MINUTE = timedelta(minutes=1)
FIRST_KEPT = 5
FIRST_KEPT_SEVERE = 20
# Groups that wait for the end of their minute; the oldest end early.
MAX_GROUPS = 50_000
LONGEST_MESSAGE = 8_192
LONGEST_TEMPLATE = 1_000

_SEVERE = ("WARN", "ERROR", "FATAL")
_WHO = ("tenant", "environment", "cloud", "region", "service")
_ALIKE = (*_WHO, "level", "template_id", "minute")

# A kept line. severity: OpenTelemetry's number; attributes: a JSON object; lines: it stands for.
KEPT_LINES = pl.Schema(
    {
        "line_id": pl.String(),
        "time": TIME,
        **dict.fromkeys(_WHO, pl.String()),
        "level": pl.String(),
        "severity": pl.Int16(),
        "template_id": pl.String(),
        "template": pl.String(),
        "message": pl.String(),
        "trace_id": pl.String(),
        "span_id": pl.String(),
        "attributes": pl.String(),
        "lines": pl.Int64(),
    }
)
# Groups of the running minutes: how many lines they had, how many of these are accounted for, and
# the last one.
_GROUPS = pl.Schema(
    {
        **{name: kind for name, kind in KEPT_LINES.items() if name != "lines"},
        "alike": pl.UInt64(),
        "minute": TIME,
        "seen": pl.Int64(),
        "told": pl.Int64(),
    }
)


class LineSampler:
    """Keeps lines as they come; memory holds a row for each group of a running minute."""

    def __init__(self) -> None:
        self._groups = pl.DataFrame(schema=_GROUPS)

    def take(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Lines to keep (schema KEPT_LINES) of these, which are in the order of coming.

        lines: as `vigil.logs.series.LogSeries.observe` returns them, with a `line_id` each.
        """
        if lines.is_empty():
            return pl.DataFrame(schema=KEPT_LINES)
        placed = self._placed(lines)
        kept = placed.filter(_is_kept(pl.col("position"), pl.col("level")))
        before = pl.col("position").shift(1).over("alike")
        kept = kept.with_columns(
            lines=pl.col("position") - pl.coalesce(before, pl.col("told").fill_null(0))
        )
        self._remember(placed, kept)
        return _as_kept(kept)

    def close(self, ended_at: datetime | None) -> pl.DataFrame:
        """Lines that stand for the rest of the minutes that ended by then; None: of all."""
        over = pl.lit(True) if ended_at is None else pl.col("minute") + MINUTE <= ended_at
        ended = self._groups.filter(over)
        self._groups = self._groups.filter(~over)
        if self._groups.height > MAX_GROUPS:
            self._groups = self._groups.sort("minute", maintain_order=True)
            ended = pl.concat([ended, self._groups.head(-MAX_GROUPS)])
            self._groups = self._groups.tail(MAX_GROUPS)
        rest = ended.filter(pl.col("seen") > pl.col("told"))
        return rest.with_columns(lines=pl.col("seen") - pl.col("told")).select(list(KEPT_LINES))

    def state(self) -> dict[str, pl.DataFrame]:
        """Everything needed to go on after a restart."""
        return {"groups": self._groups}

    def restore(self, state: Mapping[str, pl.DataFrame]) -> None:
        """Go on from `state()`."""
        self._groups = state["groups"]

    def _placed(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Lines with their group and, from 1 on, their `position` in it."""
        placed = lines.with_columns(minute=pl.col("time").dt.truncate("1m")).with_columns(
            alike=pl.struct(_ALIKE).hash()
        )
        known = self._groups.select("alike", "seen", "told")
        placed = placed.join(known, on="alike", how="left", maintain_order="left")
        number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("alike")
        return placed.with_columns(position=pl.col("seen").fill_null(0) + number)

    def _remember(self, placed: pl.DataFrame, kept: pl.DataFrame) -> None:
        last = placed.unique("alike", keep="last", maintain_order=True).drop("seen", "told")
        told = kept.group_by("alike").agg(newly_told=pl.col("position").max())
        before = self._groups.select("alike", "told")
        groups = (
            last.join(told, on="alike", how="left", maintain_order="left")
            .join(before, on="alike", how="left", maintain_order="left")
            .with_columns(
                seen=pl.col("position"),
                told=pl.coalesce("newly_told", "told", pl.lit(0)),
            )
        )
        groups = (
            _as_kept(groups.with_columns(lines=0))
            .drop("lines")
            .hstack(groups.select("alike", "minute", "seen", "told"))
        )
        quiet = self._groups.join(groups, on="alike", how="anti", maintain_order="left")
        self._groups = pl.concat([quiet, groups.select(list(_GROUPS))])


def _is_kept(position: pl.Expr, level: pl.Expr) -> pl.Expr:
    """The first few, then where so many of them have come: twice, four times, eight times."""
    first = pl.when(level.is_in(_SEVERE)).then(FIRST_KEPT_SEVERE).otherwise(FIRST_KEPT)
    times = position // first
    return (position <= first) | ((position % first == 0) & ((times & (times - 1)) == 0))


def _as_kept(lines: pl.DataFrame) -> pl.DataFrame:
    """The columns of a kept line, cut to bearable lengths."""
    attributes = [
        orjson.dumps(dict(pairs)).decode() if pairs else None
        for pairs in lines["attributes"].to_list()
    ]
    return (
        lines.with_columns(
            severity=severity_number(lines["level"]),
            template=pl.col("template").str.head(LONGEST_TEMPLATE),
            message=pl.col("body").str.head(LONGEST_MESSAGE),
            attributes=pl.Series(attributes, dtype=pl.String),
        )
        .select(list(KEPT_LINES))
        .cast(KEPT_LINES)
    )
