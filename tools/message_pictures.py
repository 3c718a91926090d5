"""Pictures of one alert as Slack, Teams and a mail reader show it, for people to look at.

    python tools/message_pictures.py ALERT.json FOLDER

ALERT.json is an alert document as a channel gets it. Teams' card is drawn by Microsoft's own
renderer (npm package `adaptivecards`, fetched by `npm pack`), the mail by Chromium as it is; Slack
publishes no renderer, so its blocks are drawn here after the looks of its client.
"""

import base64
import html
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson
from playwright.sync_api import sync_playwright

from vigil.alerts.card import make_card
from vigil.alerts.channels import email, slack, teams
from vigil.alerts.plot import alert_plot

WIDTH = 760
ADAPTIVE_CARDS = "adaptivecards@3.0.6"


def slack_page(message: dict[str, Any]) -> str:
    """The message's one attachment: a coloured edge and its blocks."""
    [attachment] = message["attachments"]
    blocks = "".join(_slack_block(block) for block in attachment["blocks"])
    return f"""<meta charset="utf-8"><style>
body {{ font: 15px/1.46 Lato, "Noto Sans", sans-serif; color: #1d1c1d; margin: 16px }}
.edge {{ border-left: 4px solid {attachment["color"]}; padding: 4px 0 4px 12px }}
h3 {{ font-size: 18px; margin: 4px 0 8px }} section {{ margin: 8px 0 }}
.fields {{ display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px }}
button {{ font: inherit; font-weight: 700; padding: 4px 12px; margin-right: 8px;
  background: #fff; border: 1px solid #bbb; border-radius: 4px }}
pre, code {{ font: 12px/1.5 monospace; background: #f8f8f8; border: 1px solid #ddd;
  border-radius: 4px; padding: 2px 6px; white-space: pre-wrap }}</style>
<div class="edge">{blocks}</div>"""


def _slack_block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "header":
            return f"<h3>{html.escape(block['text']['text'])}</h3>"
        case "section" if "fields" in block:
            fields = "".join(f"<div>{_mrkdwn(item['text'])}</div>" for item in block["fields"])
            return f'<section class="fields">{fields}</section>'
        case "section":
            return f"<section>{_mrkdwn(block['text']['text'])}</section>"
        case "context":
            return "".join(f"<section>{_mrkdwn(e['text'])}</section>" for e in block["elements"])
        case "actions":
            buttons = (e["text"]["text"] for e in block["elements"])
            return "".join(f"<button>{html.escape(text)}</button>" for text in buttons)
        case other:
            raise ValueError(f"no picture of a block of type {other!r}")


def _mrkdwn(text: str) -> str:
    """The parts of Slack's markup that messages use, whose text is escaped already."""
    text = re.sub(r"```(.*?)```", r"<pre>\1</pre>", text, flags=re.DOTALL)
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text)
    text = re.sub(r"^\*([^*\n]+)\*$", r"<b>\1</b>", text, flags=re.MULTILINE)
    return re.sub(r"\n(?![^<]*</pre>)", "<br>", text)


def teams_page(message: dict[str, Any], renderer: str) -> str:
    """The card, drawn by Microsoft's renderer."""
    card = orjson.dumps(message["attachments"][0]["content"]).decode().replace("</", "<\\/")
    host = {"fontFamily": "Segoe UI, Noto Sans, sans-serif"}
    return f"""<meta charset="utf-8"><body style="margin:16px"><script>{renderer}</script><script>
const card = new AdaptiveCards.AdaptiveCard();
card.hostConfig = new AdaptiveCards.HostConfig({orjson.dumps(host).decode()});
card.parse({card});
document.body.appendChild(card.render());</script>"""


def fetch_renderer() -> str:
    """The script of the npm package."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", ADAPTIVE_CARDS],
            cwd=folder, check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        script = "package/dist/adaptivecards.min.js"
        subprocess.run(["tar", "xzf", packed, script], cwd=folder, check=True)
        return (Path(folder) / script).read_text()


def main(alert: Path, folder: Path) -> None:
    """Write message-slack.png, message-teams.png and message-email.png."""
    document = orjson.loads(alert.read_bytes())
    card = make_card(document)
    plot = alert_plot(document)
    shown = f"data:image/png;base64,{base64.b64encode(plot or b'').decode()}"
    pages = {
        "slack": slack_page(slack.slack_message(card)),
        "teams": teams_page(teams.teams_message(card), fetch_renderer()),
        "email": email.html(card, plot is not None, shown),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        for name, page in pages.items():
            tab = browser.new_page(viewport={"width": WIDTH, "height": 400})
            tab.set_content(page)
            tab.screenshot(path=folder / f"message-{name}.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
