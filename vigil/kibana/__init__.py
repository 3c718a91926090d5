"""What operators see in Kibana: one definition, written as saved objects and as plain queries."""

from vigil.kibana.dashboards import DASHBOARDS
from vigil.kibana.panels import Dashboard, Panel, SavedSearch
from vigil.kibana.queries import search_request
from vigil.kibana.saved_objects import saved_objects, to_ndjson

__all__ = [
    "DASHBOARDS",
    "Dashboard",
    "Panel",
    "SavedSearch",
    "saved_objects",
    "search_request",
    "to_ndjson",
]
