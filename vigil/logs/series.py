"""Log lines to series: how many lines of each template, and how many templates are new.

Each service of a tenant has a miner of its own. A template gets a series once it is no rarity; the
lines of all others are counted under `__other__`, so the number of series is bounded.
"""

from typing import Any

import polars as pl

from vigil.events.schema import KEY_COLUMNS
from vigil.logs.lines import lines_of
from vigil.logs.raw import RawMiner

LINES, NEW_TEMPLATES = "log_lines", "log_new_templates"
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
# With the number of the line that each point comes from.
_PLACED = pl.Schema({"line": pl.UInt32(), **POINTS})

_Owner = tuple[str | None, str | None]


class _Service:
    """The templates of one service; `names`: template number → name of its series."""

    def __init__(self, raw: RawMiner | None = None) -> None:
        self.raw = raw or RawMiner(max_patterns=MAX_PATTERNS)
        self.names: dict[int, str] = {}

    def describe(self, bodies: pl.Series) -> pl.DataFrame:
        """For each line `name`, the route of its series, and `is_new`: the first of a template."""
        before = self.raw.miner.count
        numbers = self.raw.observe(lines_of(bodies.to_arrow()))
        found = pl.DataFrame({"number": numbers})
        self._name(set(found["number"].unique()) - self.names.keys())
        return found.select(
            name=pl.col("number").replace_strict(self.names, default=OTHER, return_dtype=pl.String),
            is_new=(pl.col("number") >= before) & pl.col("number").is_first_distinct(),
        )

    def points_of(self, lines: pl.DataFrame) -> list[pl.DataFrame]:
        """Points of this service's lines."""
        described = lines.with_columns(self.describe(lines["body"]))
        key = [pl.col(name) for name in ("line", *KEY_COLUMNS) if name not in ("route", "method")]
        nothing = pl.lit(None, pl.String)
        rates = described.select(
            "time", *key, route="name", method=nothing, metric=pl.lit(LINES), lines=pl.lit(1)
        )
        # The first line stands for the batch, so that the series goes on without new templates.
        first = described["line"][0]
        news = described.filter(pl.col("is_new") | (pl.col("line") == first)).select(
            "time",
            *key,
            route=nothing,
            method=nothing,
            metric=pl.lit(NEW_TEMPLATES),
            lines=pl.col("is_new").cast(pl.Int64),
        )
        return [frame.select(list(_PLACED)).cast(_PLACED) for frame in (rates, news)]

    def named_ids(self) -> dict[str, str]:
        """Template id → name of its series."""
        return {self.raw.miner.identity(number): name for number, name in self.names.items()}

    def _name(self, unnamed: set[int]) -> None:
        room = MAX_SERIES - len(self.names)
        if not unnamed or room <= 0:
            return
        frequent = self.raw.miner.table().filter(
            pl.col("number").is_in(unnamed) & (pl.col("lines") >= LINES_FOR_SERIES)
        )
        for number, text in frequent.head(room).select("number", "template").iter_rows():
            self.names[number] = text[:_LONGEST_NAME]


class LogSeries:
    """Turns logs into points of series, in the order in which they come."""

    def __init__(self) -> None:
        self._services: dict[_Owner, _Service] = {}

    def points(self, logs: pl.DataFrame) -> pl.DataFrame:
        """Points (schema POINTS) of lines (columns of LOGS).

        `log_lines`: a line of the template that `route` names. `log_new_templates`: a template
        that was not seen before; 0 for a batch without one.
        """
        found = [pl.DataFrame(schema=_PLACED)]
        for owner, lines in (
            logs.with_row_index("line")
            .partition_by("tenant", "service", as_dict=True, maintain_order=True)
            .items()
        ):
            found += self._service(owner).points_of(lines)
        # The watermark follows the lines as they came.
        return pl.concat(found).sort("line", maintain_order=True).drop("line")

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
