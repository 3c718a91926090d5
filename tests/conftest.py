"""Fixtures shared by the whole suite."""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings
from real_servers import SERVERS, require, started
from scored_traffic import score_traffic

from vigil.config import Settings, load_settings
from vigil.servers import ElasticsearchServer, KafkaServer, Proxy
from vigil.simulate import Fault, SimulationPlan
from vigil.stores.database import open_database
from vigil.stores.embedded_postgres import start_postgres

TEMPLATE = "vigil_template"

# A busy machine is no reason to fail.
settings.register_profile("vigil", deadline=None)
settings.load_profile("vigil")


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of the shared real datasets; a user's clone lacks it, a CI run must have it."""
    path = load_settings().datasets
    if not path.is_dir():
        reason = f"no real datasets at {path}: set VIGIL_DATASETS to their folder"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which servers were real in this run."""
    if SERVERS:
        terminalreporter.section("servers")
        for name, said in sorted(SERVERS.items()):
            terminalreporter.write_line(f"{name}: {said}")


@pytest.fixture(scope="session")
def server_home() -> Iterator[Path]:
    """A folder for servers' files, outside of pytest's own, which only its owner may enter."""
    home = Path(tempfile.mkdtemp(prefix="vigil-servers-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(server_home: Path) -> Iterator[KafkaServer]:
    """A real Kafka broker."""
    require(KafkaServer.name, KafkaServer.missing())
    with KafkaServer(server_home / "kafka") as server:
        started(server)
        yield server


@pytest.fixture(scope="session")
def elasticsearch(server_home: Path) -> Iterator[ElasticsearchServer]:
    """A real Elasticsearch node."""
    require(ElasticsearchServer.name, ElasticsearchServer.missing())
    with ElasticsearchServer(server_home / "elasticsearch") as server:
        started(server)
        yield server


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A network that can be made bad; its target is set by the test."""
    with Proxy() as made:
        yield made


@pytest.fixture(scope="session")
def new_database(server_home: Path) -> Callable[[], str]:
    """Makes fresh databases with the current schema on one real PostgreSQL; returns their URLs.

    The server comes from the wheel and stops with this process.
    """
    began = time.monotonic()
    server = sa.make_url(start_postgres(server_home / "postgres" / "data")).set(
        drivername="postgresql+psycopg"
    )
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        version = connection.execute(sa.text("SHOW server_version")).scalar()
    SERVERS["PostgreSQL"] = f"{version}, real, started in {time.monotonic() - began:.1f} s"
    numbers = itertools.count()

    def create(name: str, template: str) -> str:
        with admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return server.set(database=name).render_as_string(hide_password=False)

    # Migrations run once; each test gets a copy of their result, in a tenth of the time.
    template_url = create(TEMPLATE, "template0")
    open_database(load_settings(store_url=template_url)).dispose()
    return lambda: create(f"test_{next(numbers)}", TEMPLATE)


@pytest.fixture(scope="session")
def small_estate(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of an installation that has seen three hours of traffic; read only.

    Search was slow for a while in the second hour; all of AWS is slow in the last half hour.
    """
    settings = load_settings(
        home=tmp_path_factory.mktemp("estate"), store_url=new_database(), window_s=60
    )
    start_at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    faults = (
        _fault("latency_step", start_at, 90, 110, "search", 6.0),
        _fault("region_slow", start_at, 150, 190, None, 250.0),
    )
    plan = SimulationPlan(start_at, 3 * 3600, 4.0, seed=3, faults=faults)
    score_traffic(settings, plan)
    return settings


def _fault(
    kind: str, start_at: datetime, from_min: int, to_min: int, service: str | None, magnitude: float
) -> Fault:
    first, last = (start_at + timedelta(minutes=minute) for minute in (from_min, to_min))
    return Fault(kind, kind, first, last, service, "aws-prod", "eu-west-1", magnitude, ())


@pytest.fixture
def store_settings(new_database: Callable[[], str], tmp_path: Path) -> Settings:
    """Settings with a home folder and a database of the test's own."""
    return load_settings(home=tmp_path / "home", store_url=new_database())


@pytest.fixture
def engine(store_settings: Settings) -> Iterator[sa.Engine]:
    """A connection to the test's own database."""
    opened = open_database(store_settings)
    yield opened
    opened.dispose()
