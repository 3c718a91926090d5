"""The breach benchmark on a few seeds."""

from vigil.bench.breach import bench_breach, plot_reliability, replays


def test_drifts_of_other_seeds_are_foreseen(tmp_path):
    """A small run already foresees most, with the reliability diagram as a picture."""
    ticks = []
    figures, judged = bench_breach(2, 2, lambda: ticks.append(1))
    assert len(ticks) == replays(2, 2)
    assert figures["recall"] > 0.5
    assert figures["brier"] < figures["climatology"]
    plot_reliability(tmp_path / "plot.png", judged)
    assert (tmp_path / "plot.png").stat().st_size > 5_000
