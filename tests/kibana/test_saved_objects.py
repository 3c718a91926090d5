"""Saved objects: in the published shapes, complete, and on the grid without overlap."""

import itertools

import orjson
import pytest
from published import ATTRIBUTES, DashboardPanel, Reference

from vigil.kibana import DASHBOARDS, Panel, SavedSearch, saved_objects, to_ndjson
from vigil.stores.elastic_templates import FIELDS

OBJECTS = saved_objects(DASHBOARDS)
PANELS = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: item["id"])
def test_each_object_has_the_published_shape(item):
    """Attributes that Kibana does not know would be refused on import."""
    ATTRIBUTES[item["type"]].model_validate(item["attributes"])
    for reference in item["references"]:
        Reference.model_validate(reference)


def test_there_are_four_dashboards_with_charts_searches_and_views():
    """What operators were promised."""
    titles = {item["attributes"]["title"] for item in OBJECTS if item["type"] == "dashboard"}
    assert titles == {
        f"Vigil: {name}" for name in ("estate overview", "service", "journey", "incidents")
    }
    assert {item["id"] for item in OBJECTS if item["type"] == "index-pattern"} == {
        "vigil-scores", "vigil-alerts", "vigil-graph", "vigil-logs",
    }  # fmt: skip
    assert sum(item["type"] == "search" for item in OBJECTS) == 3


def test_every_reference_leads_to_an_object_that_comes_before_it():
    """An import of this file alone is complete."""
    seen = set()
    for item in OBJECTS:
        for reference in item["references"]:
            assert (reference["type"], reference["id"]) in seen, (item["id"], reference)
        assert (item["type"], item["id"]) not in seen, "ids are unique"
        seen.add((item["type"], item["id"]))


@pytest.mark.parametrize("dashboard", [item for item in OBJECTS if item["type"] == "dashboard"],
                         ids=lambda item: item["id"])  # fmt: skip
def test_panels_fill_the_grid_without_overlap(dashboard):
    """Each panel is on the 48 columns, refers to its chart, and covers no other."""
    panels = [
        DashboardPanel.model_validate(panel)
        for panel in orjson.loads(dashboard["attributes"]["panelsJSON"])
    ]
    names = {reference["name"] for reference in dashboard["references"]}
    for panel in panels:
        place = panel.gridData
        assert 0 <= place.x < place.x + place.w <= 48
        assert f"{panel.panelIndex}:{panel.panelRefName}" in names
    for one, other in itertools.combinations([panel.gridData for panel in panels], 2):
        beside = one.x + one.w <= other.x or other.x + other.w <= one.x
        above = one.y + one.h <= other.y or other.y + other.h <= one.y
        assert beside or above, (one, other)


@pytest.mark.parametrize("item", [item for item in OBJECTS if item["type"] == "lens"],
                         ids=lambda item: item["id"])  # fmt: skip
def test_a_chart_shows_columns_that_it_has(item):
    """Accessors name columns of the layer; buckets come before metrics."""
    state = item["attributes"]["state"]
    layer = state["datasourceStates"]["formBased"]["layers"]["layer"]
    columns, chart = layer["columns"], state["visualization"]
    bucketed = [columns[name]["isBucketed"] for name in layer["columnOrder"]]
    assert bucketed == sorted(bucketed, reverse=True)
    shown = set()
    for part in (chart, *chart.get("layers", [])):
        for name, value in part.items():
            if name.lower().endswith("accessor"):
                shown.add(value)
        shown |= set(part.get("accessors", []))
        shown |= {column["columnId"] for column in part.get("columns", [])}
    assert shown == set(columns)


def known(fields: dict, name: str) -> bool:
    """True where the index's mapping has the field."""
    for part in name.split("."):
        if part not in fields:
            return False
        fields = fields[part].get("properties", {})
    return True


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.panel_id)
def test_panels_use_fields_that_documents_have(panel):
    """The index's mapping is strict: an unknown field is a typing error."""
    fields = FIELDS[panel.index]
    used = [condition.field for condition in panel.where]
    if isinstance(panel, SavedSearch):
        used += panel.columns
    if isinstance(panel, Panel):
        used += [split.field for split in panel.splits]
        used += [metric.field for metric in panel.metrics if metric.field]
        used += [where.field for metric in panel.metrics for where in metric.where]
    assert [name for name in used if not known(fields, name)] == []


def test_exporting_twice_gives_the_same_file():
    """Ids and order are fixed, so versions can be compared."""
    assert to_ndjson(OBJECTS) == to_ndjson(saved_objects(DASHBOARDS))
    assert len(to_ndjson(OBJECTS).splitlines()) == len(OBJECTS)
