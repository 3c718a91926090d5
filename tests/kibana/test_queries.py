"""Each panel's query on a real Elasticsearch, compared with the same sums made by hand."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import fmean

import httpx
import polars as pl
import pytest

from vigil.detect import OnlineDetector
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_EVENTS
from vigil.kibana import DASHBOARDS, Panel, SavedSearch, search_request
from vigil.kibana.queries import bucket_width
from vigil.logs.sampling import KEPT_LINES
from vigil.simulate import SimulationPlan, chunk_count, plan_faults, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.documents import (
    alert_documents,
    edge_documents,
    line_documents,
    score_documents,
)
from vigil.stores.elastic import ElasticSink
from vigil.stores.log import StoredMessage
from vigil.stream.pipeline import Pipeline
from vigil.windows.tumbling import WindowSpec

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 5
END = START + timedelta(hours=HOURS)
# What the localiser adds to an alert.
LOCALISED = {
    "causes": {"service": "payments", "environment": "aws-prod", "score": 0.7},
    "excess": {"words": "+40 ms: 40 in payments@aws-prod itself"},
    "in_common": ["97% of bad requests have version 1.8.2 (4% of the others)"],
}
PANELS = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]


@pytest.fixture(scope="module")
def stored(elasticsearch):
    """Scores and alerts of a simulated estate with faults: written, and as plain documents."""
    url = elasticsearch.url
    for index in httpx.get(f"{url}/_cat/indices/vigil-*?format=json").json():
        httpx.delete(f"{url}/{index['index']}").raise_for_status()
    faults = plan_faults(5, START + timedelta(hours=2), END, 4)
    plan = SimulationPlan(START, HOURS * 3600, 3.0, 5, faults)
    pipeline = Pipeline(WindowSpec(window_s=60), Limits(300, START), OnlineDetector())
    scored, alerts, edges, offset = [], [], [], 0
    for index in range(chunk_count(plan)):
        messages = [
            StoredMessage(TOPIC_EVENTS, 0, offset + number, END, message)
            for number, message in enumerate(arrow_messages(simulate_chunk(plan, index)))
        ]
        offset += len(messages)
        step = pipeline.step({(TOPIC_EVENTS, 0): messages}, END, index == chunk_count(plan) - 1)
        scored.append(step.scored)
        alerts += [alert | LOCALISED for alert in step.outputs.alerts]
        edges.append(step.outputs.edges)
    scores = pl.concat(scored)
    calls = (
        pl.concat(edges)
        .group_by("window_start", "caller", "service", "environment")
        .agg(pl.col("requests", "errors", "duration_ms_sum").sum(), pl.col("duration_ms_max").max())
    )
    sink = ElasticSink(url)
    assert sink.write_scores(scores) == []
    assert sink.write_alerts(alerts) == []
    assert sink.write_edges(calls) == []
    lines = kept_lines()
    assert sink.write_lines(lines) == []
    sink.refresh()
    documents = {
        "vigil-scores": score_documents(scores),
        "vigil-alerts": alert_documents(alerts),
        "vigil-graph": edge_documents(calls),
        "vigil-logs": line_documents(lines),
    }
    yield sink, documents
    sink.close()


def kept_lines() -> pl.DataFrame:
    """Some log lines, a minute apart."""
    rows = [
        {
            "line_id": f"{number}", "time": START + timedelta(minutes=number), "service": "search",
            "level": "ERROR", "severity": 17, "template_id": "t0", "template": "no <*>",
            "message": f"no {number}", "trace_id": "4bf92f3577b34da6", "lines": 3,
        }
        for number in range(5)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=KEPT_LINES)


def values_of(document: dict, name: str) -> list:
    """All values that a field has in a document."""
    found = document
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
        if found is None:
            return []
    return found if isinstance(found, list) else [found]


def meets(document: dict, conditions) -> bool:
    """True where every condition holds."""
    return all(where.value in values_of(document, where.field) for where in conditions)


def by_hand(metric, documents: list[dict]) -> float | None:
    """A metric over documents, without Elasticsearch."""
    chosen = [document for document in documents if meets(document, metric.where)]
    if metric.operation == "count":
        return len(chosen)
    values = [value for document in chosen for value in values_of(document, metric.field)]
    if metric.operation == "unique_count":
        return len(set(values))
    if not values:
        return None
    return {"average": fmean, "sum": sum, "min": min, "max": max}[metric.operation](values)


def answer_of(bucket: dict, number: int) -> float | None:
    """A metric as Elasticsearch gave it."""
    found = bucket[f"metric{number}"]
    return found.get(f"metric{number}", found)["value"]


def check_metrics(panel: Panel, bucket: dict, documents: list[dict]) -> None:
    """All metrics of one bucket."""
    for number, metric in enumerate(panel.metrics):
        expected, found = by_hand(metric, documents), answer_of(bucket, number)
        # Elasticsearch's cardinality is an estimate.
        within = 0.02 if metric.operation == "unique_count" else 1e-6
        if expected is None:
            assert found is None
        else:
            assert found == pytest.approx(expected, rel=within, abs=1e-9), metric.label


def grouped(documents: list[dict], name: str) -> dict[object, list[dict]]:
    """Documents by each value of a field."""
    groups = defaultdict(list)
    for document in documents:
        for value in set(values_of(document, name)):
            groups[value].append(document)
    return groups


def check(panel: Panel, bucket: dict, documents: list[dict], depth: int = 0) -> None:
    """One level of the answer after the other."""
    if depth < len(panel.splits):
        groups = grouped(documents, panel.splits[depth].field)
        inner = bucket[f"split{depth}"]["buckets"]
        assert inner, "nothing to show"
        assert len(inner) == min(len(groups), panel.splits[depth].size)
        for part in inner:
            check(panel, part, groups[part["key"]], depth + 1)
        return
    if not panel.over_time:
        check_metrics(panel, bucket, documents)
        return
    width = bucket_width(START, END)
    groups = defaultdict(list)
    for document in documents:
        at = datetime.fromisoformat(document["@timestamp"])
        groups[START + (at - START) // width * width].append(document)
    inner = bucket["over_time"]["buckets"]
    assert len(inner) == len(groups) > 0
    for part in inner:
        check_metrics(panel, part, groups[datetime.fromtimestamp(part["key"] / 1000, UTC)])


def within_time(documents: list[dict]) -> list[dict]:
    """Those of the time that is asked for."""
    return [d for d in documents if START <= datetime.fromisoformat(d["@timestamp"]) < END]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.panel_id)
def test_a_panel_shows_what_the_documents_say(stored, panel):
    """Aggregation, filters, time range and fields give the sums made by hand, and not nothing."""
    sink, documents = stored
    chosen = [d for d in within_time(documents[panel.index]) if meets(d, panel.where)]
    found = sink.ask(search_request(panel, START, END))
    if isinstance(panel, SavedSearch):
        times = [hit["_source"] for hit in found["hits"]["hits"]]
        assert len(times) == min(500, len(chosen)) > 0
        shown = [name for name in panel.columns if any(values_of(d, name) for d in times)]
        assert len(shown) >= len(panel.columns) - 1
        return
    check(panel, found["aggregations"], chosen)
    if not panel.splits and not panel.over_time:
        assert answer_of(found["aggregations"], 0), "a big number that is zero shows nothing"
