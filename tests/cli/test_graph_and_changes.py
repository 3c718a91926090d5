"""`vigil graph` and `vigil changes`."""

import json

import pytest
from click.testing import CliRunner

from vigil.cli.main import cli
from vigil.errors import InputError


def run(settings, monkeypatch, *arguments: str):
    """A command on the database of these settings."""
    monkeypatch.setenv("VIGIL_HOME", str(settings.home))
    monkeypatch.setenv("VIGIL_STORE_URL", settings.store_url)
    return CliRunner().invoke(cli, list(arguments))


def test_the_graph_is_shown_as_of_an_instant(small_estate, monkeypatch):
    """Calls with rate, errors and latency; nothing at a time without any."""
    shown = run(small_estate, monkeypatch, "graph", "--at", "2026-03-02T11:35:00", "--json")
    assert shown.exit_code == 0, shown.output
    edges = json.loads(shown.stdout)["edges"]
    assert {"caller", "service", "rate", "error_ratio", "latency_ms_mean"} <= set(edges[0])
    nothing = run(small_estate, monkeypatch, "graph", "--at", "2020-01-01T00:00:00")
    assert nothing.exit_code == 1


def test_journeys_are_shown_as_the_stream_has_completed_them(small_estate, monkeypatch):
    """By default of the last minutes; what needs spans says so."""
    shown = run(small_estate, monkeypatch, "journeys", "--last", "30m", "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    first = found["journeys"][0]
    assert ": gateway@" in first["journey"]
    assert first["rate"] == pytest.approx(first["traces"] / 1_800)
    assert first["latency_ms_mean"] > 0
    assert sum(row["broken_ratio"] for row in found["journeys"]) == 0
    nothing = run(small_estate, monkeypatch, "journeys", "--at", "2020-01-01T00:00:00")
    assert nothing.exit_code == 1
    wrong = run(small_estate, monkeypatch, "journeys", "--compare", "aws-prod", "onprem")
    assert wrong.exit_code == 2


def test_changes_are_noted_and_listed(store_settings, monkeypatch, tmp_path):
    """One by options, others from a file; what is known is not added again."""
    one = ["changes", "add", "--service", "payments", "--version", "1.8.2"]
    at = ["--at", "2026-03-02T12:00:00"]
    assert run(store_settings, monkeypatch, *one, *at).exit_code == 0
    lines = tmp_path / "changes.ndjson"
    lines.write_text(
        '{"at":"2026-03-02T12:00:00Z","kind":"deploy","service":"payments","version":"1.8.2"}\n'
        '{"at":"2026-03-02T12:10:00Z","kind":"flag","description":"new search"}\n'
    )
    added = run(store_settings, monkeypatch, "changes", "add", "--file", str(lines), "--json")
    assert json.loads(added.stdout) == {"read": 2, "added": 1, "known": 1}
    until = ["--until", "2026-03-02T13:00:00", "--json"]
    listed = run(store_settings, monkeypatch, "changes", "list", *until)
    assert [row["kind"] for row in json.loads(listed.stdout)] == ["flag", "deploy"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"kind":"deploy"}', "line 1: at must be given"),
        ('{"at":"2026-03-02T12:00:00Z","kind":"party"}', "line 1: kind must be one of"),
        ('{"at":"2026-03-02T12:00:00Z","kind":"flag","who":"me"}', "unknown fields"),
    ],
)
def test_a_wrong_line_is_named(store_settings, monkeypatch, tmp_path, line, said):
    """With file, line and rule."""
    path = tmp_path / "changes.ndjson"
    path.write_text(line)
    result = run(store_settings, monkeypatch, "changes", "add", "--file", str(path))
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)
