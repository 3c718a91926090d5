"""Servers for the store tests."""

import os
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from real_servers import SERVERS, require

from vigil.config import load_settings
from vigil.servers import ElasticsearchServer
from vigil.stores.database import open_database

TIMESCALE_VARIABLE = "VIGIL_TEST_TIMESCALE_URL"


@pytest.fixture
def elastic_url(elasticsearch: ElasticsearchServer) -> str:
    """A real Elasticsearch 8.19."""
    return elasticsearch.url


@pytest.fixture(scope="session")
def timescale_url() -> str:
    """A database of our own on a running TimescaleDB, which no package registry has."""
    url = os.environ.get(TIMESCALE_VARIABLE, "")
    reason = "" if url else f"no TimescaleDB: set {TIMESCALE_VARIABLE} to a superuser's URL"
    require("TimescaleDB", reason)
    server = sa.make_url(url).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"vigil_test_{os.getpid()}"
    with admin.connect() as connection:
        query = "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
        version = connection.execute(sa.text(query)).scalar_one()
        SERVERS["TimescaleDB"] = f"{version}, real, at {TIMESCALE_VARIABLE}"
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["postgresql", "timescaledb"])
def store(request: pytest.FixtureRequest, new_database: Callable[[], str]) -> Iterator[sa.Engine]:
    """An empty database with the current schema, without and with TimescaleDB."""
    if request.param == "postgresql":
        url = new_database()
    else:
        url = request.getfixturevalue("timescale_url")
    engine = open_database(load_settings(store_url=url))
    with engine.begin() as connection:
        tables = set(sa.inspect(connection).get_table_names()) - {"alembic_version"}
        connection.execute(sa.text(f"TRUNCATE {', '.join(sorted(tables))}"))
    yield engine
    engine.dispose()
