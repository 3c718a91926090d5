"""One contract for every sink: the embedded one and a real Elasticsearch."""

import json
import re
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import polars as pl
import pytest

from vigil.config import load_settings
from vigil.errors import ConfigError, SinkError
from vigil.events.schema import KEY_COLUMNS
from vigil.journeys.graph import EDGES
from vigil.stores.checkpoint import Checkpoint, CheckpointStore, Outputs
from vigil.stores.elastic import ElasticSink
from vigil.stores.elastic_templates import ALERT_FIELDS, FIELDS
from vigil.stores.sinks import EmbeddedSink, open_sink
from vigil.stores.timescale import METRIC_WINDOWS, REQUEST_WINDOWS, SCORES

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=1)
KEY = dict.fromkeys(KEY_COLUMNS) | {
    "tenant": "shop",
    "environment": "onprem",
    "service": "Zahlung/é",
    "route": "/a",
    "method": "GET",
}


def scored(*rows: tuple) -> pl.DataFrame:
    """Scores with key columns from (minute, revision, p)."""
    values = [
        {
            "series_id": 7, "key_id": 1, "metric": "latency_ms_p95", **KEY,
            "window_start": START + timedelta(minutes=minute), "revision": revision,
            "actual": 12.5, "weight": 3.0, "expected": None, "lower": 1.0, "upper": 2.0,
            "p": p, "score": 1 - p, "flagged": p < 0.01, "gate": 0, "warming_up": 1.0,
            "model": "online",
        }
        for minute, revision, p in rows
    ]  # fmt: skip
    schema = {**SCORES, "key_id": pl.Int64, "metric": pl.String, **dict.fromkeys(KEY, pl.String)}
    return pl.DataFrame(values, schema=schema)


def alert(number: int, minute: int) -> dict:
    """An alert document of the least size."""
    at = (START + timedelta(minutes=minute)).isoformat()
    return {"alert_id": f"inc-1:{number}", "incident_id": "inc-1", "action": "opened", "at": at}


def lists(schema: dict) -> pl.DataFrame:
    """An empty frame of windows, with the columns that only the writer knows."""
    extra = {
        "sketch_buckets": pl.List(pl.Int32),
        "sketch_counts": pl.List(pl.Int64),
        "worst_traces": pl.List(pl.String),
    }
    return pl.DataFrame(schema={**schema, **extra})


class EmbeddedHarness:
    """Writes as the scorer does: the checkpoint holds what the sink shows."""

    def __init__(self, engine):
        self.sink = EmbeddedSink(engine)
        self.checkpoints = CheckpointStore(engine, "test")
        self.epoch = 0

    def write(self, scores: pl.DataFrame, alerts: list[dict]) -> None:
        self.sink.write_scores(scores)
        self.sink.write_alerts(alerts)
        self.epoch += 1
        outputs = Outputs(
            keys=scores.select("key_id", *KEY_COLUMNS).unique(),
            series=scores.select("series_id", "key_id", "metric").unique(),
            request_windows=lists(REQUEST_WINDOWS),
            metric_windows=lists(METRIC_WINDOWS),
            scores=scores.select(list(SCORES)),
            late=pl.DataFrame(),
            alerts=alerts,
        )
        self.checkpoints.commit(Checkpoint(self.epoch, {}, {}), outputs)


class ElasticHarness:
    """Writes each document twice: a repetition must leave one."""

    def __init__(self, url):
        for index in httpx.get(f"{url}/_cat/indices/vigil-*?format=json").json():
            httpx.delete(f"{url}/{index['index']}").raise_for_status()
        self.sink = ElasticSink(url)

    def write(self, scores: pl.DataFrame, alerts: list[dict]) -> None:
        for _ in range(2):
            self.sink.write_scores(scores)
            self.sink.write_alerts(alerts)
        self.sink.refresh()


@pytest.fixture(params=["embedded", "elasticsearch"])
def harness(request):
    """Each sink in turn."""
    if request.param == "embedded":
        return EmbeddedHarness(request.getfixturevalue("engine"))
    return ElasticHarness(request.getfixturevalue("elastic_url"))


def test_a_score_comes_back_as_the_same_document_from_each_sink(harness):
    """ECS names, nothing that is null, a stable id."""
    harness.write(scored((5, 0, 0.25)), [])
    assert harness.sink.scores(START, END, 10) == [
        {
            "_id": f"7-{int(START.timestamp()) + 300}-0",
            "@timestamp": "2026-03-02T00:05:00+00:00",
            "event": {"kind": "metric", "dataset": "vigil.scores"},
            "service": {"name": "Zahlung/é", "environment": "onprem"},
            "http": {"request": {"method": "GET"}, "route": "/a"},
            "labels": {"tenant": "shop"},
            "vigil": {
                "series_id": 7, "metric": "latency_ms_p95", "revision": 0, "actual": 12.5,
                "weight": 3.0, "lower": 1.0, "upper": 2.0, "p": 0.25, "score": 0.75,
                "flagged": False, "gate": 0, "warming_up": 1.0, "model": "online",
            },
        }
    ]  # fmt: skip


def test_the_most_unusual_come_first_within_the_range(harness):
    """The range is half open; a revision is a document of its own."""
    harness.write(scored((0, 0, 0.5), (1, 0, 0.001), (1, 1, 0.2), (24 * 60, 0, 1e-9)), [])
    found = harness.sink.scores(START, END, 10)
    assert [document["vigil"]["p"] for document in found] == [0.001, 0.2, 0.5]
    assert len(harness.sink.scores(START, END, 1)) == 1


