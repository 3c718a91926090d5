"""The vocabulary of dashboards: what a panel counts, where, split by what.

A definition knows nothing of Kibana's formats: `saved_objects` and `queries` both read it, so what
a test asks Elasticsearch is what the panel shows.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from vigil.stores.documents import ALERTS_INDEX, GRAPH_INDEX, LINES_INDEX, SCORES_INDEX

SCORES, ALERTS, GRAPH, LINES = SCORES_INDEX, ALERTS_INDEX, GRAPH_INDEX, LINES_INDEX
TIME_FIELD = "@timestamp"

Operation = Literal["count", "unique_count", "average", "sum", "min", "max"]
Kind = Literal["metric", "line", "bar", "table", "heatmap"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A field that must have one value; true for a document that has it among several."""

    field: str
    value: str | bool

    @property
    def kql(self) -> str:
        """In Kibana's query language."""
        value = str(self.value).lower() if isinstance(self.value, bool) else f'"{self.value}"'
        return f"{self.field} : {value}"

    @property
    def dsl(self) -> dict[str, Any]:
        """As an Elasticsearch filter."""
        return {"term": {self.field: self.value}}


@dataclass(frozen=True, slots=True)
class Metric:
    """A number for each bucket; `where` narrows what it looks at."""

    label: str
    operation: Operation
    field: str = ""
    where: tuple[Condition, ...] = ()
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """A bucket for each of the `size` values of a field with the largest first metric."""

    label: str
    field: str
    size: int = 10


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart. `width` of 48 columns, `height` in rows of Kibana's grid."""

    panel_id: str
    title: str
    kind: Kind
    index: str
    metrics: tuple[Metric, ...]
    splits: tuple[Split, ...] = ()
    over_time: bool = False
    where: tuple[Condition, ...] = ()
    width: int = 24
    height: int = 11


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A table of documents, the newest first."""

    panel_id: str
    title: str
    index: str
    columns: tuple[str, ...]
    where: tuple[Condition, ...] = ()
    width: int = 48
    height: int = 16


@dataclass(frozen=True, slots=True)
class Control:
    """A list of a field's values to choose from."""

    label: str
    field: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Panels in reading order; a row is full at 48 columns."""

    dashboard_id: str
    title: str
    description: str
    panels: tuple[Panel | SavedSearch, ...]
    controls: tuple[Control, ...] = field(default=())


def kql(conditions: tuple[Condition, ...]) -> str:
    """All conditions together."""
    return " and ".join(condition.kql for condition in conditions)
