"""What bad requests have in common."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.journeys.attributes import common_attributes

NAMES = ["version", "region", "tenant", "host"]


def requests(seed: int, bad_where: pl.Expr, count: int = 4_000) -> pl.DataFrame:
    """Random attributes; 97 % of the matching and 1 % of the other requests are bad."""
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "version": rng.choice(["1.8.1", "1.8.2"], count),
            "region": rng.choice(["eu-1", "eu-2", "us-1"], count),
            "tenant": rng.choice([f"t{n}" for n in range(10)], count),
            "host": rng.choice([f"h{n}" for n in range(8)], count),
            "luck": rng.random(count),
        }
    )
    chance = pl.when(bad_where).then(0.97).otherwise(0.01)
    return frame.with_columns(bad=pl.col("luck") < chance)


def test_the_combination_that_is_bad_is_found_first():
    """Neither the version nor the region alone, but both."""
    both = (pl.col("version") == "1.8.2") & (pl.col("region") == "eu-1")
    best = common_attributes(requests(1, both), "bad", NAMES)[0]
    assert best.values == (("version", "1.8.2"), ("region", "eu-1"))
    assert best.of_bad > 0.9
    assert best.p < 1e-6
    assert "of bad requests have version 1.8.2, region eu-1" in best.sentence()


def test_nothing_is_added_that_tells_no_more():
    """One bad host is one bad host, in all versions."""
    found = common_attributes(requests(2, pl.col("host") == "h3"), "bad", NAMES)
    assert found[0].values == (("host", "h3"),)
    assert not any(len(subset.values) > 1 and ("host", "h3") in subset.values for subset in found)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_where_nothing_is_in_common_nothing_is_found(seed):
    """Many combinations are tried; the significance is corrected for that."""
    frame = requests(seed, pl.lit(False), 1_000).with_columns(bad=pl.col("luck") < 0.1)
    assert common_attributes(frame, "bad", NAMES) == []


def test_all_bad_or_all_good_has_no_contrast():
    """There is nothing to tell apart."""
    frame = requests(3, pl.lit(False))
    assert common_attributes(frame.with_columns(bad=pl.lit(True)), "bad", NAMES) == []
    assert common_attributes(frame.with_columns(bad=pl.lit(False)), "bad", NAMES) == []
