"""The board shows what the last drills found, the blindest service first."""

from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from running_board import serving

from vigil.board.drills import drill_results
from vigil.drill.record import record
from vigil.drill.shadow import ServiceDrill
from vigil.stores.database import open_database

NIGHT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def engine(own_estate):
    opened = open_database(own_estate)
    for night, found in ((NIGHT, 3), (NIGHT + timedelta(days=1), 1)):
        missed = ("error_burst", "traffic_drop")[: 3 - found]
        drills = [
            ServiceDrill("payments", 3, 3, (), 95.0, 0),
            ServiceDrill("search", 3, found, missed, 240.0 if found else None, 2),
        ]
        with opened.begin() as connection:
            record(connection, drills, night)
    yield opened
    opened.dispose()


def test_each_service_has_its_last_drill_and_each_night_its_sum(engine):
    """Blind spots come first."""
    found = drill_results(engine)
    assert [(row["service"], row["found"], row["passed"]) for row in found["services"]] == [
        ("search", 1, False), ("payments", 3, True),
    ]  # fmt: skip
    assert found["services"][0]["missed"] == ["error_burst", "traffic_drop"]
    nights = [(row["drilled_at"], row["found"], row["faults"]) for row in found["nights"]]
    assert nights == [(NIGHT + timedelta(days=1), 4, 6), (NIGHT, 6, 6)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_names_blind_spots_and_leads_to_their_incidents(
    audited, engine, own_estate, scheme
):
    """Accessible in both themes, without scrolling a phone sideways."""
    audited.emulate_media(color_scheme=scheme)
    audited.set_viewport_size({"width": 360, "height": 740})
    with serving(own_estate) as address:
        audited.goto(f"{address}/#/drills")
        expect(audited.get_by_text("1 blind spot")).to_be_visible()
        services = audited.get_by_role("region", name="Services")
        expect(services).to_contain_text("error_burst, traffic_drop")
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        found = Axe().run(audited, options={"runOnly": {"type": "tag", "values": tags}})
        assert found.violations_count == 0, found.generate_report()
        assert audited.evaluate("document.documentElement.scrollWidth") <= 360
        services.get_by_role("link", name="search").click()
        expect(audited.get_by_role("heading", level=1)).to_contain_text("blind spot")
