"""How soon the board of 10,000 series is seen, in a real Chromium with an empty cache.

`python tools/first_paint.py` prints JSON: medians in seconds of the first paint and of the moment
at which the estate is drawn, counted from the beginning of the visit.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import polars as pl
import sqlalchemy as sa
from playwright.sync_api import Browser, sync_playwright

from vigil.config import load_settings
from vigil.events.schema import KEY_COLUMNS
from vigil.features.observations import SCORED_METRICS
from vigil.stores.database import copy_frame, open_database
from vigil.stores.score_blocks import SCORES

SERIES, SERVICES, VISITS = 10_000, 834, 7
ENVIRONMENTS = ("onprem", "aws-prod", "azure-prod", "gcp-prod")
WINDOWS, WINDOW_S = 30, 10
START_S = 30.0
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"


def fill(engine: sa.Engine) -> None:
    """The last windows of an estate, one series in a hundred unusual."""
    key = np.arange(-(-SERIES // len(SCORED_METRICS)))
    service = pl.Series(key % SERVICES)
    keys = pl.DataFrame({"key_id": key}).with_columns(
        tenant=pl.lit("shop"),
        environment=pl.Series(np.array(ENVIRONMENTS)[service.to_numpy() % len(ENVIRONMENTS)]),
        cloud=pl.lit(None, pl.String),
        region=pl.lit("eu-west-1"),
        service=pl.format("service-{}", service),
        route=pl.format("/route/{}", pl.Series(key)),
        method=pl.lit("GET"),
    )
    ids = np.arange(SERIES)
    metric = np.array(SCORED_METRICS)[ids % len(SCORED_METRICS)]
    series = pl.DataFrame(
        {"series_id": ids, "key_id": ids // len(SCORED_METRICS), "metric": metric}
    )
    newest = datetime.now(UTC).replace(microsecond=0)
    at = [newest - timedelta(seconds=WINDOW_S * number) for number in range(WINDOWS)]
    scores = series.select("series_id").join(pl.DataFrame({"window_start": at}), how="cross")
    scores = scores.with_columns(
        revision=0, actual=1.0, weight=9.0, expected=1.0, lower=0.5, upper=1.5, p=0.5, score=0.5,
        flagged=pl.col("series_id") % 100 == 0, gate=0, warming_up=1.0, model=pl.lit("online"),
    ).cast(pl.Schema(SCORES))  # fmt: skip
    with engine.begin() as connection:
        copy_frame(connection, keys.select("key_id", *KEY_COLUMNS), "keys")
        copy_frame(connection, series, "series")
        copy_frame(connection, scores.select(list(SCORES)), "scores")


@contextmanager
def board(home: Path) -> Iterator[str]:
    """`vigil board` in a process of its own; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    vigil = Path(sys.executable).parent / "vigil"
    environment = os.environ | {"VIGIL_HOME": str(home), "VIGIL_STORE_URL": ""}
    command = [vigil, "board", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    try:
        until_s = time.monotonic() + START_S
        while not _answers(address):
            assert time.monotonic() < until_s, "the board did not start"
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False


def visit(browser: Browser, address: str) -> tuple[float, float]:
    """Seconds to (first paint, estate drawn) of somebody who has never been there."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        page.locator(".tile").first.wait_for()
        drawn_s = page.evaluate("performance.now() / 1000")
        return page.evaluate(_FIRST_PAINT), drawn_s


def main() -> None:
    """Fill, serve, look."""
    with tempfile.TemporaryDirectory(prefix="vigil-paint-") as folder:
        Path(folder).chmod(0o755)
        engine = open_database(load_settings(home=Path(folder), store_url=""))
        fill(engine)
        with board(Path(folder)) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            times = [visit(browser, address) for _ in range(VISITS)]
            browser.close()
        engine.dispose()
    paint_s, drawn_s = (round(median(column), 2) for column in zip(*times, strict=True))
    facts = {"series": SERIES, "services": SERVICES, "visits": VISITS}
    print(json.dumps(facts | {"first_paint_s": paint_s, "estate_drawn_s": drawn_s}))


if __name__ == "__main__":
    main()
