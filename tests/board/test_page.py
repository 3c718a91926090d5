"""The page in a real browser: each main flow, by keyboard too, dark, small, and after a cut."""

import re
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from running_board import serving

from vigil.events.schema import TOPIC_EVENTS
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER
from vigil.stores.database import open_database
from vigil.stores.stream_health import Sample, StreamHealth, WorkerSample


def opened(page: Page, address: str, place: str = "#/") -> Page:
    """The page, once it has heard from the server."""
    page.goto(f"{address}/{place}")
    expect(page.get_by_role("status", name="Connection")).to_have_text("live")
    expect(page.get_by_role("heading", name="Stream")).to_be_visible()
    return page


def places(page: Page, address: str) -> list[str]:
    """An address of each kind of view."""
    opened(page, address)
    links = [page.locator(kind).first for kind in (".tile", ".incidents li.open a")]
    found = ["#/", *(link.get_attribute("href") or "" for link in links)]
    opened(page, address, found[-1])
    evidence = page.get_by_role("region", name="Evidence").get_by_role("link").first
    trace = page.locator(".traces a").first
    more = [link.get_attribute("href") or "" for link in (trace, evidence)]
    return ["#/journeys", "#/graph", "#/drills", *found, *more]


def settled(page: Page) -> None:
    """Nothing is waited for any more."""
    for words in ("Loading", "Searching"):
        expect(page.get_by_role("main").get_by_text(words)).to_have_count(0, timeout=20_000)


def test_from_the_map_to_a_series(page, board):
    """Environment, service, series, picture, flagged windows."""
    opened(page, board)
    expect(page.get_by_role("region", name="aws-prod")).to_be_visible()
    page.get_by_role("region", name="aws-prod").get_by_role(
        "link", name=re.compile("search")
    ).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("search aws-prod")
    page.get_by_role("link", name="latency_ms_p95 POST /query").click()
    expect(
        page.get_by_role("img", name=re.compile("latency_ms_p95 POST .*flagged"))
    ).to_be_visible()
    expect(page.locator(".uplot canvas")).to_have_count(2)
    # Until the pointer is over a window, the legend tells of the newest.
    legend = page.locator(".uplot .u-legend").first
    expect(legend).to_contain_text("2026-03-02 12:59:00")
    expect(legend).to_contain_text(re.compile(r"actual:?\s*\d"))
    page.locator(".u-over").first.hover()
    expect(legend).not_to_contain_text("12:59:00")
    page.get_by_role("heading", level=1).hover()
    expect(legend).to_contain_text("2026-03-02 12:59:00")
    expect(page.get_by_role("region", name="Flagged windows")).to_be_visible()
    page.get_by_label("Show").select_option("1h")
    expect(page.get_by_text("60 windows")).to_be_visible()
    page.get_by_role("button", name="earlier").click()
    expect(page.get_by_text("until 2026-03-02 12:29:00 UTC")).to_be_visible()
    page.get_by_role("button", name="newest").click()
    expect(page.get_by_text("until 2026-03-02 12:59:00 UTC")).to_be_visible()


def test_an_incident_tells_its_reason_and_its_course(page, board):
    """Reason, evidence with links, timeline, requests to look at."""
    opened(page, board)
    expect(page.get_by_role("link", name=re.compile(r"\d+ open incident"))).to_be_visible()
    page.locator(".incidents li.open a").first.click()
    expect(page.get_by_text(re.compile("instead of .*usual"))).to_be_visible()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page.locator(".timeline li").first).to_contain_text("opened")
    expect(page.locator(".traces code").first).to_have_text(re.compile("[0-9a-f]{32}"))
    page.get_by_role("region", name="Evidence").get_by_role("link").first.click()
    expect(page.locator(".uplot canvas").first).to_be_visible()


def test_a_request_of_an_incident_is_taken_apart_hop_by_hop(page, board):
    """Callers above callees, and where its time went beyond the usual."""
    opened(page, board)
    page.locator(".incidents li.open a").first.click()
    page.locator(".traces a").first.click()
    rows = page.get_by_role("region", name="Waterfall").get_by_role("row")
    expect(rows.nth(1)).to_be_visible(timeout=20_000)
    expect(page.locator(".reason")).to_contain_text(
        re.compile(r"Beyond the usual: .* ms in .* itself")
    )
    expect(page.locator(".waterfall tr.slow").first).to_contain_text("▲ +")


def test_journeys_lead_to_their_hops_and_slowest_traces(page, board):
    """By rate, errors and latency; each with where its time goes."""
    opened(page, board)
    page.get_by_role("navigation").get_by_role("link", name="Journeys").click()
    table = page.get_by_role("region", name="Journeys")
    expect(table).to_contain_text("POST /checkout: gateway", timeout=20_000)
    page.get_by_role("button", name=re.compile("Hops of POST .checkout")).first.click()
    expect(page.get_by_role("region", name="Hops")).to_contain_text("payments@")
    page.get_by_role("link", name=re.compile("Slowest trace of POST .checkout")).first.click()
    expect(page.get_by_role("region", name="Waterfall")).to_contain_text("payments", timeout=20_000)


