"""The database: migrations, frames in and out, errors that name the address."""

from datetime import UTC, datetime

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigil.config import load_settings
from vigil.errors import ConfigError, StoreError
from vigil.stores.database import copy_frame, has_timescale, open_database, read_frame

TIME = pl.Datetime("us", "UTC")


def test_opening_twice_changes_nothing(store_settings):
    """Migrations know what has run."""
    for _ in range(2):
        engine = open_database(store_settings)
        with engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
        engine.dispose()
    assert {"request_windows", "scores", "checkpoints", "promotions"} <= set(tables)


def test_rollups_are_there_with_and_without_timescale(engine, capsys):
    """Continuous aggregates where the extension is, views of the same shape elsewhere."""
    with engine.connect() as connection:
        for suffix in ("1m", "5m", "1h"):
            columns = connection.execute(sa.text(f"SELECT * FROM request_windows_{suffix}")).keys()
            assert {"key_id", "window_start", "requests", "errors"} <= set(columns)
        kind = "continuous aggregates" if has_timescale(connection) else "plain views"
    with capsys.disabled():
        print(f"\nrollups tested as {kind}")


def test_a_rollup_adds_what_it_covers(engine):
    """Three windows of 10 s, two of them in the same minute."""
    row = {"key_id": 1, "window_s": 10, "revision": 0, "errors": 1, "duration_ms_sum": 2.0,
           "request_bytes": 0, "response_bytes": 0}  # fmt: skip
    lists = {"sketch_buckets": [1], "sketch_counts": [2], "worst_traces": ["a"]}
    starts = [datetime(2026, 1, 1, 0, *at, tzinfo=UTC) for at in ((0, 0), (0, 50), (1, 0))]
    frame = pl.DataFrame([{**row, **lists, "window_start": at, "requests": 5} for at in starts])
    with engine.begin() as connection:
        copy_frame(connection, frame, "request_windows")
        found = connection.execute(
            sa.text("SELECT requests, errors FROM request_windows_1m ORDER BY window_start")
        ).all()
    assert [tuple(row) for row in found] == [(10, 2), (5, 1)]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
rows = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1), texts | st.none(), st.lists(texts, max_size=3),
        st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    ),
    max_size=20,
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_frames_survive_the_trip(engine, rows):
    """Quotes, commas, backslashes, empty and missing text all come back as they were."""
    schema = {"id": pl.Int64, "name": pl.String, "names": pl.List(pl.String), "at": TIME}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    with engine.connect() as connection:
        connection.execute(
            sa.text(
                "CREATE TEMPORARY TABLE trip (id bigint, name text, names text[], at timestamptz)"
            )
        )
        copy_frame(connection, frame, "trip")
        found = read_frame(connection, "SELECT id, name, at FROM trip", (), dict(schema))
        lists = connection.execute(sa.text("SELECT names FROM trip")).scalars().all()
        connection.rollback()
    assert found.rows() == frame.drop("names").rows()
    assert lists == frame["names"].to_list()


def test_a_conflict_clause_replaces_rows(engine):
    """The same key again updates instead of failing."""
    clause = "(key_id) DO UPDATE SET service = excluded.service"
    with engine.begin() as connection:
        for name in ("old", "new"):
            copy_frame(connection, pl.DataFrame({"key_id": [1], "service": [name]}), "keys", clause)
        assert connection.execute(sa.text("SELECT service FROM keys")).scalars().all() == ["new"]


def test_a_wrong_url_is_a_setting_error():
    """The message names the variable and the value."""
    with pytest.raises(ConfigError, match=r"VIGIL_STORE_URL .*got 'mysql://x'"):
        open_database(load_settings(store_url="mysql://x"))


def test_a_server_that_is_down_is_a_dependency_error():
    """The password never appears."""
    url = "postgresql://user:secret@127.0.0.1:1/none"
    with pytest.raises(StoreError, match=r"1/none.* failed: .*Connection refused") as caught:
        open_database(load_settings(store_url=url))
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 3
