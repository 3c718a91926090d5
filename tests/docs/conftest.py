"""What the documentation's examples talk about: an hour of traffic, and files by their names."""

import gzip
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from access_log_lines import ALB, GATEWAY, GCP
from pages import example_calendar, policy_example
from scored_traffic import score_traffic

from vigil.config import Settings, load_settings
from vigil.simulate import SimulationPlan, simulate_chunk
from vigil.stores.api_keys import KeyStore
from vigil.stores.database import open_database

START = datetime(2026, 3, 2, 11, 30, tzinfo=UTC)
SECRETS = {
    "SLACK_URL": "https://chat.example/hook", "PAGERDUTY_KEY": "x" * 32, "MAIL_PASSWORD": "x",
}  # fmt: skip
PLAN = SimulationPlan(START, 3_600, 2.0, seed=3)


@pytest.fixture(scope="session")
def documented(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """The installation of the examples, whose moments are around noon; they may change it."""
    settings = load_settings(
        home=tmp_path_factory.mktemp("documented"), store_url=new_database(), window_s=30
    )
    score_traffic(settings, PLAN)
    engine = open_database(settings)
    KeyStore(engine).create("example", "sender")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE api_keys SET key_id = '1a2b3c4d'"))
    engine.dispose()
    return settings


@pytest.fixture
def example_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the examples name, and secrets of their policy."""
    monkeypatch.chdir(tmp_path)
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    for name in ("latency.csv", "FILE.csv"):
        Path(name).write_text(_series())
    for name in ("requests.ndjson", "sample.ndjson"):
        Path(name).write_bytes(_requests())
    for name in ("syslog", "var/log/syslog"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(
            "".join(f"Mar  2 12:00:{n:02} host app[1]: user {n} came\n" for n in range(60))
        )
    line = '10.0.0.1 - - [02/Mar/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl" 0.012\n'
    Path("var/log/nginx").mkdir(parents=True)
    Path("var/log/nginx/access.log").write_text(line)
    many = [line.replace("12:00:00", f"12:{n // 60:02}:{n % 60:02}") for n in range(3_000)]
    Path("access.log.gz").write_bytes(gzip.compress("".join(many).encode()))
    for folder, line in (("alb", ALB), ("azure/2026", GATEWAY), ("gcp", GCP)):
        Path(folder).mkdir(parents=True)
        Path(folder, "PT1H.json").write_text(line + "\n")
        Path(folder, "1.log.gz").write_bytes(gzip.compress(line.encode() + b"\n"))
    Path("app.log").write_text("2026-03-02T12:00:00Z GET /a/1 200 12\n")
    Path("app.json").write_text(
        '{"at": "2026-03-02T12:00:00Z", "http": {"path": "/a"}, "took": 12}\n'
    )
    for name in ("policy.yaml", "new.yaml"):
        Path(name).write_text(policy_example())
    Path("maintenance.ics").write_text(example_calendar())
    for name in ("traces.parquet", "yesterday.parquet"):
        pq.write_table(simulate_chunk(PLAN, 0), name)
    return tmp_path


def _series() -> str:
    """Two weeks of hours with the season of a day."""
    rng = np.random.default_rng(1)
    step = np.arange(14 * 24)
    value = 120 + 30 * np.sin(step * 2 * np.pi / 24) + rng.normal(0, 4, len(step))
    frame = pl.DataFrame(
        {"timestamp": [START + timedelta(hours=int(n)) for n in step], "value": value}
    )
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    return buffer.getvalue().decode()


def _requests() -> bytes:
    """An hour of them, one a second."""
    row = {"service": "shop", "route": "/a", "duration_ms": 12.0}
    times = [(START + timedelta(seconds=n)).isoformat() for n in range(3_600)]
    return b"\n".join(orjson.dumps(row | {"time": time}) for time in times)
