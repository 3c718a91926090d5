"""A running board and a real browser."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, ConsoleMessage, Page, Response
from real_browser import chromium as chromium
from running_board import serving
from scored_traffic import score_traffic

from vigil.config import Settings, load_settings
from vigil.simulate import Fault, SimulationPlan
from vigil.stores.database import open_database


@pytest.fixture(scope="session")
def board(small_estate: Settings) -> Iterator[str]:
    """Address of the board of three hours of traffic."""
    with serving(small_estate) as address:
        yield address


@pytest.fixture(scope="module")
def own_estate(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """An hour of little traffic, AWS slow at its end: an open incident that a test may change."""
    settings = load_settings(
        home=tmp_path_factory.mktemp("own"), store_url=new_database(), window_s=60
    )
    start_at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    slow = Fault(
        "slow", "region_slow", start_at + timedelta(minutes=50), start_at + timedelta(hours=2),
        None, "aws-prod", "eu-west-1", 250.0, (),
    )  # fmt: skip
    score_traffic(settings, SimulationPlan(start_at, 3_600, 2.0, seed=3, faults=(slow,)))
    return settings


@pytest.fixture(scope="module")
def engine(own_estate: Settings) -> Iterator[sa.Engine]:
    """Its database."""
    opened = open_database(own_estate)
    yield opened
    opened.dispose()


@pytest.fixture
def audited(chromium: Browser) -> Iterator[Page]:
    """A page that lets axe-core write styles, which our content policy forbids."""
    with chromium.new_context(bypass_csp=True) as context:
        yield context.new_page()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page with an empty profile, whose scripts must not fail and whose files must be there."""
    context = chromium.new_context(viewport={"width": 1360, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # What the browser says of answers is judged below, by where they came from.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            wrong.append(message.text)

    def answered(response: Response) -> None:
        if response.status >= 400 and "/api/" not in response.url:
            wrong.append(f"{response.status} {response.url}")

    opened.on("console", heard)
    opened.on("response", answered)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    assert wrong == []
