"""What people do on the board: written as the commands write it, with who and when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from running_board import serving

from vigil.config import Settings


@pytest.fixture(scope="module")
def web(own_estate: Settings) -> Iterator[httpx.Client]:
    with serving(own_estate) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def incident(engine: sa.Engine) -> dict:
    """The document of an open incident."""
    with engine.connect() as connection:
        query = "SELECT document FROM incidents WHERE status = 'open' LIMIT 1"
        return connection.execute(sa.text(query)).scalar_one()


def rows(engine: sa.Engine, query: str) -> list[dict]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


def test_whoever_acknowledges_takes_care_until_it_opens_again(web, engine, incident):
    """The board shows the name; a reopened incident waits for somebody anew."""
    path = f"/api/incidents/{incident['incident_id']}"
    assert web.get(path).json()["acknowledged_by"] is None
    assert web.post(f"{path}/acknowledge").json()["acknowledged_by"] == "tester"
    assert web.get(path).json()["acknowledged_by"] == "tester"
    [kept] = rows(engine, "SELECT * FROM acknowledgements")
    assert kept["author"] == "tester"
    assert datetime.now(UTC) - kept["at"] < timedelta(minutes=5)
    with engine.begin() as connection:
        later = "UPDATE alerts SET dispatched_at = now() + interval '1 minute'"
        connection.execute(sa.text(later))
    assert web.get(path).json()["acknowledged_by"] is None


def test_a_silence_names_what_it_is_about_and_ends_on_demand(web, engine, incident):
    """As `vigil silence` does it."""
    asked = {"match": {"incident": [incident["incident_id"]]}, "last": "2h", "comment": "load test"}
    made = web.post("/api/silences", json=asked).json()
    assert made["about"] == [incident["incident_id"]]
    [kept] = rows(engine, "SELECT * FROM silences")
    assert (kept["author"], kept["comment"]) == ("tester", "load test")
    assert abs(kept["ends_at"] - kept["starts_at"] - timedelta(hours=2)) < timedelta(seconds=1)
    assert web.delete(f"/api/silences/{made['silence_id']}").json() == {"ended": made["silence_id"]}
    assert web.delete(f"/api/silences/{made['silence_id']}").status_code == 400


def test_a_verdict_is_kept_for_the_window_of_the_moment(web, engine, incident):
    """And shown with the series, by whom and why."""
    series = incident["series"][0]
    path = f"/api/series/{series['series_id']}"
    asked = {"at": series["worst_at"], "verdict": "true", "note": "the region was slow"}
    assert web.post(f"{path}/labels", json=asked).status_code == 200
    [kept] = rows(engine, "SELECT * FROM labels")
    assert kept["window_start"] == datetime.fromisoformat(series["worst_at"])
    assert kept["deviation"] > 3
    [shown] = web.get(path).json()["labels"]
    assert (shown["verdict"], shown["author"]) == ("true", "tester")
    assert shown["note"] == "the region was slow"


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/incidents/none/acknowledge", None, 400, "there is no incident 'none'"),
        ("/api/silences", {"match": {}}, 400, "match: Dictionary should have at least 1 item"),
        ("/api/silences", {"match": {"servise": ["x"]}}, 400, "got servise"),
        ("/api/silences", {"match": {"service": ["x"]}, "last": "soon"}, 400, "last must be"),
        ("/api/silences", {"match": {"service": ["x"]}, "last": "99d"}, 400, "at most 31d"),
        ("/api/silences", {"match": {"service": ["x"]}, "until": "x"}, 400, "until: Extra"),
        ("/api/series/7/labels", {"at": "2026-03-02", "verdict": "maybe"}, 400, "verdict: Input"),
        ("/api/series/x/labels", {"at": "2026-03-02", "verdict": "true"}, 404, "no series 'x'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(web, path, body, status, said):
    """With the field and the rule; nothing is written."""
    response = web.post(path, json=body)
    assert response.status_code == status
    assert said in response.json()["error"]


def test_a_moment_without_a_window_takes_no_verdict(web, incident):
    """The ledger says what it does know."""
    path = f"/api/series/{incident['series'][0]['series_id']}/labels"
    response = web.post(path, json={"at": "2020-01-01T00:00:00Z", "verdict": "false"})
    assert response.status_code == 409
    assert "No window of" in response.json()["error"]


def test_a_body_must_be_json_of_reasonable_size(web):
    """A form of another site cannot be sent as JSON without the browser asking first."""
    form = web.post("/api/silences", data={"match": "x"})
    assert (form.status_code, form.json()["error"]) == (400, "the body must be application/json")
    headers = {"Content-Type": "application/json"}
    assert "must be JSON" in web.post("/api/silences", content=b"{", headers=headers).text
    huge = web.post("/api/silences", content=b" " * 70_000, headers=headers)
    assert "at most 65536 bytes" in huge.json()["error"]
