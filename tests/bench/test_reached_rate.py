"""A false-alarm rate that is asked for is reached."""

import pytest

from vigil.bench.calibration import bench_calibration, clean_series, plot_calibration

ROWS = {row["series"]: row for row in bench_calibration(points=12_000, seed=1)}


@pytest.mark.parametrize("name", clean_series(1, 0))
def test_the_reached_rate_is_within_a_factor_of_two(name):
    """On clean series of every kind, at 5, 2 and 1 percent."""
    for rate in (0.05, 0.02, 0.01):
        assert 0.5 <= ROWS[name][str(rate)] / rate <= 2, (name, rate)


def test_the_plot_is_a_picture(tmp_path):
    """For the documentation and for a look at one's own changes."""
    plot_calibration(tmp_path / "plot.png", list(ROWS.values()))
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
