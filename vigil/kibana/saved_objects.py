"""Dashboards as Kibana's saved objects, ready to be imported (NDJSON).

Forms of Kibana 8: `coreMigrationVersion` 8.8.0 and the type versions below; later versions migrate
them on import. Ids are fixed, so an import replaces what an earlier one brought.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from vigil.kibana.panels import (
    ALERTS,
    GRAPH,
    LINES,
    SCORES,
    TIME_FIELD,
    Control,
    Dashboard,
    Metric,
    Panel,
    SavedSearch,
    Split,
    kql,
)

CORE_VERSION = "8.8.0"
TYPE_VERSIONS = {"index-pattern": "8.0.0", "lens": "8.9.0", "search": "8.0.0", "dashboard": "8.9.0"}
GRID_COLUMNS = 48
LAYER = "layer"

SavedObject = dict[str, Any]

_NAMES = {
    SCORES: "Vigil scores",
    ALERTS: "Vigil alerts",
    GRAPH: "Vigil service graph",
    LINES: "Vigil log lines",
}
_XY = {"line": "line", "bar": "bar_stacked"}


def saved_objects(dashboards: Sequence[Dashboard]) -> list[SavedObject]:
    """Data views, then charts and searches, then the dashboards made of them."""
    panels = [panel for dashboard in dashboards for panel in dashboard.panels]
    return [
        *(_data_view(index) for index in _NAMES),
        *(_lens(panel) if isinstance(panel, Panel) else _search(panel) for panel in panels),
        *(_dashboard(dashboard) for dashboard in dashboards),
    ]


def to_ndjson(objects: Iterable[SavedObject]) -> bytes:
    """One object a line, as Kibana's import takes them."""
    return b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in objects)


def _object(
    kind: str, object_id: str, attributes: dict[str, Any], references: list[dict[str, str]]
) -> SavedObject:
    return {
        "type": kind,
        "id": object_id,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": CORE_VERSION,
        "typeMigrationVersion": TYPE_VERSIONS[kind],
    }


def _json(document: Any) -> str:
    return orjson.dumps(document).decode()


def _reference(name: str, kind: str, object_id: str) -> dict[str, str]:
    return {"name": name, "type": kind, "id": object_id}


def _data_view(index: str) -> SavedObject:
    attributes = {"title": f"{index}*", "name": _NAMES[index], "timeFieldName": TIME_FIELD}
    return _object("index-pattern", index, attributes, [])


def _query(text: str) -> dict[str, str]:
    return {"query": text, "language": "kuery"}


def _lens(panel: Panel) -> SavedObject:
    columns = _columns(panel)
    state = {
        "datasourceStates": {
            "formBased": {
                "layers": {
                    LAYER: {
                        "columns": columns,
                        "columnOrder": list(columns),
                        "incompleteColumns": {},
                    }
                }
            }
        },
        "visualization": _visualization(panel),
        "query": _query(kql(panel.where)),
        "filters": [],
    }
    kinds = {"metric": "lnsMetric", "table": "lnsDatatable", "heatmap": "lnsHeatmap"}
    attributes = {
        "title": panel.title,
        "visualizationType": kinds.get(panel.kind, "lnsXY"),
        "state": state,
    }
    references = [
        _reference(f"indexpattern-datasource-layer-{LAYER}", "index-pattern", panel.index)
    ]
    return _object("lens", panel.panel_id, attributes, references)


def _columns(panel: Panel) -> dict[str, dict[str, Any]]:
    """Columns by id: buckets first, as Lens wants them."""
    columns = {f"split{n}": _terms(split) for n, split in enumerate(panel.splits)}
    if panel.over_time:
        columns["over_time"] = {
            "operationType": "date_histogram", "sourceField": TIME_FIELD, "dataType": "date",
            "label": TIME_FIELD, "isBucketed": True, "scale": "interval",
            "params": {"interval": "auto", "includeEmptyRows": False, "dropPartials": False},
        }  # fmt: skip
    return columns | {f"metric{n}": _metric(metric) for n, metric in enumerate(panel.metrics)}


def _terms(split: Split) -> dict[str, Any]:
    return {
        "operationType": "terms", "sourceField": split.field, "dataType": "string",
        "label": split.label, "customLabel": True, "isBucketed": True, "scale": "ordinal",
        "params": {
            "size": split.size, "orderBy": {"type": "column", "columnId": "metric0"},
            "orderDirection": "desc", "otherBucket": False, "missingBucket": False,
            "parentFormat": {"id": "terms"},
        },
    }  # fmt: skip


