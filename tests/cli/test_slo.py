"""`vigil slo` on windows that a scorer wrote."""

import json

import pytest
import yaml
from click.testing import CliRunner

from vigil.cli.main import cli


@pytest.fixture
def run(store_settings, monkeypatch):
    """Runs a command in a home of its own; (exit code, JSON)."""
    monkeypatch.setenv("VIGIL_HOME", str(store_settings.home))
    monkeypatch.setenv("VIGIL_STORE_URL", store_settings.store_url)

    def call(*arguments: object) -> tuple[int, list]:
        result = CliRunner().invoke(cli, [*map(str, arguments), "--json"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result.exit_code, json.loads(result.stdout)

    return call


def slo(name: str, service: str, target: float, **source: object) -> dict:
    """An OpenSLO document."""
    good = {"metricSource": {"type": "vigil", "spec": source}}
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": name},
        "spec": {
            "service": service,
            "indicator": {"spec": {"ratioMetric": {"good": good}}},
            "timeWindow": [{"duration": "7d", "isRolling": True}],
            "objectives": [{"target": target}],
        },
    }


def test_status_tells_kept_objectives_from_broken_ones(run, tmp_path):
    """Two hours of the simulated estate: availability holds, a limit of a millisecond does not."""
    events, path = tmp_path / "events.parquet", tmp_path / "slo.yaml"
    run("simulate", "--out", events, "--hours", 2, "--traces-per-s", 0.3, "--start", "2026-03-02")
    run("ingest", events)
    run("score", "--drain", "--quiet")
    path.write_text(yaml.safe_dump_all([
        slo("kept", "payments", 0.5, indicator="availability"),
        slo("broken", "payments", 0.99, indicator="latency", limit_ms=1),
        slo("nobody", "no-such-service", 0.99, indicator="availability"),
    ]))  # fmt: skip
    code, rows = run("slo", "check", path)
    assert (code, [row["name"] for row in rows]) == (0, ["kept", "broken", "nobody"])
    code, [kept, broken, nobody] = run("slo", "status", path)
    assert code == 1
    assert kept["requests"] > 100
    assert kept["budget_left"] > 0.5
    assert kept["firing"] == []
    assert broken["budget_left"] < 0
    assert "page 1h" in broken["firing"]
    assert nobody["requests"] == 0
    code, [kept, broken, nobody] = run("slo", "ahead", path)
    assert code == 0
    assert kept["probability"] < 0.5
    assert (broken["probability"], broken["warned"]) == (1.0, False)
    assert nobody["probability"] is None
    assert nobody["reason"] == "no requests of service=no-such-service"
