"""A real Chromium, for the tests of pages."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from real_servers import SERVERS, require

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


# Not for the whole session: Playwright's event loop runs in this thread as long as it is open.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium."""
    missing = "" if CHROMIUM.exists() else f"no {CHROMIUM} (Debian: apt-get install chromium)"
    require("chromium", missing)
    began = time.monotonic()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        took_s = time.monotonic() - began
        SERVERS["chromium"] = f"{browser.version}, real, started in {took_s:.1f} s"
        yield browser
        browser.close()
