"""The four dashboards: estate, service, journey, incidents."""

from vigil.kibana.panels import (
    ALERTS,
    GRAPH,
    LINES,
    SCORES,
    Condition,
    Control,
    Dashboard,
    Metric,
    Panel,
    SavedSearch,
    Split,
)

_FLAGGED = Condition("vigil.flagged", True)
_OPENED = Condition("action", "opened")
_RESOLVED = Condition("action", "resolved")
_RATE = Condition("vigil.metric", "request_rate")
_ERRORS = Condition("vigil.metric", "error_ratio")
_P95 = Condition("vigil.metric", "latency_ms_p95")

_UNUSUAL = Metric("unusual windows", "count", where=(_FLAGGED,))
_STRANGEST = Metric("highest score", "max", "vigil.score")
_ACTUAL = Metric("actual", "average", "vigil.actual")
_BAND = (
    _ACTUAL,
    Metric("expected", "average", "vigil.expected"),
    Metric("lower", "average", "vigil.lower"),
    Metric("upper", "average", "vigil.upper"),
)

_BY_ENVIRONMENT = Split("environment", "service.environment", 6)
_BY_SERVICE = Split("service", "service.name", 12)
_BY_ROUTE = Split("route", "http.route", 12)
_BY_METRIC = Split("metric", "vigil.metric", 8)

ESTATE = Dashboard(
    "vigil-estate",
    "Vigil: estate overview",
    "Every environment at a glance: what is watched, what is unusual, where.",
    (
        Panel(
            "estate-services", "Services watched", "metric", SCORES,
            (Metric("services", "unique_count", "service.name"),), width=12, height=7,
        ),
        Panel(
            "estate-series", "Series watched", "metric", SCORES,
            (Metric("series", "unique_count", "vigil.series_id"),), width=12, height=7,
        ),
        Panel(
            "estate-unusual", "Unusual windows", "metric", SCORES, (_UNUSUAL,), width=12, height=7
        ),
        Panel(
            "estate-incidents", "Incidents opened", "metric", ALERTS,
            (Metric("incidents", "unique_count", "incident_id", (_OPENED,)),), width=12, height=7,
        ),
        Panel(
            "estate-unusual-by-environment", "Unusual windows by environment", "bar", SCORES,
            (_UNUSUAL,), (_BY_ENVIRONMENT,), over_time=True,
        ),
        Panel(
            "estate-requests-by-environment", "Requests/s of a route, by environment", "line",
            SCORES, (_ACTUAL,), (_BY_ENVIRONMENT,), over_time=True, where=(_RATE,),
        ),
        Panel(
            "estate-heatmap", "How unusual, service by service", "heatmap", SCORES, (_STRANGEST,),
            (_BY_SERVICE,), over_time=True, width=48, height=14,
        ),
        Panel(
            "estate-worst-services", "Services by unusual windows", "table", SCORES,
            (_UNUSUAL, _STRANGEST, Metric("warm-up done", "average", "vigil.warming_up",
             percent=True)),
            (_BY_SERVICE, _BY_ENVIRONMENT), width=48, height=14,
        ),
    ),
    (Control("Environment", "service.environment"), Control("Cloud", "cloud.provider")),
)  # fmt: skip

SERVICE = Dashboard(
    "vigil-service",
    "Vigil: service",
    "One service: actual against expected, route by route. Choose the service above.",
    (
        Panel(
            "service-p95", "Latency p95 (ms): actual and usual band", "line", SCORES, _BAND,
            over_time=True, where=(_P95,), width=48, height=13,
        ),
        Panel(
            "service-errors", "Error ratio: actual and usual band", "line", SCORES, _BAND,
            over_time=True, where=(_ERRORS,),
        ),
        Panel(
            "service-requests", "Requests/s: actual and usual band", "line", SCORES, _BAND,
            over_time=True, where=(_RATE,),
        ),
        Panel(
            "service-routes", "Routes by unusual windows", "table", SCORES,
            (_UNUSUAL, _STRANGEST), (_BY_ROUTE, _BY_METRIC), width=48, height=14,
        ),
        SavedSearch(
            "vigil-unusual-windows", "Vigil: unusual windows", SCORES,
            ("service.name", "http.route", "vigil.metric", "vigil.actual", "vigil.expected",
             "vigil.p", "vigil.model"),
            (_FLAGGED,),
        ),
        SavedSearch(
            "vigil-log-lines", "Vigil: log lines", LINES,
            ("log.level", "service.name", "message", "vigil.lines", "vigil.template", "trace.id"),
        ),
    ),
    (Control("Service", "service.name"), Control("Route", "http.route")),
)  # fmt: skip

