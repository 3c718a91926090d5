"""`vigil forecast` on files as people have them."""

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from vigil.cli.main import cli
from vigil.collect.series_csv import timestamps_like
from vigil.errors import InputError, UsageError


def forecast(path, steps, *more):
    """(facts, frame written)."""
    out = path.with_suffix(".forecast.csv")
    arguments = ["forecast", str(path), "--horizon", str(steps), "--out", str(out), "--json", *more]
    result = CliRunner().invoke(cli, arguments)
    if isinstance(result.exception, Exception):
        raise result.exception
    return json.loads(result.stdout), pl.read_csv(out)


def test_an_untidy_file_is_continued_in_its_own_step_and_form(tmp_path):
    """Mixed formats, a gap, empty and missing values, duplicates, any order."""
    path = tmp_path / "untidy.csv"
    rows = [f"2026-03-{2 + h // 24:02}T{h % 24:02}:00:00Z,{h % 24},x" for h in range(24 * 9)]
    rows[5], rows[9] = rows[9], rows[5]
    rows[7] = rows[7].replace("T", " ").replace("Z", "")
    rows[20] = rows[20].rsplit(",", 2)[0] + ",NaN,x"
    del rows[50:54]
    path.write_text("\n".join(["TimeStamp,Value,Label", *rows, rows[30]]))
    facts, frame = forecast(path, 24, "--plot", str(tmp_path / "plot.png"))
    assert frame.columns == ["timestamp", "mean", "p10", "p50", "p90"]
    assert frame["timestamp"][0] == "2026-03-11T00:00:00Z"
    assert frame["timestamp"][23] == "2026-03-11T23:00:00Z"
    np.testing.assert_allclose(frame["mean"], np.arange(24.0), atol=1e-6)
    assert facts["step_s"] == 3600
    assert (tmp_path / "plot.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("example", "first", "second"),
    [
        ("2026-03-02 10:00:00", "1970-01-01 00:00:00", "1970-01-01 00:01:00"),
        ("2026-03-02T10:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"),
        ("2026-03-02 10:00:00.500 +02:00", "1970-01-01 02:00:00.000 +02:00",
         "1970-01-01 02:01:00.000 +02:00"),
        ("3/2/2026 10:00", "01/01/1970 00:00", "01/01/1970 00:01"),
        ("1772445600", "0", "60"),
        ("1772445600000", "0", "60000"),
        ("02 Mar 2026", "1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"),
    ],
)  # fmt: skip
def test_timestamps_are_written_as_the_file_writes_them(example, first, second):
    """Zone, separator, precision and unit stay."""
    assert timestamps_like(example, np.array([0.0, 60.0])) == [first, second]


def test_a_file_without_values_is_refused_with_its_name(tmp_path):
    """One sentence, exit code 2."""
    path = tmp_path / "empty.csv"
    path.write_text("t,v\n2026-03-02T00:00:00Z,\n2026-03-02T00:01:00Z,nan\n")
    with pytest.raises(InputError, match=r"empty\.csv cannot be forecast: .* all 2 are missing"):
        forecast(path, 5)


@pytest.mark.parametrize("option", ["--out", "--plot"])
def test_a_folder_that_is_not_there_is_said_before_the_work(tmp_path, option):
    """With its name, for either file."""
    path = tmp_path / "few.csv"
    path.write_text("t,v\n1,3\n2,4\n")
    with pytest.raises(InputError, match=r"nowhere/x cannot be written: there is no folder"):
        forecast(path, 2, option, str(tmp_path / "nowhere" / "x"))


def test_a_folder_is_no_series(tmp_path):
    """Its files must not be taken for one series, one after the other."""
    (tmp_path / "few.csv").write_text("t,v\n1,3\n2,4\n")
    with pytest.raises(InputError, match=r"is a folder: give one csv file"):
        forecast(tmp_path, 2)


def test_a_folder_is_nowhere_to_write(tmp_path):
    """Said before the work."""
    path = tmp_path / "few.csv"
    path.write_text("t,v\n1,3\n2,4\n")
    with pytest.raises(InputError, match="cannot be written: it is a folder"):
        forecast(path, 2, "--out", str(tmp_path))


def test_a_forecast_beyond_the_calendar_is_refused(tmp_path):
    """Year 10000 has no date."""
    path = tmp_path / "late.csv"
    path.write_text("t,v\n9999-12-31 22:00,3\n9999-12-31 23:00,4\n")
    with pytest.raises(InputError, match="years 1 to 9999"):
        forecast(path, 5)


def test_a_series_of_one_value_is_continued_with_a_reason(tmp_path):
    """Nothing better can be known, and the note says so."""
    path = tmp_path / "one.csv"
    path.write_text("t,v\n2026-03-02T00:00:00Z,3\n")
    facts, frame = forecast(path, 2)
    assert frame["mean"].to_list() == [3.0, 3.0]
    assert "too few" in facts["notes"][0]


