"""The label widget as a browser shows it, with a model that only remembers."""

from collections.abc import Iterator

import orjson
import pytest
from playwright.sync_api import Browser, Page, expect

from vigil.client.labelling import STATIC

ROW = {
    "row": 0, "when": "2026-03-02 12:00:00", "series": "request_rate of orders <b>",
    "words": "5, expected 100; 3 windows", "at": 2,
    "actual": [100.0, 99.0, 5.0, None], "lower": [90.0, 90.0, 90.0, None],
    "upper": [110.0, 110.0, 110.0, None],
}  # fmt: skip

# What anywidget hands to `render`: traits with listeners, and a way back to Python.
MODEL = """
window.sent = [];
window.start = async (source, traits) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const heard = {};
  window.model = {
    get: (name) => traits[name],
    put: (name, value) => {
      traits[name] = value;
      (heard[`change:${name}`] ?? []).map((listener) => listener());
    },
    send: (message) => window.sent.push(message),
    on: (name, listener) => { (heard[name] ??= []).push(listener); },
    off: (name, listener) => { heard[name] = heard[name].filter((other) => other !== listener); },
  };
  const { default: widget } = await import(url);
  window.end = widget.render({ model: window.model, el: document.querySelector("#widget") });
};
"""


@pytest.fixture
def shown(chromium: Browser) -> Iterator[Page]:
    """A page with one alert."""
    with chromium.new_context() as context:
        page = context.new_page()
        style = (STATIC / "labels.css").read_text()
        page.set_content(f"<style>{style}</style><div id='widget'></div>")
        page.add_script_tag(content=MODEL)
        traits = {"rows": [ROW], "verdicts": {}, "said": ""}
        source = orjson.dumps((STATIC / "labels.js").read_text()).decode()
        page.evaluate(f"window.start({source}, {orjson.dumps(traits).decode()})")
        yield page


def test_an_alert_is_drawn_with_its_band_and_text_is_text(shown):
    """Values that are missing leave a gap; a series' name is no markup."""
    expect(shown.get_by_role("cell").nth(1)).to_contain_text("request_rate of orders <b>")
    assert shown.locator("svg polygon").count() == 1
    assert shown.locator("svg polyline").get_attribute("points").count(",") == 3
    assert shown.locator("svg circle").count() == 1


def test_a_click_is_sent_and_the_answer_is_shown(shown):
    """Pressed is what Python has kept, not what was clicked."""
    button = shown.get_by_role("button", name="false: request_rate")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    assert shown.evaluate("window.sent") == [{"row": 0, "verdict": "false"}]
    expect(button).to_have_attribute("aria-pressed", "false")
    shown.evaluate("window.model.put('verdicts', {0: 'false'}); window.model.put('said', 'kept')")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(shown.get_by_role("status")).to_have_text("kept")


def test_a_range_without_alerts_says_so(shown):
    """An empty table would look broken."""
    shown.evaluate("window.model.put('rows', [])")
    expect(shown.get_by_role("status")).to_have_text("no alerts in this range")
