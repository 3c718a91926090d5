"""The command line: it teaches, answers in JSON, and fails in one sentence."""

import json

import click
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from vigil.cli.main import COMMANDS, cli, main
from vigil.errors import VigilError


@pytest.fixture
def vigil(store_settings, monkeypatch):
    """Runs a command in a home of its own; returns (exit code, stdout, stderr)."""
    monkeypatch.setenv("VIGIL_HOME", str(store_settings.home))
    monkeypatch.setenv("VIGIL_STORE_URL", store_settings.store_url)

    def run(*arguments: object) -> tuple[int, str, str]:
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        if isinstance(result.exception, VigilError):
            return result.exception.exit_code, result.stdout, str(result.exception)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(name):
    """Help has a summary, exit codes, and help for each option; --json is everywhere."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    members = [command]
    if isinstance(command, click.Group):
        context = click.Context(command)
        members = [command.get_command(context, item) for item in command.list_commands(context)]
    for member in members:
        text = member.help or ""
        assert len(text) > 60, name
        options = [item for item in member.params if isinstance(item, click.Option)]
        assert all(option.help for option in options), name
        assert "as_json" in {item.name for item in options}, name
    assert "xit code" in " ".join((command.help or "").split()), name


def test_help_lists_all_commands_and_a_near_miss_gets_a_hint():
    """A newcomer finds the way."""
    text = CliRunner().invoke(cli, ["--help"]).stdout
    assert all(name in text for name in COMMANDS)
    assert "Did you mean 'score'?" in CliRunner().invoke(cli, ["scor"]).stderr


def test_a_known_error_is_one_sentence_and_an_exit_code(capsys, tmp_path):
    """With --json the sentence comes as JSON too."""
    missing = tmp_path / "none.csv"
    with pytest.raises(SystemExit) as caught:
        main(["detect", str(missing), "--out", str(tmp_path / "x.csv"), "--json"])
    said = capsys.readouterr()
    assert caught.value.code == 2
    assert said.err.startswith(f"vigil: there is no file {missing}")
    assert said.err.count("\n") == 1
    assert json.loads(said.out)["exit_code"] == 2


def test_simulate_ingest_score_status_models_train_promote(vigil, tmp_path):
    """The main job by hand, without Dagster."""
    events, labels = tmp_path / "events.parquet", tmp_path / "faults.json"
    code, out, _ = vigil(
        "simulate", "--out", events, "--labels", labels, "--hours", 54, "--traces-per-s", 0.3,
        "--start", "2026-03-02", "--faults", 6, "--json",
    )  # fmt: skip
    assert code == 0
    simulated = json.loads(out)["events"]
    assert len(json.loads(labels.read_text())["faults"]) == 6
    code, out, _ = vigil("ingest", events, "--json")
    [counts] = json.loads(out)
    assert (counts["read"], counts["accepted"], counts["dead"]) == (simulated, simulated, 0)
    code, out, _ = vigil("train", "--json")
    assert code == 1, "there is nothing to learn from yet"
    code, out, _ = vigil("score", "--drain", "--quiet", "--json")
    assert code == 0
    assert json.loads(out)["read"] == simulated
    code, out, err = vigil("train", "--series-per-group", 1, "--folds", 1, "--json")
    assert code == 0, err
    bundle_id = json.loads(out)["bundle_id"]
    assert json.loads(vigil("models", "--json")[1])["champion"] is None
    code, out, _ = vigil("promote", "--best", "--json")
    assert json.loads(out)["champion"] == bundle_id
    shown = json.loads(vigil("models", "--json")[1])
    assert shown["champion"] == bundle_id
    roles = {(row["role"], row["library"]) for row in shown["bundles"][0]["backtest"]["standings"]}
    libraries = ("darts", "sktime", "vigil")
    assert roles == {
        *(("forecaster", library) for library in (*libraries, "statsforecast")),
        *(("detector", library) for library in (*libraries, "river", "stumpy")),
    }
    code, out, _ = vigil("status", "--json")
    report = json.loads(out)
    assert code == 1, "no scorer runs in the background"
    assert report["stream"]["lag_messages"] == 0
    assert report["models"]["champion"] == bundle_id
    code, out, _ = vigil("doctor", "--json")
    levels = {check["check"]: check["level"] for check in json.loads(out)["checks"]}
    assert code == 0
    assert levels["champion"] == levels["database"] == levels["event log"] == "ok"


def test_promoting_an_unknown_bundle_is_wrong_use(vigil):
    """The newest ones are named."""
    code, _, error = vigil("promote", "nope")
    assert (code, error) == (2, "no bundle 'nope' in the registry (newest: none)")
    assert vigil("promote", "--best")[0] == 1
    assert vigil("promote")[0] == 2


def test_simulate_refuses_what_makes_no_sense(vigil, tmp_path):
    """Exit code 2 with field and value."""
    out = tmp_path / "x.parquet"
    assert (
        "traces_per_s must be > 0, got -1.0"
        in vigil("simulate", "--out", out, "--traces-per-s", -1)[2]
    )
    assert vigil("simulate")[0] == 2
    assert vigil("simulate", "--out", tmp_path / "x.txt")[0] == 2
    assert not list(tmp_path.glob("*.parquet"))


@pytest.mark.parametrize("suffix", [".parquet", ".ndjson", ".arrow"])
def test_what_simulate_writes_ingest_reads(vigil, tmp_path, suffix):
    """Every record of every format."""
    path = tmp_path / f"events{suffix}"
    vigil("simulate", "--out", path, "--hours", 0.5, "--start", "2026-03-02", "--json")
    code, out, _ = vigil("ingest", path, "--json")
    [counts] = json.loads(out)
    assert code == 0
    assert counts["accepted"] == counts["read"] > 1_000


def test_ingest_counts_the_dead_and_strict_minds(vigil, tmp_path):
    """accepted + dead = read; the reason names file and record."""
    path = tmp_path / "events.ndjson"
    good = {"time": "2026-03-02T00:00:00Z", "service": "a", "duration_ms": 1}
    lines = [good, good | {"duration_ms": -1}, good]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\xff{\n", "latin-1")
    code, out, _ = vigil("ingest", path, "--json")
    [counts] = json.loads(out)
    assert (code, counts["read"], counts["accepted"], counts["dead"]) == (0, 4, 2, 2)
    expected = "duration_ms must be >= 0, got -1 (file events.ndjson, record 2)"
    assert counts["reasons"][0] == expected
    assert vigil("ingest", path, "--strict")[0] == 1


@pytest.mark.parametrize("name", ["none.ndjson", "folder.csv", "odd.xyz", "broken.parquet"])
def test_an_unreadable_file_is_wrong_use(vigil, tmp_path, name):
    """One sentence with the name."""
    path = tmp_path / name
    if name.startswith("folder"):
        path.mkdir()
    elif not name.startswith("none"):
        path.write_bytes(b"not what it says")
    code, _, error = vigil("ingest", path)
    assert code == 2
    assert name in error


def csv_files(datasets):
    """All csv files of both series datasets."""
    found = [*(datasets / "cloud-monitoring").rglob("*.csv"), *(datasets / "nab").rglob("*.csv")]
    assert len(found) > 50
    return found


def test_detect_handles_every_real_file(datasets, tmp_path, vigil):
    """One row out for each row in, finite scores."""
    for path in csv_files(datasets):
        out = tmp_path / "scores.csv"
        code, _, error = vigil("detect", path, "--out", out)
        assert code == 0, (path, error)
        scores = pl.read_csv(out)
        rows = sum(1 for _ in path.open()) - 1
        assert scores.height == rows, path
        assert np.isfinite(scores["score"].to_numpy()).all(), path
        assert set(scores["flag"].unique()) <= {0, 1}


def test_detect_does_not_peek(datasets, tmp_path, vigil):
    """A prefix of the file gets the same scores."""
    path = datasets / "nab" / "data" / "realTraffic" / "speed_7578.csv"
    prefix = tmp_path / "prefix.csv"
    prefix.write_text("".join(path.open().readlines()[:600]))
    for source, name in ((path, "whole.csv"), (prefix, "part.csv")):
        vigil("detect", source, "--out", tmp_path / name)
    whole = pl.read_csv(tmp_path / "whole.csv").head(599)
    part = pl.read_csv(tmp_path / "part.csv")
    assert part["score"].to_list() == whole["score"].to_list()
    assert part["flag"].to_list() == whole["flag"].to_list()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("t,v\n2026-01-01 00:00:00,1\n2026-01-01 00:01:00,\n2026-01-01 00:01:00,NaN\n", 3),
        ('"t","v","l"\n"2026-01-01T00:00:00Z","1","0"\n', 1),
        ("t,v\n1767225600,1\n1767225600000,2\n", 2),
        ("t,v\n2026-01-01 00:05:00,2\n2026-01-01 00:00:00,1\n", 2),
        ("t,v\n" + "2026-01-01 00:00:00,5\n" * 50, 50),
    ],
)
def test_detect_reads_what_people_have(vigil, tmp_path, text, rows):
    """Gaps, quotes, epochs, any order, duplicates, constants."""
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text(text)
    assert vigil("detect", path, "--out", out, "--plot", tmp_path / "p.png")[0] == 0
    scores = pl.read_csv(out)
    assert scores.height == rows
    assert np.isfinite(scores["score"].to_numpy()).all()
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,v\nyesterday,1\n", r"in.csv, line 2: must be a timestamp, got 'yesterday'"),
        ("t,v\n2026-01-01,1\n2026-01-02,x\n", r"in.csv, line 3: must be a number, got 'x'"),
        ("t\n1\n", "needs the columns timestamp and value"),
        ("t,v\n", "has no rows"),
        ("", "cannot be read as csv"),
    ],
)
def test_detect_says_what_is_wrong_with_a_file(vigil, tmp_path, text, message):
    """File, line and value."""
    path = tmp_path / "in.csv"
    path.write_text(text)
    code, _, error = vigil("detect", path, "--out", tmp_path / "out.csv")
    assert code == 2
    assert message in error


def test_benchmarks_run_on_real_data(datasets, vigil):
    """Vigil ranks better than its simplest peer on labelled production series."""
    code, out, _ = vigil(
        "bench", "series", "--detector", "vigil", "--detector", "rolling_mad", "--json"
    )
    assert code == 0
    total = {row["detector"]: row for row in json.loads(out) if row["family"] == "all"}
    assert total["vigil"]["vus_pr"] > total["rolling_mad"]["vus_pr"] > 0
    assert total["vigil"]["segments"] == 107
    code, out, _ = vigil("bench", "nab", "--detector", "windowed_gaussian", "--json")
    [row] = json.loads(out)
    assert row["reward_low_FN_rate"] > row["standard"] > row["reward_low_FP_rate"] > 0


def test_doctor_and_errors_never_show_a_password(vigil, monkeypatch):
    """Neither as text, nor as JSON, nor when a server is down."""
    monkeypatch.setenv("VIGIL_SINK_URL", "http://vigil:tr0ub4dor@127.0.0.1:1")
    monkeypatch.setenv("VIGIL_WEBHOOK_URL", "http://127.0.0.1:1/services/tr0ub4dor")
    for arguments in (["doctor"], ["doctor", "--json"]):
        code, out, err = vigil(*arguments)
        assert code == 1
        assert "tr0ub4dor" not in out + err
        assert "127.0.0.1:1" in out + err