def _metric(metric: Metric) -> dict[str, Any]:
    column: dict[str, Any] = {
        "operationType": metric.operation,
        "sourceField": metric.field or "___records___",
        "dataType": "number",
        "label": metric.label,
        "customLabel": True,
        "isBucketed": False,
        "scale": "ratio",
        "params": {"emptyAsNull": metric.operation != "count"},
    }
    if metric.percent:
        column["params"]["format"] = {"id": "percent", "params": {"decimals": 0}}
    if metric.where:
        column["filter"] = _query(kql(metric.where))
    return column


def _visualization(panel: Panel) -> dict[str, Any]:
    metrics = [f"metric{n}" for n in range(len(panel.metrics))]
    layer = {"layerId": LAYER, "layerType": "data"}
    if panel.kind == "metric":
        return {**layer, "metricAccessor": metrics[0]}
    if panel.kind == "table":
        columns = [*(f"split{n}" for n in range(len(panel.splits))), *metrics]
        return {**layer, "columns": [{"columnId": column} for column in columns]}
    if panel.kind == "heatmap":
        shown = {f"is{axis}AxisLabelVisible": True for axis in "XY"}
        return {
            **layer,
            "shape": "heatmap",
            "xAccessor": "over_time",
            "yAccessor": "split0",
            "valueAccessor": metrics[0],
            "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
            "gridConfig": {"type": "heatmap_grid", "isCellLabelVisible": False, **shown},
        }
    series = _XY[panel.kind]
    across = "over_time" if panel.over_time else "split0"
    data = {**layer, "seriesType": series, "xAccessor": across, "accessors": metrics}
    if panel.over_time and panel.splits:
        data["splitAccessor"] = "split0"
    return {
        "legend": {"isVisible": True, "position": "right"},
        "preferredSeriesType": series,
        "valueLabels": "hide",
        "fittingFunction": "Linear",
        "layers": [data],
    }


def _search(search: SavedSearch) -> SavedObject:
    index_name = "kibanaSavedObjectMeta.searchSourceJSON.index"
    source = {"query": _query(kql(search.where)), "filter": [], "indexRefName": index_name}
    attributes = {
        "title": search.title,
        "description": "",
        "columns": list(search.columns),
        "sort": [[TIME_FIELD, "desc"]],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _json(source)},
    }
    references = [_reference(index_name, "index-pattern", search.index)]
    return _object("search", search.panel_id, attributes, references)


def _dashboard(dashboard: Dashboard) -> SavedObject:
    panels, references = [], []
    for panel, (x, y) in zip(dashboard.panels, _places(dashboard.panels), strict=True):
        kind, name = "lens" if isinstance(panel, Panel) else "search", panel.panel_id
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height, "i": name}
        panels.append(
            {
                "type": kind,
                "panelIndex": name,
                "gridData": place,
                "embeddableConfig": {"enhancements": {}},
                "panelRefName": f"panel_{name}",
            }
        )
        references.append(_reference(f"{name}:panel_{name}", kind, name))
    controls, control_references = _controls(dashboard.controls)
    attributes = {
        "title": dashboard.title,
        "description": dashboard.description,
        "timeRestore": True,
        "timeFrom": "now-24h",
        "timeTo": "now",
        "refreshInterval": {"pause": False, "value": 30_000},
        "panelsJSON": _json(panels),
        "optionsJSON": _json({"useMargins": True, "syncCursor": True, "syncTooltips": True}),
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": _json({"query": _query(""), "filter": []}),
        },
        **controls,
    }
    return _object("dashboard", dashboard.dashboard_id, attributes, references + control_references)


def _places(panels: Sequence[Panel | SavedSearch]) -> list[tuple[int, int]]:
    """(x, y) of each panel: left to right, a new row where one does not fit."""
    places, x, y, tallest = [], 0, 0, 0
    for panel in panels:
        if x + panel.width > GRID_COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        places.append((x, y))
        x, tallest = x + panel.width, max(tallest, panel.height)
    return places


def _controls(controls: Sequence[Control]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Lists to choose from above the panels; each filters every panel and the next list."""
    if not controls:
        return {}, []
    panels, references = {}, []
    for order, control in enumerate(controls):
        name = f"control{order}"
        chosen = {"id": name, "fieldName": control.field, "title": control.label}
        panels[name] = {
            "order": order,
            "width": "medium",
            "grow": True,
            "type": "optionsListControl",
            "explicitInput": {**chosen, "selectedOptions": [], "enhancements": {}},
        }
        references.append(
            _reference(f"controlGroup_{name}:optionsListDataView", "index-pattern", SCORES)
        )
    group = {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "ignoreParentSettingsJSON": _json({}),
        "panelsJSON": _json(panels),
    }
    return {"controlGroupInput": group}, references