def test_alerts_come_back_newest_first(harness):
    """As they were written, with id and timestamp."""
    alerts = [alert(1, 3), alert(2, 9)]
    harness.write(scored((0, 0, 0.5)), alerts)
    expected = [{"_id": a["alert_id"], "@timestamp": a["at"], **a} for a in reversed(alerts)]
    assert harness.sink.alerts(START, END, 10) == expected


def test_ten_thousand_documents_arrive(harness):
    """More than one bulk request."""
    rows = [(minute % 1440, minute // 1440, 0.5) for minute in range(10_000)]
    harness.write(scored(*rows), [])
    assert len(harness.sink.scores(START, END, 10_000)) == 10_000


def test_templates_give_fields_their_types(elastic_url):
    """Names can be grouped by, numbers averaged, times binned: as dashboards do."""
    harness = ElasticHarness(elastic_url)
    harness.write(scored((0, 0, 0.5), (61, 0, 0.25)), [])
    query = {
        "size": 0,
        "aggs": {
            "hours": {
                "date_histogram": {"field": "@timestamp", "fixed_interval": "1h"},
                "aggs": {
                    "services": {"terms": {"field": "service.name"}},
                    "p": {"percentiles": {"field": "vigil.p", "percents": [50]}},
                },
            }
        },
    }
    buckets = httpx.post(f"{elastic_url}/vigil-scores-*/_search", json=query).json()[
        "aggregations"
    ]["hours"]["buckets"]
    assert [bucket["services"]["buckets"][0]["key"] for bucket in buckets] == ["Zahlung/é"] * 2
    assert [bucket["p"]["values"]["50.0"] for bucket in buckets] == [0.5, 0.25]


def test_a_refused_document_does_not_hold_up_the_others(elastic_url):
    """It is handed back with the reason."""
    harness = ElasticHarness(elastic_url)
    bad = alert(1, 1) | {"surprise": 1}
    [refused] = harness.sink.write_alerts([bad, alert(2, 2)])
    harness.sink.refresh()
    assert [a["alert_id"] for a in harness.sink.alerts(START, END, 10)] == ["inc-1:2"]
    assert refused.document_id == "inc-1:1"
    assert "surprise" in refused.reason
    assert json.loads(refused.document)["alert_id"] == "inc-1:1"


def test_a_server_that_is_down_is_a_dependency_error_without_the_password():
    """The address is named, the credentials are not."""
    secret = uuid.uuid4().hex
    sink = ElasticSink(f"http://127.0.0.1:1?api_key={secret}")
    with pytest.raises(SinkError, match=r"http://127\.0\.0\.1:1 cannot be reached") as caught:
        sink.check()
    assert secret not in str(caught.value)


@pytest.mark.parametrize(("least_free_share", "trouble"), [(0.0, ""), (1.1, "a node's disk is .*")])
def test_a_full_disk_of_a_node_is_trouble(elastic_url, monkeypatch, least_free_share, trouble):
    """Whatever this machine's disk: more than nothing of it is free, and less than all."""
    monkeypatch.setattr("vigil.stores.elastic.LEAST_FREE_SHARE", least_free_share)
    with closing(ElasticSink(elastic_url)) as sink:
        assert re.fullmatch(trouble, sink.trouble())


def test_the_url_chooses_the_sink(engine, elastic_url):
    """An unknown scheme names the variable and the value."""
    assert isinstance(open_sink(load_settings(), engine), EmbeddedSink)
    assert isinstance(open_sink(load_settings(sink_url=elastic_url), engine), ElasticSink)
    with pytest.raises(ConfigError, match=r"VIGIL_SINK_URL .*got 'ftp://x'"):
        open_sink(load_settings(sink_url="ftp://x"), engine)


EDGE = {
    "window_start": START, "caller": "", "service": "gateway", "environment": "aws",
    "requests": 4, "errors": 1, "duration_ms_sum": 200.0, "duration_ms_max": 90.0,
}  # fmt: skip


@pytest.fixture
def empty_elastic(elastic_url) -> str:
    """The node without what other tests have written."""
    for index in httpx.get(f"{elastic_url}/_cat/indices/vigil-*?format=json").json():
        httpx.delete(f"{elastic_url}/{index['index']}").raise_for_status()
    return elastic_url


def test_a_call_between_services_is_one_document_however_often_it_is_written(empty_elastic):
    """A user's call has `user` as its origin; the newest minute is known."""
    sink = ElasticSink(empty_elastic)
    assert sink.newest_edge() is None
    edges = pl.DataFrame([EDGE], schema=EDGES)
    assert sink.write_edges(edges) == sink.write_edges(edges) == []
    sink.refresh()
    [hit] = sink.ask({"index": "vigil-graph*"})["hits"]["hits"]
    assert hit["_source"]["service"]["origin"]["name"] == "user"
    assert hit["_source"]["vigil"]["error_ratio"] == 0.25
    assert hit["_source"]["vigil"]["latency_ms_mean"] == 50.0
    assert sink.newest_edge() == START
    sink.close()


def test_indices_of_an_earlier_version_learn_new_fields(empty_elastic, monkeypatch):
    """Else what alerts say since then would be refused until the next index."""
    older = {name: field for name, field in ALERT_FIELDS.items() if name != "causes"}
    monkeypatch.setitem(FIELDS, "vigil-alerts", older)
    before = ElasticSink(empty_elastic)
    localised = alert(2, 1) | {"causes": [{"service": "a", "score": 0.5, "evidence": ["slow"]}]}
    assert before.write_alerts([alert(1, 0)]) == []
    assert len(before.write_alerts([localised])) == 1
    before.close()
    monkeypatch.setitem(FIELDS, "vigil-alerts", ALERT_FIELDS)
    after = ElasticSink(empty_elastic)
    assert after.write_alerts([localised]) == []
    after.close()
