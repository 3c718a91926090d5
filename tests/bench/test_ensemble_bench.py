"""The ensemble's weights never see the family that they are judged on."""

import numpy as np
import polars as pl

from vigil.bench.ensemble import VARIANTS, cross_validate_ensemble


def test_each_family_is_judged_by_weights_of_the_others(tmp_path):
    """Other labels in a family change the weights of the others, not its own."""

    def write(family: str, spike: int) -> None:
        value = 50 + np.random.default_rng(len(family)).normal(0, 1, 400)
        labels = np.zeros(400, int)
        value[300:305], labels[spike : spike + 5] = 90.0, 1
        minutes = [f"2026-03-02T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(400)]
        (tmp_path / family).mkdir(exist_ok=True)
        frame = pl.DataFrame({"timestamp": minutes, "value": value, "label": labels})
        frame.write_csv(tmp_path / family / "series.csv")

    write("a", 300)
    write("bb", 300)
    before = cross_validate_ensemble(tmp_path)
    write("a", 200)
    after = cross_validate_ensemble(tmp_path)
    assert [row["family"] for row in before] == ["a", "bb", "all, held out"]
    assert before[0]["evidence"] == after[0]["evidence"]
    assert before[1] != after[1]
    assert all(0 <= before[-1][name] <= 1 for name in VARIANTS)
