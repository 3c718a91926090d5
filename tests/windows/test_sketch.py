"""The latency sketch keeps its promised error, merges exactly, and equals the DDSketch package."""

import math

import numpy as np
import polars as pl
import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from vigil.windows.sketch import GAMMA, RELATIVE_ERROR, ZERO_BUCKET, bucket_of, quantiles

LEVELS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
durations = st.lists(st.floats(0, 1e7, allow_subnormal=False), min_size=1, max_size=200)


def sketch(values: list[float], key: int = 1) -> pl.DataFrame:
    """The long form of one group."""
    frame = pl.DataFrame({"key": key, "value": values}, schema={"key": pl.Int64, "value": float})
    return merged(frame.select("key", bucket=bucket_of("value"), count=pl.lit(1, pl.Int64)))


def merged(stacked: pl.DataFrame) -> pl.DataFrame:
    """As a fold merges them: counts of the same bucket add up."""
    return stacked.group_by("key", "bucket").agg(pl.col("count").sum()).sort("key", "bucket")


@given(durations)
def test_a_quantile_is_within_one_percent_of_the_exact_one(values):
    """The exact quantile is the order statistic below rank q (n - 1), as DDSketch defines it."""
    found = quantiles(sketch(values), ["key"], LEVELS).row(0, named=True)
    for name, q in LEVELS.items():
        exact = float(np.quantile(values, q, method="lower"))
        assert found[name] == pytest.approx(exact, rel=RELATIVE_ERROR * 1.001, abs=1e-6)


@given(durations, durations)
def test_merging_sketches_equals_the_sketch_of_everything(left, right):
    """Stacking two sketches of a key loses nothing."""
    assert merged(pl.concat([sketch(left), sketch(right)])).equals(sketch(left + right))


@given(st.lists(durations, min_size=1, max_size=5))
def test_groups_do_not_see_each_other(groups):
    """Many sketches at once give what each gives alone."""
    alone = [quantiles(sketch(values, key), ["key"], LEVELS) for key, values in enumerate(groups)]
    together = pl.concat([sketch(values, key) for key, values in enumerate(groups)])
    assert quantiles(together, ["key"], LEVELS).equals(pl.concat(alone))


def test_no_sketches_have_no_quantiles():
    """The columns are there all the same."""
    assert quantiles(sketch([]), ["key"], LEVELS).schema == {
        "key": pl.Int64, **dict.fromkeys(LEVELS, pl.Float64),
    }  # fmt: skip


def test_quantiles_equal_those_of_the_ddsketch_package():
    """Same buckets, same representative values, so sketches can be exchanged with other tools."""
    values = np.random.default_rng(3).lognormal(3, 1.2, 5_000)
    reference = DDSketch(RELATIVE_ERROR)
    for value in values:
        reference.add(value)
    found = quantiles(sketch(values.tolist()), ["key"], LEVELS).row(0, named=True)
    for name, q in LEVELS.items():
        assert found[name] == pytest.approx(reference.get_quantile_value(q), rel=1e-9)


def test_zero_has_a_bucket_of_its_own():
    """A duration of zero has no logarithm, yet counts."""
    found = sketch([0.0, 0.0, math.pow(GAMMA, 3)])
    assert set(found["bucket"]) == {ZERO_BUCKET, 3}
    assert quantiles(found, ["key"], {"p50": 0.5})["p50"].item() == 0.0
