"""The ledger: every decision for 30 days, in little room, wherever it lies."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from vigil.stores.database import copy_frame
from vigil.stores.ledger import LedgerKeeper, LedgerSpec
from vigil.stores.score_blocks import BLOCK, SCORES, decode_blocks, encode_blocks, on_grid
from vigil.stores.timescale import WindowStore

START = datetime(2026, 3, 2, tzinfo=UTC)
numbers = st.one_of(st.none(), st.just(0.0), st.floats(1e-6, 1e9), st.floats(-1e9, -1e-6))


@st.composite
def score_rows(draw) -> dict:
    """One decision that raised no flag."""
    p = draw(st.floats(1e-40, 1.0))
    return {
        "series_id": draw(st.sampled_from([-5, 7])),
        "window_start": START + timedelta(seconds=10 * draw(st.integers(0, 5_000))),
        "revision": draw(st.integers(0, 3)),
        "actual": draw(numbers),
        "weight": float(draw(st.integers(0, 1000))),
        "expected": draw(numbers),
        "lower": draw(numbers),
        "upper": draw(numbers),
        "p": p,
        "score": 1 - p,
        "flagged": False,
        "gate": draw(st.integers(0, 255)),
        "warming_up": draw(st.floats(0, 1)),
        "model": draw(st.sampled_from(["online", "bundle-1"])),
    }


frames = st.lists(
    score_rows(),
    min_size=1,
    max_size=40,
    unique_by=lambda row: (row["series_id"], row["window_start"], row["revision"]),
).map(lambda rows: pl.DataFrame(rows, schema=SCORES).sort("series_id", "window_start", "revision"))


@given(frames)
def test_a_block_gives_back_the_decisions_within_the_grid(frame):
    """Identity, gate, revision and model exactly; values within 0.2 %, p within 1.2 %."""
    found = decode_blocks((s, at, content) for s, at, _, content in encode_blocks(frame))
    assert found.equals(on_grid(frame))
    exact = ["series_id", "window_start", "revision", "gate", "flagged", "model"]
    assert found.select(exact).equals(frame.select(exact))
    for name, within in {
        "actual": 2.1e-3,
        "expected": 2.1e-3,
        "lower": 2.1e-3,
        "p": 1.2e-2,
    }.items():
        for was, now in zip(frame[name], found[name], strict=True):
            assert (was is None) == (now is None)
            assert was is None or now == pytest.approx(was, rel=within)


@given(frames)
def test_what_is_on_the_grid_stays_as_it_is(frame):
    """A block may be packed again with a late revision without wearing off."""
    assert on_grid(on_grid(frame)).equals(on_grid(frame))


def decisions(hours: float, series_ids=(1, 2), flag_every: int = 0) -> pl.DataFrame:
    """A decision a minute; every n-th is flagged."""
    minutes = range(int(hours * 60))
    rows = [
        {
            "series_id": series_id, "window_start": START + timedelta(minutes=minute),
            "revision": 0, "actual": 10.0 + minute % 7, "weight": 5.0, "expected": 12.0,
            "lower": 8.0, "upper": None, "p": 0.5, "score": 0.5,
            "flagged": bool(flag_every) and minute % flag_every == 0, "gate": 0,
            "warming_up": 1.0, "model": "online",
        }
        for series_id in series_ids
        for minute in minutes
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SCORES)


def write(engine: sa.Engine, frame: pl.DataFrame) -> None:
    """As the scorer does."""
    with engine.begin() as connection:
        copy_frame(connection, frame, "scores")


def rows_left(engine: sa.Engine) -> int:
    """Decisions that are still rows."""
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT count(*) FROM scores")).scalar_one()


def test_what_was_asked_of_rows_is_answered_by_blocks_as_well(store):
    """Range, series and flags select the same decisions before and after packing."""
    frame = decisions(hours=30, flag_every=50)
    write(store, frame)
    windows = WindowStore(store)
    ranges = [
        (START, START + timedelta(hours=40), None),
        (START + timedelta(hours=3.5), START + timedelta(hours=4.5), [2]),
        (START + timedelta(hours=4), START + timedelta(hours=4, minutes=1), [1]),
        (START + timedelta(hours=29), START + timedelta(hours=31), None),
    ]
    before = [on_grid(windows.scores(a, b, series_ids=ids)) for a, b, ids in ranges]
    flags = windows.scores(*ranges[0][:2], only_flagged=True)
    assert LedgerKeeper(store, LedgerSpec(hot_h=6)).tidy() > 0
    assert rows_left(store) < frame.height / 2
    after = [on_grid(windows.scores(a, b, series_ids=ids)) for a, b, ids in ranges]
    assert all(x.equals(y) for x, y in zip(before, after, strict=True))
    assert windows.scores(*ranges[0][:2], only_flagged=True).equals(flags)
    assert windows.count_scores() == frame.height


def test_tidying_again_changes_nothing_and_a_late_revision_joins_its_block(engine):
    """However often the housekeeping runs, and whenever a revision comes."""
    write(engine, decisions(hours=20))
    keeper, windows = LedgerKeeper(engine, LedgerSpec(hot_h=6)), WindowStore(engine)
    keeper.tidy()
    assert keeper.tidy() == 0
    revised = (
        decisions(hours=0.1, series_ids=(1,))
        .head(1)
        .with_columns(revision=pl.lit(1, pl.Int32), actual=pl.lit(99.0))
    )
    write(engine, revised)
    assert keeper.tidy() == 1
    found = windows.scores(START, START + timedelta(minutes=1), series_ids=[1])
    assert found["revision"].to_list() == [0, 1]
    assert found["actual"].to_list() == pytest.approx([10.0, 99.0], rel=2.1e-3)


def test_the_ledger_is_bounded_in_time(engine):
    """Older than the days to keep, measured from the newest decision, is forgotten."""
    old = decisions(hours=8, flag_every=100)
    write(engine, old)
    write(engine, old.with_columns(pl.col("window_start") + timedelta(days=31)))
    LedgerKeeper(engine, LedgerSpec(hot_h=6, kept_days=30)).tidy()
    found = WindowStore(engine).scores(START, START + timedelta(days=60))
    assert found["window_start"].min() >= START + timedelta(days=1) - BLOCK
    assert found.height == old.height
