"""The database: migrations, frames in and out, errors that name the address."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigil.config import load_settings
from vigil.errors import ConfigError, StoreError
from vigil.stores import database
from vigil.stores.database import copy_frame, open_database, read_frame

TIME = pl.Datetime("us", "UTC")


def test_opening_twice_changes_nothing(store_settings):
    """Migrations know what has run."""
    for _ in range(2):
        engine = open_database(store_settings)
        with engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
        engine.dispose()
    assert {"request_windows", "scores", "checkpoints", "promotions"} <= set(tables)


def test_the_newest_migration_is_known_by_its_file(store):
    """A schema that is up to date is seen without Alembic, which takes a while to load."""
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    assert database.newest_revision() == ScriptDirectory.from_config(config).get_current_head()
    with store.connect() as connection:
        assert MigrationContext.configure(connection).get_current_heads() == (
            database.newest_revision(),
        )


def test_rollups_are_there_with_and_without_timescale(store):
    """Continuous aggregates where the extension is, views of the same shape elsewhere."""
    with store.connect() as connection:
        for suffix in ("1m", "5m", "1h"):
            columns = connection.execute(sa.text(f"SELECT * FROM request_windows_{suffix}")).keys()
            assert {"key_id", "window_start", "requests", "errors"} <= set(columns)


def test_timescale_gets_hypertables_aggregates_compression_and_retention(timescale_url):
    """Everything that the migrations ask of the extension is there."""
    engine = open_database(load_settings(store_url=timescale_url))

    def names(query: str) -> set[str]:
        with engine.connect() as connection:
            return set(connection.execute(sa.text(query)).scalars())

    tables = {"request_windows", "metric_windows", "scores"}
    rollups = {"request_windows_1m", "request_windows_5m", "request_windows_1h"}
    views = "SELECT view_name FROM timescaledb_information.continuous_aggregates"
    jobs = "SELECT hypertable_name FROM timescaledb_information.jobs WHERE proc_name = "
    assert tables <= names("SELECT hypertable_name FROM timescaledb_information.hypertables")
    assert names(views) == rollups
    assert names(f"{jobs} 'policy_compression'") == tables
    assert names(f"{jobs} 'policy_retention'") == tables
    assert len(names(f"{jobs} 'policy_refresh_continuous_aggregate'")) == len(rollups)
    with engine.connect() as connection:
        setting = "SELECT attname FROM timescaledb_information.compression_settings"
        assert {"key_id", "series_id"} <= set(connection.execute(sa.text(setting)).scalars())
    engine.dispose()


def test_a_rollup_adds_what_it_covers(store):
    """Three windows of 10 s, two of them in the same minute."""
    row = {"key_id": 1, "window_s": 10, "revision": 0, "errors": 1, "duration_ms_sum": 2.0,
           "request_bytes": 0, "response_bytes": 0}  # fmt: skip
    lists = {"sketch_buckets": [1], "sketch_counts": [2], "worst_traces": ["a"]}
    starts = [datetime(2026, 1, 1, 0, *at, tzinfo=UTC) for at in ((0, 0), (0, 50), (1, 0))]
    frame = pl.DataFrame([{**row, **lists, "window_start": at, "requests": 5} for at in starts])
    with store.begin() as connection:
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
def test_frames_survive_the_trip(store, rows):
    """Quotes, commas, backslashes, empty and missing text all come back as they were."""
    schema = {"id": pl.Int64, "name": pl.String, "names": pl.List(pl.String), "at": TIME}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    with store.connect() as connection:
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


def test_a_conflict_clause_replaces_rows(store):
    """The same key again updates instead of failing."""
    clause = "(key_id) DO UPDATE SET service = excluded.service"
    with store.begin() as connection:
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
