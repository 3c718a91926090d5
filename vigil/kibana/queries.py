"""What a panel asks of Elasticsearch: the request that its chart sends, without the chart."""

from datetime import datetime, timedelta
from typing import Any

from vigil.kibana.panels import TIME_FIELD, Metric, Panel, SavedSearch

BUCKETS = 60
TABLE_ROWS = 500

_AGGREGATIONS = {"unique_count": "cardinality", "average": "avg"}


def search_request(
    panel: Panel | SavedSearch, start_at: datetime, end_at: datetime
) -> dict[str, Any]:
    """Arguments of a search over [start_at, end_at).

    Aggregations are nested: `split0`, `split1`, then `over_time`, then `metric0` and so on; a
    metric with conditions of its own is `metric0` within a filter of that name.
    """
    span = {"range": {TIME_FIELD: {"gte": start_at.isoformat(), "lt": end_at.isoformat()}}}
    filters = [span, *(condition.dsl for condition in panel.where)]
    request: dict[str, Any] = {"index": f"{panel.index}*", "query": {"bool": {"filter": filters}}}
    if isinstance(panel, SavedSearch):
        newest = [{TIME_FIELD: "desc"}]
        return request | {"size": TABLE_ROWS, "sort": newest, "source": list(panel.columns)}
    return request | {"size": 0, "aggs": _aggregations(panel, start_at, end_at)}


def bucket_width(start_at: datetime, end_at: datetime) -> timedelta:
    """Width of a time bucket, in whole minutes: about sixty of them in the range."""
    return timedelta(minutes=max(1, round((end_at - start_at).total_seconds() / 60 / BUCKETS)))


def _aggregations(panel: Panel, start_at: datetime, end_at: datetime) -> dict[str, Any]:
    inner = {f"metric{n}": _metric(metric, n) for n, metric in enumerate(panel.metrics)}
    if panel.over_time:
        width_s = int(bucket_width(start_at, end_at).total_seconds())
        histogram = {"field": TIME_FIELD, "fixed_interval": f"{width_s}s", "min_doc_count": 1}
        inner = {"over_time": {"date_histogram": histogram, "aggs": inner}}
    first = {"metric0": _metric(panel.metrics[0], 0)}
    for number, split in reversed(list(enumerate(panel.splits))):
        terms = {"field": split.field, "size": split.size, "order": {_order(panel): "desc"}}
        inner = {f"split{number}": {"terms": terms, "aggs": first | inner}}
    return inner


def _order(panel: Panel) -> str:
    """Where the first metric's value lies within a bucket."""
    metric = panel.metrics[0]
    if metric.operation == "count":
        return "metric0" if metric.where else "_count"
    return "metric0>metric0" if metric.where else "metric0"


def _metric(metric: Metric, number: int) -> dict[str, Any]:
    if metric.operation == "count":
        # The bucket's own count, or that of the filter.
        own: dict[str, Any] = {"value_count": {"field": TIME_FIELD}}
    else:
        name = _AGGREGATIONS.get(metric.operation, metric.operation)
        own = {name: {"field": metric.field}}
    if not metric.where:
        return own
    filters = [condition.dsl for condition in metric.where]
    return {"filter": {"bool": {"filter": filters}}, "aggs": {f"metric{number}": own}}
