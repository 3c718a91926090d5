"""`vigil rca` on real injected faults and on wrong use."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from vigil.cli.main import cli
from vigil.errors import InputError
from vigil.simulate import Fault, SimulationPlan, simulate_chunk


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


@pytest.fixture(scope="module")
def slow_payments(tmp_path_factory) -> Path:
    """A folder with the same 23 minutes of the estate as Parquet and as OTLP JSON."""
    at = datetime(2026, 3, 2, 9, 20, tzinfo=UTC)
    fault = Fault(
        "f", "latency_step", at, at + timedelta(hours=1), "payments", "azure-prod", "westeurope",
        4.0, (),
    )  # fmt: skip
    plan = SimulationPlan(at - timedelta(minutes=20), 1_380, 4.0, 5, (fault,))
    spans = simulate_chunk(plan, 0)
    folder = tmp_path_factory.mktemp("slow")
    (folder / "parquet").mkdir()
    pq.write_table(spans, folder / "parquet" / "spans.parquet")
    (folder / "otlp").mkdir()
    (folder / "otlp" / "spans.json").write_text(otlp_json(spans.to_pylist()))
    return folder


def otlp_json(spans: list[dict]) -> str:
    """An export request; ids there are hexadecimal."""
    groups: dict[tuple[str, str], list[dict]] = {}
    for span in spans:
        begin_ns = int(span["time"].timestamp() * 1e6) * 1_000
        entry = {
            "traceId": span["trace_id"], "spanId": span["span_id"],
            "parentSpanId": span["parent_span_id"] or "", "name": span["route"], "kind": 2,
            "startTimeUnixNano": str(begin_ns),
            "endTimeUnixNano": str(begin_ns + int(span["duration_ms"] * 1e6)),
            "attributes": [
                {"key": "http.route", "value": {"stringValue": span["route"]}},
                {"key": "http.request.method", "value": {"stringValue": span["method"]}},
                {"key": "http.response.status_code", "value": {"intValue": str(span["status"])}},
            ],
        }  # fmt: skip
        groups.setdefault((span["service"], span["environment"]), []).append(entry)
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {
                        "attributes": [
                            {"key": "service.name", "value": {"stringValue": service}},
                            {
                                "key": "deployment.environment.name",
                                "value": {"stringValue": environment},
                            },
                        ]
                    },
                    "scopeSpans": [{"spans": entries}],
                }
                for (service, environment), entries in groups.items()
            ]
        }
    )


def rank(folder: Path, at: str, *more: str):
    """The command's result, as JSON where it ranked."""
    return CliRunner().invoke(cli, ["rca", str(folder), "--at", at, "--json", *more])


@pytest.mark.parametrize("form", ["parquet", "otlp"])
def test_parquet_and_otlp_json_give_the_same_first_cause(slow_payments, form):
    """One configuration for all forms of input."""
    result = rank(slow_payments / form, "2026-03-02T09:20:00Z")
    assert result.exit_code == 0, result.output
    first = json.loads(result.stdout)[0]
    assert (first["service"], first["environment"]) == ("payments", "azure-prod")


def test_missing_logs_and_metrics_are_said_and_done_without(slow_payments, tmp_path):
    """An empty folder is no reason to rank nothing."""
    more = ("--logs", str(tmp_path), "--metrics", str(tmp_path))
    result = rank(slow_payments / "parquet", "2026-03-02T09:20:00Z", *more)
    assert result.exit_code == 0
    assert "no logs before" in result.stderr
    assert "no metrics before" in result.stderr


@pytest.mark.parametrize("at", ["2026-03-02T09:00:00Z", "2026-03-02T12:00:00Z"])
def test_an_instant_without_a_past_or_a_present_finds_nothing(slow_payments, at):
    """And does not crash."""
    result = rank(slow_payments / "parquet", at)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.output


def test_an_instant_before_everything_is_wrong_input(slow_payments):
    """The limit and the place are named."""
    result = rank(slow_payments / "parquet", "2026-03-01T00:00:00Z")
    assert isinstance(result.exception, InputError)
    assert "no events before 2026-03-01 00:03:00" in str(result.exception)
