"""One contract for log lines in every sink, and what the database forgets of them."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from vigil.cli.main import cli
from vigil.logs.sampling import KEPT_LINES
from vigil.logs.severity import NUMBERS
from vigil.logs.words import parse_query
from vigil.stores.elastic import ElasticSink
from vigil.stores.log_lines import LineKeeper, LineQuery, LineSpec, add_lines
from vigil.stores.sinks import EmbeddedSink

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(hours=1)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def line(number: int, message: str, level: str | None = "INFO", **others) -> dict:
    """A kept line, in its own minute."""
    return {
        "line_id": f"{number}-0", "time": START + timedelta(minutes=number), "tenant": "shop",
        "environment": "prod", "service": "cart", "level": level,
        "severity": NUMBERS.get(level), "template_id": "t00000000000000aa",
        "template": "order <*> accepted", "message": message, "lines": 1, **others,
    }  # fmt: skip


LINES = pl.DataFrame(
    [
        line(0, "order 7 accepted", lines=40),
        line(1, "order 8 accepted: read_timeout=30", trace_id=TRACE, span_id="00f067aa0ba902b7"),
        line(2, 'Card of "Ann" refused, –Überfällig–', "ERROR", service="billing",
             template_id="t00000000000000bb", template="Card of <*> refused*",
             attributes='{"pod": "b-1"}'),
        line(3, "Card refused by com.shop.Gateway/v2", "FATAL", service="billing",
             environment="test", tenant="other"),
        line(4, "{}", None, service=None),
    ],
    schema=KEPT_LINES,
)  # fmt: skip


@pytest.fixture(params=["embedded", "elasticsearch"])
def sink(request):
    """Each sink in turn, with the lines in it."""
    if request.param == "embedded":
        engine = request.getfixturevalue("engine")
        with engine.begin() as connection:
            add_lines(connection, LINES)
        return EmbeddedSink(engine)
    url = request.getfixturevalue("elastic_url")
    for index in httpx.get(f"{url}/_cat/indices/vigil-*?format=json").json():
        httpx.delete(f"{url}/{index['index']}").raise_for_status()
    elastic = ElasticSink(url)
    for _ in range(2):
        # A repetition leaves one document.
        assert elastic.write_lines(LINES) == []
    elastic.refresh()
    return elastic


def ids(sink, text: str = "", **asked) -> list[int]:
    """Numbers of the lines found, newest first."""
    query = LineQuery(START, END, parse_query(text), **asked)
    return [int(document["_id"].split("-")[0]) for document in sink.lines(query).documents]


def test_a_line_comes_back_as_the_same_document_from_each_sink(sink):
    """ECS names, nothing that is null."""
    query = LineQuery(START, END, parse_query("ann"))
    assert sink.lines(query).documents == [
        {
            "_id": "2-0",
            "@timestamp": "2026-03-02T00:02:00+00:00",
            "message": 'Card of "Ann" refused, –Überfällig–',
            "event": {"kind": "event", "dataset": "vigil.logs", "severity": 17},
            "log": {"level": "ERROR"},
            "service": {"name": "billing", "environment": "prod"},
            "labels": {"tenant": "shop"},
            "attributes": {"pod": "b-1"},
            "vigil": {
                "template_id": "t00000000000000bb", "template": "Card of <*> refused*", "lines": 1,
            },
        }
    ]  # fmt: skip


def test_lines_are_found_by_their_words(sink):
    """All of them, in any case, wherever a word begins and ends."""
    assert ids(sink) == [4, 3, 2, 1, 0]
    assert ids(sink, "CARD refused") == [3, 2]
    assert ids(sink, '"card refused"') == [3]
    assert ids(sink, "card -gateway") == [2]
    assert ids(sink, "timeout=30") == [1]
    assert ids(sink, "gateway/v2") == [3]
    assert ids(sink, "überfällig") == [2]
    assert ids(sink, "accept*") == [1, 0]
    assert ids(sink, "accept") == []


def test_lines_are_found_by_what_stands_beside_them(sink):
    """Service, environment, tenant, severity, trace, template; the range is half open."""
    assert ids(sink, services=("billing",)) == [3, 2]
    assert ids(sink, services=("billing", "cart"), environment="prod") == [2, 1, 0]
    assert ids(sink, tenant="other") == [3]
    assert ids(sink, severity=NUMBERS["ERROR"]) == [3, 2]
    assert ids(sink, severity=NUMBERS["FATAL"]) == [3]
    assert ids(sink, trace_ids=(TRACE,)) == [1]
    assert ids(sink, template="t00000000000000bb") == [2]
    assert ids(sink, template="OF <*> ref") == [2]
    assert ids(sink, template="refused*") == [2]
    query = LineQuery(START + timedelta(minutes=1), START + timedelta(minutes=2))
    assert [document["_id"] for document in sink.lines(query).documents] == ["1-0"]


def test_lines_are_counted_beyond_the_limit(sink):
    """Those that were kept, and those that they stand for."""
    found = sink.lines(LineQuery(START, END, services=("cart",), limit=1))
    assert [document["_id"] for document in found.documents] == ["1-0"]
    assert (found.kept, found.lines) == (2, 41)
    nothing = sink.lines(LineQuery(END, END + timedelta(hours=1)))
    assert (nothing.documents, nothing.kept, nothing.lines) == ([], 0, 0)


def test_old_lines_are_forgotten(engine):
    """By their own age, measured from the newest."""
    old = LINES.with_columns(pl.col("time") - timedelta(days=2))
    with engine.begin() as connection:
        add_lines(connection, old)
        add_lines(connection, LINES)
    assert LineKeeper(engine, LineSpec(kept_days=3)).tidy() == 0
    assert LineKeeper(engine, LineSpec(kept_days=1)).tidy() == old.height
    assert left(engine) == LINES.height


def test_no_more_lines_are_kept_than_agreed(engine, monkeypatch):
    """The oldest go, also where that takes several transactions."""
    monkeypatch.setattr("vigil.stores.log_lines._ROWS_AT_ONCE", 2)
    with engine.begin() as connection:
        add_lines(connection, pl.concat([LINES, LINES]))
    assert LineKeeper(engine, LineSpec(most=3)).tidy() == 7
    assert left(engine) == 3
    assert LineKeeper(engine, LineSpec(most=3)).tidy() == 0


def left(engine: sa.Engine) -> int:
    """How many lines there are."""
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT count(*) FROM log_lines")).scalar_one()


def test_the_command_shows_lines_in_the_order_of_time(engine, store_settings, monkeypatch):
    """As a log file for people, as documents for machines; exit code 1 where nothing is found."""
    with engine.begin() as connection:
        add_lines(connection, LINES)
    monkeypatch.setenv("VIGIL_HOME", str(store_settings.home))
    monkeypatch.setenv("VIGIL_STORE_URL", store_settings.store_url)

    def run(*asked: str):
        return CliRunner().invoke(cli, ["logs", "search", "--until", END.isoformat(), *asked])

    found = run("order", "--service", "cart")
    assert found.exit_code == 0, found.output
    assert found.stdout.splitlines() == [
        "2026-03-02 00:00:00.000000 INFO  cart ×40 order 7 accepted",
        "2026-03-02 00:01:00.000000 INFO  cart order 8 accepted: read_timeout=30",
    ]
    assert "41 lines, 2 of them kept, 2 shown" in found.stderr
    graver = json.loads(run("--severity", "warning", "--since", START.isoformat(), "--json").stdout)
    assert [document["_id"] for document in graver["documents"]] == ["2-0", "3-0"]
    assert run("nowhere").exit_code == 1
    assert run("--severity", "loud").exit_code == 2