JOURNEY = Dashboard(
    "vigil-journey",
    "Vigil: journey",
    "A request's way across environments: where the time goes and where errors begin.",
    (
        Panel(
            "journey-latency-by-service", "Latency p95 (ms) of each hop", "line", SCORES,
            (_ACTUAL,), (_BY_SERVICE,), over_time=True, where=(_P95,), width=48, height=13,
        ),
        Panel(
            "journey-latency-by-cloud", "Latency p95 (ms) by environment", "line", SCORES,
            (_ACTUAL,), (_BY_ENVIRONMENT,), over_time=True, where=(_P95,),
        ),
        Panel(
            "journey-errors-by-service", "Error ratio of each hop", "line", SCORES, (_ACTUAL,),
            (_BY_SERVICE,), over_time=True, where=(_ERRORS,),
        ),
        Panel(
            "journey-environments", "The same service in each environment (latency p95, ms)",
            "table", SCORES,
            (*_BAND[:2], Metric("worst", "max", "vigil.actual")), (_BY_SERVICE, _BY_ENVIRONMENT),
            where=(_P95,),
        ),
        Panel(
            "journey-origins", "Where incidents began", "bar", ALERTS,
            (Metric("incidents", "unique_count", "incident_id", (_OPENED,)),),
            (Split("origin", "origin", 12),),
        ),
        Panel(
            "journey-calls", "Who calls whom in the time chosen", "table", GRAPH,
            (Metric("requests", "sum", "vigil.requests"), Metric("errors", "sum", "vigil.errors"),
             Metric("mean ms", "average", "vigil.latency_ms_mean"),
             Metric("largest ms", "max", "vigil.latency_ms_max")),
            (Split("caller", "service.origin.name", 20), Split("service", "service.name", 20),
             Split("environment", "service.environment", 6)),
            width=48, height=16,
        ),
    ),
    (Control("Service", "service.name"), Control("Region", "cloud.region")),
)  # fmt: skip

INCIDENTS = Dashboard(
    "vigil-incidents",
    "Vigil: incidents",
    "What was alerted, since when, and whether it is over.",
    (
        Panel(
            "incidents-opened", "Opened", "metric", ALERTS,
            (Metric("opened", "count", where=(_OPENED,)),), width=16, height=7,
        ),
        Panel(
            "incidents-resolved", "Resolved", "metric", ALERTS,
            (Metric("resolved", "count", where=(_RESOLVED,)),), width=16, height=7,
        ),
        Panel(
            "incidents-largest", "Series in the largest", "metric", ALERTS,
            (Metric("series", "max", "series_count"),), width=16, height=7,
        ),
        Panel(
            "incidents-over-time", "Alerts by action", "bar", ALERTS,
            (Metric("alerts", "count"),), (Split("action", "action", 4),), over_time=True,
        ),
        Panel(
            "incidents-by-service", "Services involved", "bar", ALERTS,
            (Metric("incidents", "unique_count", "incident_id"),),
            (Split("service", "services", 12),),
        ),
        SavedSearch(
            "vigil-alerts-latest", "Vigil: alerts", ALERTS,
            ("action", "status", "title", "reason", "causes.service", "causes.environment",
             "excess.words", "in_common", "trace_ids", "incident_id"),
            width=48, height=18,
        ),
    ),
)  # fmt: skip

DASHBOARDS = (ESTATE, SERVICE, JOURNEY, INCIDENTS)
