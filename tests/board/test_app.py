"""The board's questions over HTTP: answers, refusals, and headers that keep strangers out."""

import hashlib
import json
from collections.abc import Iterator

import httpx
import pytest
from running_board import serving

from vigil.board.app import STATIC
from vigil.config import load_settings


@pytest.fixture(scope="module")
def web(board: str) -> Iterator[httpx.Client]:
    """Asks the running board."""
    with httpx.Client(base_url=board, timeout=30) as client:
        yield client


def changes(web: httpx.Client, count: int, **headers: str) -> dict[str, tuple[str, object]]:
    """Section → (event id, content) of the first events."""
    found: dict[str, tuple[str, object]] = {}
    with web.stream("GET", "/api/changes", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            event[name] = value
            if not line and "event" in event:
                found[event["event"]] = event["id"], json.loads(event["data"])
                event = {}
            if len(found) == count:
                break
    return found


@pytest.fixture(scope="module")
def sections(web: httpx.Client) -> dict[str, tuple[str, object]]:
    """What a new browser is sent."""
    return changes(web, 5)


def test_a_new_browser_gets_every_section(sections):
    """Estate, incidents, silences, stream, and that there is no problem."""
    assert set(sections) == {"estate", "incidents", "silences", "stream", "problem"}
    assert sections["problem"][1] is None
    names = {item["environment"] for item in sections["estate"][1]}
    assert names == {"onprem", "aws-prod", "azure-prod"}
    assert sections["stream"][1]["stream"]["lag_messages"] == 0


def test_a_browser_that_comes_back_gets_only_what_it_lacks(web, sections):
    """The id of its last event says what it has."""
    has = {}
    for identity, _ in sections.values():
        has |= dict(part.split("=") for part in identity.split(","))
    has.pop("incidents")
    known = ",".join(f"{name}={version}" for name, version in has.items())
    assert set(changes(web, 1, **{"Last-Event-ID": known})) == {"incidents"}


def test_an_incident_has_reason_evidence_and_timeline(web, sections):
    """Numbers of series travel as text: JavaScript would round them."""
    item = sections["incidents"][1][0]
    incident = web.get(f"/api/incidents/{item['incident_id']}").json()
    assert "instead of" in incident["reason"]
    assert incident["title"] == item["title"]
    assert incident["timeline"][0]["action"] == "opened"
    assert isinstance(incident["series"][0]["series_id"], str)


def test_a_service_lists_its_series_and_a_series_its_windows(web):
    """From the map to the picture."""
    about = {"environment": "aws-prod", "service": "search"}
    rows = web.get("/api/service", params=about).json()
    assert {row["metric"] for row in rows} == {"request_rate", "error_ratio", "latency_ms_p95"}
    series = web.get(f"/api/series/{rows[0]['series_id']}", params={"last": "1h"}).json()
    assert series["windows"] == len(series["points"]["time_s"]) == 60
    assert series["service"] == "search"
    earlier = {"last": "30m", "end": "2026-03-02T11:00:00Z"}
    series = web.get(f"/api/series/{rows[0]['series_id']}", params=earlier).json()
    assert series["points"]["time_s"][-1] == 1772449200.0


def test_the_ledger_answers_for_a_moment(web):
    """The same words as `vigil why` and `vigil why-not`."""
    about = {"environment": "aws-prod", "service": "search"}
    rows = web.get("/api/service", params=about).json()
    [number] = [row["series_id"] for row in rows if row["metric"] == "latency_ms_p95"]
    answer = web.get(f"/api/series/{number}/why", params={"at": "2026-03-02 12:40:30"}).json()
    assert answer["flagged"] is True
    assert "It was flagged" in " ".join(answer["words"])
    assert answer["incident"]["title"] in " ".join(answer["words"])
    calm = web.get(f"/api/series/{number}/why", params={"at": "2026-03-02 11:00:00"}).json()
    assert "It was not flagged" in " ".join(calm["words"])


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/incidents/none", 404, "there is no incident 'none'"),
        ("/api/series/7", 404, "there is no series 7"),
        ("/api/series/seven", 404, "there is no series 'seven'"),
        ("/api/service?service=none", 404, "there is no service 'none' in environment None"),
        ("/api/series/7/why?at=now", 400, "at must be an ISO 8601 instant, got 'now'"),
        ("/api/series/7?last=soon", 400, "last must be a number and one of s, m, h, d, w"),
        ("/api/series/7?end=soon", 400, "end must be an ISO 8601 instant, got 'soon'"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_a_sentence(web, path, status, said):
    """With the value."""
    response = web.get(path)
    assert response.status_code == status
    assert said in response.json()["error"]


def test_a_page_of_another_site_is_turned_away(web):
    """A name that somebody else lets point to this address is not ours."""
    assert web.get("/", headers={"Host": "evil.test"}).status_code == 400


def test_the_page_may_load_nothing_from_elsewhere(web):
    """A content policy without unsafe sources, on every answer."""
    policy = web.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert web.get("/static/main.js").headers["content-security-policy"] == policy
    assert web.get("/static/main.js").headers["content-type"].startswith("text/javascript")


def test_vendored_files_are_what_their_packages_hold():
    """Untouched, with version and licence; a change needs a new entry in the manifest."""
    folder = STATIC / "vendor"
    manifest = json.loads((folder / "vendor.json").read_text())
    kept = {path.name for path in folder.iterdir()} - {"vendor.json"}
    listed = {name for package in manifest for name in package["files"]}
    assert kept == listed | {package["licence_file"] for package in manifest}
    for package in manifest:
        for name, digest in package["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_a_board_without_stores_says_so(tmp_path):
    """The page still comes; what is wrong stands on it."""
    settings = load_settings(home=tmp_path, store_url="postgresql://nobody@127.0.0.1:1/none")
    with serving(settings) as address:
        assert httpx.get(address).status_code == 200
        response = httpx.get(f"{address}/api/incidents/some", timeout=30)
        assert response.status_code == 503
        assert "the database" in response.json()["error"]
        with httpx.Client(base_url=address, timeout=30) as client:
            assert "the database" in changes(client, 1)["problem"][1]
