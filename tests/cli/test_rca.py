"""`vigil rca` on real injected faults and on wrong use."""

import json

import pytest
from click.testing import CliRunner

from vigil.cli.main import cli


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("day", "at", "service"),
    [
        ("2022-08-22", "2022-08-22T04:27:03", "cartservice"),
        ("2023-01-29", "2023-01-29T10:56:45", "ts-route-service"),
    ],
)
def test_a_real_fault_is_ranked_first(datasets, tmp_path, day, at, service):
    """A slow network in one system, an exception in the other, with one configuration."""
    folder = datasets / "nezha" / "faults" / day
    out = tmp_path / "ranking.json"
    command = ["rca", folder / "trace", "--logs", folder / "log", "--metrics", folder / "metric"]
    command += ["--at", at, "--out", out]
    result = CliRunner().invoke(cli, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    ranking = json.loads(out.read_text())
    assert ranking[0]["service"] == service
    assert ranking[0]["evidence"]
    assert ranking == sorted(ranking, key=lambda cause: -cause["score"])


def test_a_wrong_instant_is_wrong_use(tmp_path):
    """The option, the rule and the value are named."""
    result = CliRunner().invoke(cli, ["rca", str(tmp_path), "--at", "yesterday"])
    assert result.exit_code == 2
    assert "--at" in result.stderr
    assert "ISO 8601, got 'yesterday'" in result.stderr