def test_the_graph_shows_who_calls_whom(page, board):
    """A picture whose services are links, and the same as a table."""
    opened(page, board, "#/graph")
    picture = page.get_by_role("region", name="Picture of the calls")
    expect(picture.get_by_role("link", name="payments, ")).to_be_visible()
    expect(page.get_by_role("region", name="Calls", exact=True)).to_contain_text("(clients)")
    picture.get_by_role("link", name="payments, ").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("payments")


def test_workers_are_listed_with_what_they_read(page, store_settings):
    """And each partition with its reader, on a phone too."""
    state = WorkerSample(1_234, 5, 1.5, datetime.now(UTC), [f"{TOPIC_EVENTS}/0"])
    with closing(open_log(store_settings)) as event_log:
        event_log.create_topic(TOPIC_EVENTS)
    engine = open_database(store_settings)
    sample = Sample(datetime.now(UTC), 0, 0, 0, {}, {"host-7": state})
    StreamHealth(engine, CONSUMER).note(sample)
    engine.dispose()
    page.set_viewport_size({"width": 360, "height": 740})
    with serving(store_settings) as address:
        opened(page, address)
        workers = page.get_by_role("region", name="Workers")
        expect(workers.get_by_role("row", name="host-7 vigil.events/0")).to_be_visible()
        partitions = page.get_by_role("region", name="Partitions")
        expect(partitions.get_by_role("row", name="vigil.events/0")).to_contain_text("host-7")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_a_drill_the_page_says_how_one_comes(page, board):
    """Every night, or now."""
    opened(page, board, "#/drills")
    expect(page.get_by_text("No drill has run yet")).to_be_visible()


def test_the_ledger_is_asked_from_the_table_and_by_hand(page, board):
    """A flagged window says why, a calm one why not."""
    opened(page, board, places(page, board)[-1])
    expect(page.get_by_role("region", name="Flagged windows")).to_be_visible()
    page.get_by_role("button", name="Why at 2026-03-02 12:4").first.click()
    expect(page.get_by_text("It was flagged")).to_be_visible()
    page.get_by_label("Moment (UTC)").fill("2026-03-02 11:10")
    page.get_by_role("button", name="Ask the ledger").click()
    expect(page.get_by_text("It was not flagged")).to_be_visible()
    page.get_by_label("Moment (UTC)").fill("yesterday")
    expect(page.get_by_text("as in 2026-03-02")).to_be_visible()


def test_the_keyboard_is_enough(page, board):
    """Skip link, search by /, a tile by Enter, back by Escape; the focus is where the news is."""
    opened(page, board)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Filter")).to_be_focused()
    page.keyboard.type("search")
    expect(page.locator(".tile")).to_have_count(2)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("search")
    expect(page.locator("#view")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("Estate")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_accessible(audited, board, scheme):
    """No violation of WCAG 2.2 A and AA that axe-core can find, in both colour schemes."""
    audited.emulate_media(color_scheme=scheme)
    for place in places(audited, board):
        opened(audited, board, place)
        settled(audited)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        found = Axe().run(audited, options={"runOnly": {"type": "tag", "values": tags}})
        assert found.violations_count == 0, f"{place}\n{found.generate_report()}"


def test_a_phone_shows_everything_without_scrolling_sideways(page, board):
    """Every view fits into 360 pixels; wide tables scroll by themselves."""
    page.set_viewport_size({"width": 360, "height": 740})
    for place in places(page, board):
        opened(page, board, place)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, place


def test_the_theme_is_chosen_and_remembered(page, board):
    """Auto follows the system; a choice outlives the visit."""
    opened(page, board)
    page.get_by_label("Theme").select_option("dark")
    page.reload()
    expect(page.get_by_label("Theme")).to_have_value("dark")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_the_page_survives_a_restart_of_the_server(page, small_estate):
    """It says that the connection is lost, keeps what it knew, and goes on with the next server."""
    with serving(small_estate) as address:
        opened(page, address)
        expect(page.locator(".tile").first).to_be_visible()
        tiles = page.locator(".tile").count()
    expect(page.get_by_role("status", name="Connection")).to_contain_text("connection lost, as of")
    expect(page.locator(".tile")).to_have_count(tiles)
    with serving(small_estate, port=urlsplit(address).port or 0):
        expect(page.get_by_role("status", name="Connection")).to_have_text("live", timeout=20_000)
        expect(page.locator(".tile")).to_have_count(tiles)


def test_what_does_not_exist_is_said(page, board):
    """An old link leads to a sentence."""
    opened(page, board, "#/series/7")
    expect(page.get_by_role("alert")).to_have_text("there is no series 7")
