"""Log lines to series: lines of each template, new templates, lines that tell of an error.

Each service of a tenant has a miner of its own. A template gets a series once it is no rarity; the
lines of all others are counted under `__other__`, so the number of series is bounded.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from vigil.events.schema import KEY_COLUMNS
from vigil.logs.lines import lines_of
from vigil.logs.raw import RawMiner
from vigil.logs.severity import NUMBERS, severity_number
from vigil.logs.structured import described

LINES, NEW_TEMPLATES, ERROR_LINES = "log_lines", "log_new_templates", "log_error_lines"
OTHER = "__other__"

MAX_MINERS = 500
MAX_PATTERNS = 2_000
MAX_SERIES = 100
# A template of fewer lines has no rate to speak of, and may still grow together with another.
LINES_FOR_SERIES = 20
_LONGEST_NAME = 200

POINTS = pl.Schema(
    {
        "time": pl.Datetime("us", "UTC"),
        **dict.fromkeys(KEY_COLUMNS, pl.String()),
        "metric": pl.String(),
        "lines": pl.Int64(),
    }
)

_Owner = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Mined:
    """points: schema POINTS. lines: the records with `level`, `template_id` and `template`."""

    points: pl.DataFrame
    lines: pl.DataFrame


class _Service:
    """The templates of one service; `names`: template number → name of its series."""

    def __init__(self, raw: RawMiner | None = None) -> None:
        self.raw = raw or RawMiner(max_patterns=MAX_PATTERNS)
        self.names: dict[int, str] = {}

    def mine(self, lines: pl.DataFrame) -> pl.DataFrame:
        """This service's lines with their templates.

        `name`: the route of its series; `is_new`: the first line of a template.
        """
        before = self.raw.miner.count
        numbers = self.raw.observe(lines_of(lines["message"].to_arrow()))
        mined = lines.with_columns(number=pl.Series(numbers))
        table = self.raw.miner.table(mined["number"].unique(maintain_order=True))
        self._name(table)
        names = pl.col("number").replace_strict(self.names, default=OTHER, return_dtype=pl.String)
        return mined.join(
            table.drop("lines"), on="number", how="left", maintain_order="left"
        ).with_columns(
            name=names, is_new=(pl.col("number") >= before) & pl.col("number").is_first_distinct()
        )

    def named_ids(self) -> dict[str, str]:
        """Template id → name of its series."""
        return {self.raw.miner.identity(number): name for number, name in self.names.items()}

    def _name(self, table: pl.DataFrame) -> None:
        room = MAX_SERIES - len(self.names)
        if room <= 0:
            return
        frequent = table.filter(
            ~pl.col("number").is_in(list(self.names)) & (pl.col("lines") >= LINES_FOR_SERIES)
        )
        for number, text in frequent.head(room).select("number", "template").iter_rows():
            self.names[number] = text[:_LONGEST_NAME]


class LogSeries:
    """Turns logs into points of series, in the order in which they come."""

    def __init__(self) -> None:
        self._services: dict[_Owner, _Service] = {}

    def observe(self, logs: pl.DataFrame) -> Mined:
        """Templates and points of lines (columns of LOGS, and any others).

        `log_lines`: a line of the template that `route` names. `log_new_templates`: a template
        that was not seen before. `log_error_lines`: a line that is graver than a warning. The last
        two are 0 for a service's lines of a batch without one.
        """
        found = [
            self._service(owner).mine(lines)
            for owner, lines in described(logs.with_row_index("row"))
            .partition_by("tenant", "service", as_dict=True, maintain_order=True)
            .items()
        ]
        if not found:
            return Mined(pl.DataFrame(schema=POINTS), pl.DataFrame())
        # The watermark follows the lines as they came.
        lines = pl.concat(found).sort("row")
        return Mined(_points(lines), lines)

    def _service(self, owner: Any) -> _Service:
        if owner not in self._services and len(self._services) >= MAX_MINERS:
            owner = (OTHER, OTHER)
        return self._services.setdefault(owner, _Service())

    def state(self) -> list[dict[str, Any]]:
        """Everything needed to go on after a restart, as JSON."""
        return [
            {"owner": owner, "raw": service.raw.state(), "names": service.named_ids()}
            for owner, service in self._services.items()
        ]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Go on from `state()`."""
        for saved in state:
            service = _Service(RawMiner.restored(saved["raw"], MAX_PATTERNS))
            numbers = service.raw.miner.numbers
            service.names = {
                numbers[identity]: name
                for identity, name in saved["names"].items()
                if identity in numbers
            }
            self._services[tuple(saved["owner"])] = service


def _points(lines: pl.DataFrame) -> pl.DataFrame:
    """Points of lines that are mined."""
    key = [pl.col(name) for name in KEY_COLUMNS if name not in ("route", "method")]
    nothing = pl.lit(None, pl.String)
    rates = lines.select(
        "row", "time", *key, route="name", method=nothing, metric=pl.lit(LINES), lines=pl.lit(1)
    )
    is_grave = severity_number(lines["level"]) >= NUMBERS["ERROR"]
    lines = lines.with_columns(is_grave=is_grave.fill_null(False))
    # The first line of a service stands for the batch, so that a series goes on without such lines.
    is_first = pl.struct(key).is_first_distinct()
    events = [
        lines.filter(pl.col(happened) | is_first).select(
            "row", "time", *key, route=nothing, method=nothing, metric=pl.lit(metric),
            lines=pl.col(happened),
        )
        for metric, happened in ((NEW_TEMPLATES, "is_new"), (ERROR_LINES, "is_grave"))
    ]  # fmt: skip
    schema = pl.Schema({"row": pl.UInt32(), **POINTS})
    points = pl.concat(frame.select(list(schema)).cast(schema) for frame in (rates, *events))
    return points.sort("row", maintain_order=True).drop("row")
