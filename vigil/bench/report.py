"""The report of the benchmark: one HTML file, figures and each series with scores and labels."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jinja2
import numpy as np

from vigil.bench.measures import segments
from vigil.bench.peers import PEERS
from vigil.bench.series import LabelledSeries, read_families

TEMPLATE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Vigil bench series</title>
<style>
 body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}
 table{border-collapse:collapse;margin:1em 0;font-size:13px} img{max-width:100%}
 td,th{padding:.2em .7em;text-align:left;border-bottom:1px solid #ddd} h2{margin-top:2em}
</style>
<h1>Labelled series</h1>
<p>Grey: warm-up, not judged. Red band: labelled anomaly. Red dots: flagged by {{ detector }}.
Below each series its score.</p>
<table><tr>{% for name in rows[0] %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for value in row.values() %}<td>{{ value }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% for family, pictures in families.items() %}<h2>{{ family }}</h2>
{% for name, picture in pictures %}<p><img alt="{{ name }}" src="{{ picture }}"></p>
{% endfor %}{% endfor %}</html>
"""


def write_report(
    path: Path,
    folder: Path,
    rows: Sequence[Mapping[str, object]],
    detector: str,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Write the HTML file; `rows` are the benchmark's figures, pictures are of one detector."""
    families: dict[str, list[tuple[str, str]]] = {}
    for family, items in read_families(folder).items():
        for item in items:
            score, flags = PEERS[detector](item.time_s, item.value)
            families.setdefault(family, []).append((item.name, _picture(item, score, flags)))
            tick()
    page = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    path.write_text(page.render(rows=rows, families=families, detector=detector))


def _picture(item: LabelledSeries, score: np.ndarray, flags: np.ndarray) -> str:
    """The series over its score as a data URL of a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    row = np.arange(len(item.value))
    above.plot(row, item.value, lw=0.6, color="black")
    above.plot(row[flags], item.value[flags], "o", ms=2.5, color="tab:red")
    for first, after in segments(item.labels):
        above.axvspan(first - 0.5, after - 0.5, color="tab:red", alpha=0.2, lw=0)
    above.axvspan(0, item.start, color="grey", alpha=0.15, lw=0)
    above.set_title(item.name, loc="left", fontsize=9)
    # Scores near one differ in how near.
    below.plot(row, -np.log10(np.maximum(1 - np.clip(score, 0, 1), 1e-16)), lw=0.6)
    below.set_ylabel("−log₁₀(1−score)", fontsize=6)
    for axes in (above, below):
        axes.tick_params(labelsize=6)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=70)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
