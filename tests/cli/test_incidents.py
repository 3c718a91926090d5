"""What `vigil incidents` lists, and numbers that commands refuse."""

import json

import pytest
from click.testing import CliRunner

from vigil.cli.incidents import command
from vigil.cli.main import cli


def test_the_last_days_end_with_the_stream_and_not_with_the_clock(small_estate, monkeypatch):
    """After a replay of the past, as after the demo, its incidents are the last ones."""
    monkeypatch.setenv("VIGIL_HOME", str(small_estate.home))
    monkeypatch.setenv("VIGIL_STORE_URL", small_estate.store_url)
    recent = CliRunner().invoke(command, ["--last", "3h", "--json"], catch_exceptions=False)
    assert any(row["opened_at"].startswith("2026-03-02T11") for row in json.loads(recent.output))
    newest = CliRunner().invoke(command, ["--last", "1m", "--json"], catch_exceptions=False)
    assert len(json.loads(newest.output)) < len(json.loads(recent.output))


@pytest.mark.parametrize(
    "words",
    [["incidents", "--limit", "0"], ["logs", "templates", "--limit", "-1"], ["up", "--port", "-1"]],
)
def test_a_number_that_makes_no_sense_is_wrong_use(words):
    """Said before any server is asked."""
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "is not in the range" in done.output
