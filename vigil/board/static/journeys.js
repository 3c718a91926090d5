// Journeys: what users do, by which way, how fast and how well; and where the time of one goes.

import {useState} from "preact/hooks";
import {useAnswer} from "./ask.js";
import {count, instant, milliseconds, share} from "./format.js";
import {html} from "./html.js";
import {useLive} from "./live.js";
import {link} from "./route.js";

const SPANS = {"5m": "5 minutes", "15m": "15 minutes", "1h": "1 hour", "6h": "6 hours"};

export function Journeys({about}) {
  const {stream} = useLive();
  // The log is searched for each answer, so this asks once and again on demand.
  const [newest, setNewest] = useState(null);
  const now = stream?.stream.newest_window_at;
  const end = about.get("end") ?? newest ?? now;
  const last = about.get("last") ?? "15m";
  if (!newest && now && !about.get("end")) setNewest(now);
  return html`<h1>Journeys</h1>
    <div class="tools">
      <label>Show <select value=${last} onChange=${(event) => { location.hash = link("journeys", null, {end: about.get("end"), last: event.currentTarget.value}); }}>
        ${Object.entries(SPANS).map(([span, words]) => html`<option value=${span}>${words}</option>`)}</select></label>
      <span>until ${instant(end)} UTC</span>
      <button onClick=${() => setNewest(now)} disabled=${Boolean(about.get("end")) || newest === now}>newest</button>
    </div>
    ${end ? html`<${Found} end=${end} last=${last} />` : html`<p>Nothing has been scored yet.</p>`}`;
}

function Found({end, last}) {
  const {content, error} = useAnswer("journeys", {end, last}, null);
  const [chosen, setChosen] = useState(null);
  if (error) return html`<p role="alert">${error}</p>`;
  if (!content) return html`<p role="status">Searching the log…</p>`;
  const {journeys, hops, spans, one_in, whole} = content;
  if (!journeys.length) return html`<p>No traces in this range: spans need trace and span ids.</p>`;
  const open = chosen ?? journeys[0].journey;
  return html`
    <p class="facts">From ${count(spans)} spans${one_in > 1 && `, one trace in ${count(one_in)}`}.
      ${!whole && html` <strong>The log could not be read to its end in time: choose a shorter range.</strong>`}</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Journeys"><table>
      <thead><tr><th scope="col">journey</th><th scope="col">rate</th><th scope="col">errors</th>
        <th scope="col">median</th><th scope="col">p95</th><th scope="col">slowest</th><th scope="col">hops</th></tr></thead>
      <tbody>${journeys.map((item) => html`<tr key=${item.journey} class=${item.journey === open ? "chosen" : ""}>
        <td>${item.journey}</td>
        <td class="number">${rate(item.rate)}</td>
        <td class="number">${share(item.error_ratio)}</td>
        <td class="number">${milliseconds(item.latency_ms_p50)}</td>
        <td class="number">${milliseconds(item.latency_ms_p95)}</td>
        <td class="number"><a href=${traceOf(item)} aria-label="Slowest trace of ${item.journey}">${milliseconds(item.duration_ms)}</a></td>
        <td><button onClick=${() => setChosen(item.journey)} aria-pressed=${item.journey === open}
          aria-label="Hops of ${item.journey}">hops</button></td></tr>`)}</tbody></table></div>
    <${Hops} journey=${open} hops=${hops.filter(({journey}) => journey === open)} />`;
}

const rate = (number) => `${number < 10 ? number.toFixed(2) : count(Math.round(number))}/s`;

function traceOf({trace_id, start_us}) {
  const at = new Date(start_us / 1000).toISOString();
  return link("trace", trace_id, {at, before: at});
}

function Hops({journey, hops}) {
  return html`<section aria-live="polite"><h2>Where the time of ${journey} goes</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Hops"><table>
      <thead><tr><th scope="col">hop</th><th scope="col">operation</th><th scope="col">own time</th>
        <th scope="col">of it waited for</th><th scope="col">part of the journey</th></tr></thead>
      <tbody>${hops.map((hop) => html`<tr>
        <td>${hop.component}${hop.callee && ` → ${hop.callee}`}</td><td>${hop.operation}</td>
        <td class="number">${milliseconds(hop.self_ms)}</td>
        <td class="number">${milliseconds(hop.critical_ms)}</td>
        <td class="meter"><span class="track" aria-hidden="true"><span class="part" style=${{width: `${100 * (hop.critical_share ?? 0)}%`}}></span></span> ${share(hop.critical_share)}</td></tr>`)}</tbody></table></div>
    <p class="facts">Means a trace. Own time is that during which nothing was called; waited for is what lies on the critical path.</p>
  </section>`;
}
