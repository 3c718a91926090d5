// One series over time, with the moments that were flagged.

import {useState} from "preact/hooks";
import {Chart, useSeries} from "./chart.js";
import {count, environmentName, instant, odds, seriesName, serviceName, value} from "./format.js";
import {html} from "./html.js";
import {Labels, Ledger} from "./ledger.js";
import {useLive} from "./live.js";
import {link} from "./route.js";

const SPANS = {"1h": 3600, "6h": 21600, "1d": 86400, "3d": 259200, "7d": 604800, "31d": 2678400};
const MOMENTS_SHOWN = 12;

export function Series({id, about}) {
  const {stream} = useLive();
  const [moment, setMoment] = useState(null);
  const end = about.get("end");
  const last = about.get("last") ?? "6h";
  // What lies in the past does not change.
  const [labelled, setLabelled] = useState(0);
  const stamp = `${end ? "" : stream?.stream.newest_window_at} ${labelled}`;
  const {content, error} = useSeries(id, end, last, stamp);
  if (error) return html`<h1>Series</h1><p role="alert">${error}</p>`;
  if (!content) return html`<h1>Series</h1><p>Loading…</p>`;
  const {environment, service} = content;
  return html`
    <h1>${seriesName(content)}
      <small> of <a href=${link("service", null, {environment, service: service ?? ""})}>${serviceName(service)}</a>
      ${" "}in ${environmentName(environment)}</small></h1>
    <${Range} id=${id} end=${end} last=${last} endAt=${content.end_at} />
    <${Chart} content=${content} title=${seriesName(content)} onPick=${setMoment} />
    <p class="facts">${count(content.windows)} windows${content.windows_per_point > 1
      ? `; each point is the most unusual of ${content.windows_per_point}` : ""}.
      ${" "}${models(content.points)}</p>
    <${Ledger} id=${id} moment=${moment} suggestion=${content.points.time_s.at(-1) ?? content.end_at}
      onLabel=${() => setLabelled(labelled + 1)} />
    <${Labels} labels=${content.labels} />
    <${Moments} metric=${content.metric} points=${content.points} onPick=${setMoment} />`;
}

function Range({id, end, last, endAt}) {
  const span_ms = 1000 * (SPANS[last] ?? SPANS["6h"]);
  const moved = (by_ms) => new Date(Date.parse(endAt) + by_ms).toISOString();
  const go = (about) => { location.hash = link("series", id, about); };
  return html`<div class="tools">
    <label>Show <select value=${last} onChange=${(event) => go({end, last: event.currentTarget.value})}>
      ${Object.keys(SPANS).map((span) => html`<option value=${span}>${span}</option>`)}</select></label>
    <span>until ${instant(endAt)} UTC</span>
    <button onClick=${() => go({end: moved(-span_ms / 2), last})}>← earlier</button>
    <button onClick=${() => go({end: moved(span_ms / 2), last})} disabled=${!end}>later →</button>
    <button onClick=${() => go({last})} disabled=${!end}>newest</button>
  </div>`;
}

function models({model}) {
  const used = [...new Set(model)];
  if (!used.length) return "";
  return `Scored by ${used.join(", then ")}.`;
}

function Moments({metric, points, onPick}) {
  const [all, setAll] = useState(false);
  const rows = points.time_s.map((_, row) => row).filter((row) => points.flagged[row]).reverse();
  if (!rows.length) return html`<h2>Flagged windows</h2><p>None in this range.</p>`;
  return html`<h2>Flagged windows</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Flagged windows"><table>
      <thead><tr><th scope="col">window</th><th scope="col">value</th><th scope="col">expected</th>
        <th scope="col">usual band</th><th scope="col">how unusual</th><th scope="col">revision</th>
        <th scope="col">model</th><th scope="col">ledger</th></tr></thead>
      <tbody>${rows.slice(0, all ? rows.length : MOMENTS_SHOWN).map((row) => html`<tr>
        <td>${instant(points.time_s[row])}</td>
        <td class="number">${value(metric, points.actual[row])}</td>
        <td class="number">${value(metric, points.expected[row])}</td>
        <td class="number">${value(metric, points.lower[row])} to ${value(metric, points.upper[row])}</td>
        <td>${odds(points.p[row])}</td>
        <td>${points.revision[row] ? `${points.revision[row]}, late events` : "first"}</td>
        <td>${points.model[row]}</td>
        <td><button onClick=${() => onPick(points.time_s[row])}
          aria-label="Why at ${instant(points.time_s[row])}?">why?</button></td></tr>`)}</tbody></table></div>
    ${rows.length > MOMENTS_SHOWN && !all && html`
      <button class="below" onClick=${() => setAll(true)}>Show all ${count(rows.length)}</button>`}`;
}
