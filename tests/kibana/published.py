"""The shapes that Kibana 8 publishes for the attributes of its saved objects.

Fields and types of `dashboardAttributesSchema` (dashboard, model versions 1 and 2), of
`SCHEMA_SEARCH_BASE` (saved search), of `lensItemAttributesSchemaV0` (lens) and of the data view's
attributes; fields that Kibana forbids are forbidden here.
"""

from typing import Any, Literal

import pydantic


class Strict(pydantic.BaseModel):
    """Unknown fields are refused."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)


class Reference(Strict):
    name: str
    type: str
    id: str


class SearchSource(Strict):
    searchSourceJSON: str


class RefreshInterval(Strict):
    pause: bool
    value: int


class ControlGroup(Strict):
    panelsJSON: str
    controlStyle: Literal["oneLine", "twoLine"]
    chainingSystem: Literal["HIERARCHICAL", "NONE"]
    ignoreParentSettingsJSON: str


class Dashboard(Strict):
    title: str
    description: str
    kibanaSavedObjectMeta: SearchSource
    timeRestore: bool
    timeFrom: str
    timeTo: str
    refreshInterval: RefreshInterval
    controlGroupInput: ControlGroup | None = None
    panelsJSON: str
    optionsJSON: str


class Search(Strict):
    title: str
    description: str
    columns: list[str]
    sort: list[list[str]]
    grid: dict[str, Any]
    hideChart: bool
    isTextBasedQuery: bool
    kibanaSavedObjectMeta: SearchSource


class Lens(Strict):
    title: str
    description: str | None = None
    visualizationType: Literal["lnsXY", "lnsMetric", "lnsDatatable", "lnsHeatmap"]
    state: dict[str, Any]


class DataView(Strict):
    title: str
    name: str
    timeFieldName: str


class GridData(Strict):
    x: int
    y: int
    w: int
    h: int
    i: str


class DashboardPanel(Strict):
    type: Literal["lens", "search"]
    panelIndex: str
    gridData: GridData
    embeddableConfig: dict[str, Any]
    panelRefName: str


ATTRIBUTES = {"dashboard": Dashboard, "search": Search, "lens": Lens, "index-pattern": DataView}
