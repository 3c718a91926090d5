"""The bundle: survives the disk, answers for any time, refuses what is damaged or too new."""

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.errors import BundleError, UsageError
from vigil.stores.bundle import ARRAYS, MANIFEST, Bundle, BundleArrays, load_bundle, write_bundle
from vigil.stores.registry import Registry

DAY = 86_400.0
MONDAY = 1_772_409_600.0  # 2026-03-02


def arrays(ids=(5, 3)) -> BundleArrays:
    """Series whose forecast is the step's number, and whose profile is 100 + the hour."""
    n = len(ids)
    return BundleArrays(
        series_id=np.array(ids, np.int64),
        origin_s=np.full(n, MONDAY),
        step_s=np.full(n, 300.0),
        forecast=np.tile(np.array([0, 1, 2, np.nan], np.float32), (n, 1)),
        profile=np.tile(100 + np.arange(24, dtype=np.float32), (n, 1)),
        season_s=np.full(n, DAY),
        spread=np.array(ids, np.float32),
        quantiles=np.zeros((n, 3), np.float32),
    )


@pytest.fixture
def written(tmp_path):
    """A bundle on disk."""
    return write_bundle(tmp_path, {"bundle_id": "b1", "backtest": {"mase": 1.0}}, arrays())


def test_a_bundle_survives_the_disk(written):
    """Sorted by series; the manifest is as it was, with format and checksum."""
    loaded = load_bundle(written)
    assert loaded.bundle_id == "b1"
    assert loaded.arrays.series_id.tolist() == [3, 5]
    assert loaded.arrays.spread.tolist() == [3.0, 5.0]
    assert {path.name for path in written.iterdir()} == {MANIFEST, ARRAYS}


def test_the_forecast_holds_within_its_horizon_and_the_profile_after(written):
    """Unknown series, times before training and times long after it get no answer."""
    bundle = load_bundle(written)
    cases = [
        (3, 0, 0.0), (3, 299, 0.0), (3, 300, 1.0), (5, 899, 2.0),
        (3, 900, 100.0),  # a step without forecast
        (3, 5 * 3600, 105.0), (3, 27 * DAY + 7200, 102.0),
        (3, -1, np.nan), (4, 0, np.nan), (3, 29 * DAY, np.nan),
    ]  # fmt: skip
    ids = np.array([case[0] for case in cases])
    times = MONDAY + np.array([case[1] for case in cases], float)
    expected, spread = bundle.prior(ids, times)
    np.testing.assert_array_equal(expected, [case[2] for case in cases])
    np.testing.assert_array_equal(np.isnan(spread), np.isnan(expected))
    assert spread[0] == 3.0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-1e12, 1e12)), max_size=30))
def test_any_series_and_time_has_an_answer(rows):
    """Never an exception, never an infinity."""
    bundle = Bundle({}, arrays(ids=(1, 4, 8)))
    expected, _ = bundle.prior(
        np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], float)
    )
    assert len(expected) == len(rows)
    assert not np.isinf(expected).any()


def test_an_empty_bundle_knows_nothing():
    """It still answers."""
    expected, _ = Bundle({}, arrays(ids=())).prior(np.array([1]), np.array([0.0]))
    assert np.isnan(expected).all()


def test_a_damaged_bundle_is_refused(written):
    """By its checksum, or because something is missing."""
    content = bytearray((written / ARRAYS).read_bytes())
    content[-1] ^= 1
    (written / ARRAYS).write_bytes(content)
    with pytest.raises(BundleError, match=r"b1 is damaged: arrays\.safetensors has another"):
        load_bundle(written)
    (written / MANIFEST).unlink()
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(written)


def test_a_newer_bundle_is_refused_with_the_version_it_needs(written):
    """Better no model than a misread one."""
    manifest = orjson.loads((written / MANIFEST).read_bytes())
    newer = manifest | {"format": 99, "minimum_vigil": "9.0"}
    (written / MANIFEST).write_bytes(orjson.dumps(newer))
    with pytest.raises(BundleError, match=r"format 99, .*needs Vigil 9\.0"):
        load_bundle(written)


def test_promotions_are_a_history(engine, tmp_path):
    """The champion is the newest; what cannot be loaded is not promoted."""
    registry = Registry(engine, tmp_path)
    assert registry.champion() is None
    for name in ("a", "b"):
        registry.add({"bundle_id": name, "backtest": {"mase": 1.0}}, arrays())
        registry.promote(name, f"because {name}")
    champion = registry.champion()
    assert champion is not None
    assert (champion.bundle_id, champion.reason) == ("b", "because b")
    assert [item.bundle_id for item in registry.history()] == ["b", "a"]
    with pytest.raises(UsageError, match=r"no bundle 'x' in the registry \(newest: b, a\)"):
        registry.promote("x", "")
    (registry.path("a") / ARRAYS).write_bytes(b"")
    with pytest.raises(BundleError):
        registry.promote("a", "")
    champion = registry.champion()
    assert champion is not None
    assert champion.bundle_id == "b"


def test_a_rollback_goes_back_and_again_further_back(engine, tmp_path):
    """Not to and fro: what was rolled back from is passed over, until nothing is left."""
    registry = Registry(engine, tmp_path)
    for name in ("a", "b", "c"):
        registry.add({"bundle_id": name, "backtest": {"mase": 1.0}}, arrays())
        registry.promote(name, "better")
    back = registry.rollback("pages all night")
    assert (back.bundle_id, back.reason) == ("b", "rollback from c: pages all night")
    assert registry.rollback("still").bundle_id == "a"
    with pytest.raises(BundleError, match="no earlier champion"):
        registry.rollback("again")
    assert len(registry.history()) == 5
