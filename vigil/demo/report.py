"""The demo's report: one HTML file with the figures and the pictures, readable anywhere."""

import base64
import io
from collections.abc import Iterator
from datetime import datetime, timedelta

import jinja2
import numpy as np
import polars as pl
import sqlalchemy as sa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vigil.bench.faults import FaultOutcome
from vigil.demo.plan import DemoPlan
from vigil.demo.summary import Summary, series_scores
from vigil.detect.plot import draw_series
from vigil.stores.registry import Registry
from vigil.stores.timescale import WindowStore

MARGIN = timedelta(hours=1)

TEMPLATE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Vigil demo</title>
<style>
 body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}
 table{border-collapse:collapse;margin:1em 0} td,th{padding:.3em .9em;text-align:left;
 border-bottom:1px solid #ddd;vertical-align:top} img{max-width:100%} .no{color:#b00}
 code{background:#f4f4f4;padding:.1em .3em} h2{margin-top:2em}
</style>
<h1>Vigil demo</h1>
<p>{{ span }} of a simulated estate: 12 services in three environments.</p>
<table>{% for name, value in facts.items() %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</table>
<h2>Faults and incidents</h2>
<img alt="timeline of faults and incidents" src="{{ timeline }}">
<table><tr><th>fault</th><th>kind</th><th>where</th><th>from</th><th>to</th>
<th>alerted after</th></tr>
{% for row in faults %}<tr><td>{{ row.fault_id }}</td><td>{{ row.kind }}</td>
<td>{{ row.service or 'whole region' }}</td><td>{{ row.start_at.strftime('%d %H:%M') }}</td>
<td>{{ row.end_at.strftime('%d %H:%M') }}</td>
<td>{% if row.delay_s is none %}<span class="no">not found</span>{% else %}
{{ '%.1f'|format(row.delay_s / 60) }} min{% endif %}</td></tr>{% endfor %}</table>
{% for panel in incidents %}<h3>{{ panel.title }}</h3><p>{{ panel.reason }}<br>
likely origin: {{ panel.origin }};
traces: {% for t in panel.traces %}<code>{{ t }}</code> {% endfor %}
</p><img alt="{{ panel.title }}" src="{{ panel.picture }}">{% endfor %}
<h2>Models</h2>
<p>Best first in each group. Forecasters by MASE (lower is better), detectors by average precision
on anomalies injected into real series (higher is better).</p>
<table><tr><th>role</th><th>group</th><th>candidate</th><th>library</th><th>score</th></tr>
{% for row in standings %}<tr><td>{{ row.role }}</td><td>{{ row.series_group }}</td>
<td>{{ row.candidate }}</td><td>{{ row.library }}</td>
<td>{{ '–' if row.score is none else '%.3f'|format(row.score) }}</td></tr>{% endfor %}</table>
<h2>Forecast against truth</h2>
<p>What the champion expected of the live part before it happened, and what came.</p>
<img alt="forecast against truth" src="{{ forecast }}">
</html>"""


def write_report(plan: DemoPlan, summary: Summary, engine: sa.Engine) -> None:
    """Write `plan.report_path`."""
    store = WindowStore(engine)
    registry = Registry(engine, plan.settings.registry_path)
    champion = registry.champion()
    assert champion is not None
    manifest = next(b.manifest for b in registry.bundles() if b.bundle_id == champion.bundle_id)
    page = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    text = page.render(
        span=f"{plan.simulation.start_at:%d %B} to {plan.end_at:%d %B %Y}",
        facts=summary.facts,
        timeline=_picture(_timeline(plan, summary)),
        faults=summary.faults.outcomes,
        incidents=list(_incidents(summary, store)),
        standings=manifest["backtest"]["standings"],
        forecast=_picture(_forecast(plan, store)),
    )
    plan.report_path.write_text(text, encoding="utf-8")


def _picture(figure: Figure) -> str:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _timeline(plan: DemoPlan, summary: Summary) -> Figure:
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    axes = figure.subplots()
    for row, fault in enumerate(summary.faults.outcomes):
        color = "tab:green" if fault.alerted_at else "tab:gray"
        axes.barh(row, fault.end_at - fault.start_at, left=fault.start_at, color=color, height=0.7)  # type: ignore[arg-type]
        if fault.alerted_at:
            axes.plot([fault.alerted_at], [row], "|", ms=14, mew=2, color="tab:red")  # type: ignore[arg-type]
    labels = [f"{f.kind} {f.service or ''}" for f in summary.faults.outcomes]
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(plan.live_at, plan.end_at)  # type: ignore[arg-type]
    axes.set_title("faults (green: found) and their first alert (red)", loc="left", fontsize=10)
    return figure


def _incidents(summary: Summary, store: WindowStore) -> Iterator[dict[str, object]]:
    """A picture of the series that gave away each fault found."""
    opened = {a["incident_id"]: a for a in reversed(summary.alerts) if a["action"] != "resolved"}
    shown = set()
    for fault in summary.faults.outcomes:
        if fault.incident_id is None or fault.incident_id in shown:
            continue
        shown.add(fault.incident_id)
        alert = opened[fault.incident_id]
        start, end = fault.start_at - MARGIN, fault.end_at + MARGIN
        yield {
            "title": alert["title"],
            "reason": alert["reason"],
            "origin": alert["origin"],
            "traces": alert["trace_ids"][:2],
            "picture": _picture(_series(store, alert["series"][0]["series_id"], start, end, fault)),
        }


def _series(
    store: WindowStore, series_id: int, start: datetime, end: datetime, fault: FaultOutcome
) -> Figure:
    figure = Figure(figsize=(11, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(fault.start_at, fault.end_at, color="tab:orange", alpha=0.12, lw=0)  # type: ignore[arg-type]
    _draw(axes, series_scores(store, series_id, start, end))
    return figure


def _draw(axes: Axes, rows: pl.DataFrame) -> None:
    columns = ("actual", "expected", "lower", "upper")
    numbers = {name: rows[name].fill_null(float("nan")).to_numpy() for name in columns}
    when = rows["window_start"].dt.replace_time_zone(None).to_numpy()
    draw_series(axes, when, **numbers, flagged=rows["flagged"].to_numpy())


def _forecast(plan: DemoPlan, store: WindowStore) -> Figure:
    """The three busiest routes."""
    windows = store.request_windows(plan.live_at, plan.end_at)
    keys = (
        windows.group_by("key_id").agg(pl.col("requests").sum()).sort("requests").tail(3)["key_id"]
    )
    names = store.series().filter(pl.col("metric") == "request_rate", pl.col("key_id").is_in(keys))
    figure = Figure(figsize=(11, 7), layout="constrained")
    panels = np.atleast_1d(figure.subplots(names.height, 1, sharex=True))
    for axes, name in zip(panels, names.iter_rows(named=True), strict=True):
        _draw(axes, series_scores(store, name["series_id"], plan.live_at, plan.end_at))
        axes.set_title(
            f"requests/s, {name['service']} {name['method']} {name['route']} in "
            f"{name['environment']}", loc="left", fontsize=9,
        )  # fmt: skip
    return figure
