"""Acting on the page in a real browser: with and without a key, by keyboard, said aloud."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from running_board import serving

from vigil.board.access import STRANGER
from vigil.config import Settings
from vigil.stores.api_keys import KeyStore
from vigil.stores.database import open_database


@pytest.fixture(scope="module")
def locked(own_estate: Settings) -> Iterator[str]:
    with serving(own_estate, anonymous=STRANGER) as address:
        yield address


@pytest.fixture(scope="module")
def tokens(own_estate: Settings) -> Iterator[dict[str, str]]:
    """Role → token."""
    engine = open_database(own_estate)
    keys = KeyStore(engine)
    yield {role: keys.create("ann", role)[1] for role in ("viewer", "operator")}
    engine.dispose()


def sign_in(page: Page, address: str, token: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
    page.get_by_label("Key").fill(token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status", name="Connection")).to_have_text("live")


def happened(page: Page, said: str) -> None:
    expect(page.get_by_role("status", name="What happened")).to_contain_text(said)


def test_a_viewer_signs_in_looks_and_finds_no_buttons(page, locked, tokens):
    """A wrong key is refused in a sentence; signing out closes the door."""
    page.goto(locked)
    page.get_by_label("Key").fill("vigil_1_2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no valid key")
    sign_in(page, locked, tokens["viewer"])
    happened(page, "Signed in as ann")
    page.locator(".incidents li.open a").first.click()
    expect(page.get_by_text("Nobody has said yet")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("status", name="Connection")).to_have_text("live")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_operator_acknowledges_silences_and_labels_by_keyboard(page, locked, tokens):
    """Each deed is announced, the focus stays where the work is."""
    sign_in(page, locked, tokens["operator"])
    page.locator(".incidents li.open a").first.press("Enter")
    page.get_by_role("button", name="Acknowledge").press("Enter")
    happened(page, "takes care of this incident")
    expect(page.locator(".care > p")).to_be_focused()
    expect(page.locator(".care > p")).to_contain_text("ann")
    expect(page.locator(".incidents li.open").first).to_contain_text("takes care")

    page.get_by_role("button", name="Silence…").press("Enter")
    expect(page.get_by_role("dialog", name="Silence")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Silence…")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Why").fill("load test")
    page.keyboard.press("Enter")
    happened(page, "Silenced until")
    expect(page.get_by_role("region", name="Silences")).to_contain_text("load test")
    page.get_by_role("button", name="End the silence").press("Enter")
    happened(page, "has ended")
    expect(page.get_by_role("region", name="Silences")).to_have_count(0)

    page.get_by_role("region", name="Evidence").get_by_role("link").first.press("Enter")
    page.get_by_role("button", name=re.compile("Why at")).first.press("Enter")
    page.get_by_label("Note").fill("deploy")
    page.get_by_role("button", name="false alarm").press("Enter")
    happened(page, "as false alarm")
    expect(page.get_by_text(re.compile("false alarm by ann .*: deploy"))).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_door_and_the_dialog_are_accessible(audited, locked, tokens, scheme):
    """No violation that axe-core finds, also at phone width."""
    audited.emulate_media(color_scheme=scheme)
    audited.set_viewport_size({"width": 360, "height": 740})
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    audited.goto(locked)
    expect(audited.get_by_role("heading", name="Sign in")).to_be_focused()
    door = Axe().run(audited, options={"runOnly": {"type": "tag", "values": tags}})
    assert door.violations_count == 0, door.generate_report()
    sign_in(audited, locked, tokens["operator"])
    audited.locator(".incidents li.open a").first.click()
    audited.get_by_role("button", name="Silence…").click()
    dialog = Axe().run(audited, options={"runOnly": {"type": "tag", "values": tags}})
    assert dialog.violations_count == 0, dialog.generate_report()
    assert audited.evaluate("document.documentElement.scrollWidth") <= 360