def wave(path, days=8):
    """An hourly file with a season of the day and some noise."""
    rng = np.random.default_rng(3)
    rows = [f"2026-03-{2 + h // 24:02}T{h % 24:02}:00:00Z,{20 + h % 24 + rng.normal():.3f}"
            for h in range(24 * days)]  # fmt: skip
    path.write_text("\n".join(["t,v", *rows]))
    return path


@pytest.mark.parametrize("model", ["seasonal_median", "sktime_conformal"])
def test_a_candidate_can_be_asked_instead_of_the_mixture(tmp_path, model):
    """With a band of the errors that it made, or of its own where it has one."""
    facts, frame = forecast(wave(tmp_path / "wave.csv"), 24, "--model", model)
    assert facts["mixture"] == {model: 1.0}
    np.testing.assert_allclose(frame["mean"], 20 + np.arange(24.0), atol=3)
    width = (frame["p90"] - frame["p10"]).mean()
    # Noise of one deviation, and what the model adds: 2.6 to some.
    assert 2 < width < 5


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("seasonal_medium", "no candidate 'seasonal_medium'; there are .*seasonal_median"),
        ("half_space_trees", "half_space_trees is a detector"),
    ],
)
def test_a_model_that_is_no_forecaster_is_refused(tmp_path, model, says):
    """With those that are."""
    with pytest.raises(UsageError, match=says):
        forecast(wave(tmp_path / "wave.csv"), 24, "--model", model)


def test_a_model_that_needs_more_history_says_so(tmp_path):
    """And what to do."""
    with pytest.raises(InputError, match=r"more than 2 seasons of 24 steps, got 24 .* leave out"):
        forecast(wave(tmp_path / "day.csv", days=1), 24, "--model", "seasonal_median")


@pytest.mark.shared_data
def test_production_series_are_forecast_better_than_by_the_day_before(datasets):
    """MASE over a day against seasonal naive's, two files of each family; bands near 80 %."""
    from vigil.collect.series_csv import read_series
    from vigil.forecast.regular import regular
    from vigil.forecast.series import forecast_series

    files, errors, inside = [], [], []
    for family in sorted((datasets / "cloud-monitoring" / "data").iterdir()):
        files += sorted(family.glob("*.csv"))[:2]
    for path in files:
        file = read_series(path)
        series = regular(file.time_s, file.value)
        time_s = series.start_s + series.step_s * np.arange(len(series.value))
        day = series.day_steps
        for share in (0.6, 0.7, 0.8):
            cut = int(len(time_s) * share)
            actual = series.value[cut : cut + day]
            found = forecast_series(time_s[:cut], series.value[:cut], day)
            naive = series.value[cut - day : cut]
            scale = np.abs(series.value[day:cut] - series.value[: cut - day]).mean()
            errors.append([np.abs(point - actual).mean() / scale for point in (found.mean, naive)])
            inside.append((actual >= found.quantile[:, 0]) & (actual <= found.quantile[:, 2]))
    ours, yardstick = np.mean(errors, axis=0)
    assert ours < 0.9 * yardstick
    assert 0.7 < np.mean(np.concatenate(inside)) < 0.9


def test_a_drifting_file_is_said_to_break_its_threshold(tmp_path):
    """Shown with its record; no warning is made, as nothing has come true yet."""
    path = tmp_path / "p95.csv"
    value = 100 + np.random.default_rng(1).normal(size=2000)
    value[-60:] += np.arange(60) / 4
    pl.DataFrame({"t": 300 * np.arange(2000), "v": value}).write_csv(path)
    arguments = ["breach", str(path), "--above", "125", "--horizon", "80", "--replays", "20"]
    result = CliRunner().invoke(cli, [*arguments, "--json"])
    facts = json.loads(result.stdout)
    assert facts["probability"] > 0.7, "a drift may end: certainty would be wrong"
    assert facts["warning"] is False
    assert facts["record"]["deserves_warnings"] is False
    assert result.exit_code == 0


def test_a_threshold_that_is_broken_already_is_no_forecast(tmp_path):
    """Exit code 1 and no warning: it comes too late."""
    path = tmp_path / "p95.csv"
    value = np.r_[np.full(200, 100.0), np.full(5, 130.0)]
    pl.DataFrame({"t": 300 * np.arange(205), "v": value}).write_csv(path)
    arguments = ["breach", str(path), "--above", "125", "--horizon", "20", "--replays", "5"]
    result = CliRunner().invoke(cli, [*arguments, "--json"])
    facts = json.loads(result.stdout)
    assert (facts["broken_now"], facts["probability"], facts["warning"]) == (True, 1.0, False)
    assert result.exit_code == 1
    assert "broken already" in CliRunner().invoke(cli, arguments).stdout


def test_a_breach_needs_one_threshold(tmp_path):
    """Neither none nor two."""
    result = CliRunner().invoke(cli, ["breach", "x.csv", "--horizon", "5"])
    assert result.exit_code == 2
    assert "exactly one of --above and --below" in result.stderr
