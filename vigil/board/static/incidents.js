// Incidents: the list beside everything, and one with its reason, evidence and timeline.

import {useState} from "preact/hooks";
import {Care} from "./act.js";
import {useAnswer} from "./ask.js";
import {Chart, useSeries} from "./chart.js";
import {count, environmentName, instant, lasted, minute, odds, seriesName, serviceName, value} from "./format.js";
import {html} from "./html.js";
import {useLive} from "./live.js";
import {link} from "./route.js";

const GLYPHS = {open: "▲", pending: "◌", resolved: "✓"};
const RESOLVED_SHOWN = 8;
const AROUND_S = 3 * 3600;

export function IncidentList({current}) {
  const {incidents} = useLive();
  const [all, setAll] = useState(false);
  if (!incidents) return null;
  const open = incidents.filter(({status}) => status === "open");
  const pending = incidents.filter(({status}) => status === "pending");
  const resolved = incidents.filter(({status}) => status === "resolved");
  const shown = all ? resolved : resolved.slice(0, RESOLVED_SHOWN);
  return html`<section aria-labelledby="incidents-title">
    <h2 id="incidents-title">Incidents</h2>
    ${open.length
      ? html`<ul class="incidents">${open.map((item) => html`<${Item} ...${item} current=${current} />`)}</ul>`
      : html`<p class="calm"><span class="glyph is-fine" aria-hidden="true">●</span> None is open.</p>`}
    ${pending.length > 0 && html`<h3>Watched, nobody told yet</h3>
      <ul class="incidents">${pending.map((item) => html`<${Item} ...${item} current=${current} />`)}</ul>`}
    ${resolved.length > 0 && html`<h3>Resolved</h3>
      <ul class="incidents">${shown.map((item) => html`<${Item} ...${item} current=${current} />`)}</ul>`}
    ${shown.length < resolved.length && html`
      <button onClick=${() => setAll(true)}>Show ${count(resolved.length - shown.length)} more</button>`}
  </section>`;
}

function Item({incident_id, status, severity, title, opened_at, resolved_at, origin, acknowledged_by, current}) {
  return html`<li key=${incident_id} class=${status}>
    <a href=${link("incident", incident_id)} aria-current=${current === incident_id ? "page" : null}>
      <span class="glyph ${status === "open" ? "is-incident" : ""}" aria-hidden="true">${GLYPHS[status]}</span>
      <span class="title">${title}</span>
      <span class="when">${minute(opened_at)}${resolved_at ? `, ${lasted(opened_at, resolved_at)}` : `, ${status}`} · ${severity}
        ${origin && ` · origin ${origin}`}${status === "open" && acknowledged_by && ` · ${acknowledged_by} takes care`}</span>
    </a></li>`;
}

export function Incident({id}) {
  const {incidents} = useLive();
  const listed = incidents?.find(({incident_id}) => incident_id === id);
  const stamp = listed && listed.updated_at + listed.acknowledged_by;
  const {content, error} = useAnswer(`incidents/${encodeURIComponent(id)}`, {}, stamp);
  if (error) return html`<h1>Incident</h1><p role="alert">${error}</p>`;
  if (!content) return html`<h1>Incident</h1><p>Loading…</p>`;
  // Where late events took the evidence away there is none to show.
  const worst = content.series.find(({service}) => service === content.origin) ?? content.series[0];
  const end = content.resolved_at ?? content.updated_at;
  const end_s = Date.parse(end) / 1000 + AROUND_S / 6;
  return html`
    <h1>${content.title}</h1>
    <p class="facts"><strong class=${content.status === "open" ? "is-incident" : ""}>
      ${GLYPHS[content.status] ?? "–"} ${content.status}</strong>, severity ${content.severity},
      ${" "}since ${minute(content.opened_at)} UTC${content.resolved_at
        ? `, lasted ${lasted(content.opened_at, content.resolved_at)}` : ""};
      likely origin: <strong>${content.origin || "unknown"}</strong></p>
    <${Care} incident=${content} />
    <p class="reason">${content.reason ?? content.note}</p>
    ${content.cause?.length > 0 && html`<p>Taken for the origin since ${content.cause.join("; ")}.</p>`}
    <${Causes} causes=${content.causes} place=${content.slow_environment} excess=${content.excess}
      shared=${content.in_common} />
    ${worst && html`
      <${Around} worst=${worst} end=${new Date(end_s * 1000).toISOString()} stamp=${stamp} />
      <${Evidence} series=${content.series} total=${content.series_count} />`}
    <${Timeline} timeline=${content.timeline} />
    <${Decided} log=${content.log} />
    <${Traces} incident=${content} />`;
}

function Causes({causes = [], place, excess, shared = []}) {
  // What would read "score 0.00" is no cause.
  const probable = causes.filter(({score}) => score >= 0.005);
  if (!causes.length) return null;
  return html`<section><h2>Probable causes</h2>
    <ol>${probable.map(({service, environment, score, evidence}) => html`<li>
      <strong>${serviceName(service)}</strong>${environment && `, ${environmentName(environment)}`}
      ${" "}(score ${score.toFixed(2)}): ${evidence.join("; ") || "no evidence of its own"}</li>`)}</ol>
    ${place && html`<p>The environment as a whole: ${place.evidence}</p>`}
    ${excess && html`<p>Where the time goes: ${excess.words}, in ${excess.journey}</p>`}
    ${shared.length > 0 && html`<p>What bad requests share: ${shared.join("; ")}</p>`}
  </section>`;
}

function Around({worst, end, stamp}) {
  const answer = useSeries(worst.series_id, end, `${AROUND_S}s`, stamp);
  return html`<${Chart} ...${answer} title=${`${seriesName(worst)} of ${serviceName(worst.service)}`} />`;
}

function Evidence({series, total}) {
  return html`<section><h2>Evidence</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Evidence"><table>
      <thead><tr><th scope="col">series</th><th scope="col">where</th><th scope="col">since</th>
        <th scope="col">value</th><th scope="col">expected</th><th scope="col">usual band</th>
        <th scope="col">how unusual</th></tr></thead>
      <tbody>${series.map((item) => html`<tr>
        <td><a href=${link("series", item.series_id, {end: after(item.worst_at)})}>${seriesName(item)}</a></td>
        <td>${serviceName(item.service)}, ${environmentName(item.environment)}</td>
        <td>${minute(item.since)}</td>
        <td class="number">${value(item.metric, item.actual)}</td>
        <td class="number">${value(item.metric, item.expected)}</td>
        <td class="number">${value(item.metric, item.lower)} to ${value(item.metric, item.upper)}</td>
        <td>${odds(item.p)}</td></tr>`)}</tbody></table></div>
    ${total > series.length && html`<p>${count(total - series.length)} more series were unusual.</p>`}
  </section>`;
}

const after = (at) => new Date(Date.parse(at) + 1800_000).toISOString();

function Timeline({timeline}) {
  return html`<section><h2>Timeline</h2><ol class="timeline">${timeline.map((step) => html`<li>
    <time datetime=${step.at}>${instant(step.at)}</time> <strong>${step.action}</strong>:
    ${" "}${step.services.join(", ")}
    ${step.delivered_at ? "" : html` <em>${step.last_error ? `not delivered: ${step.last_error}` : "not delivered yet"}</em>`}
  </li>`)}</ol></section>`;
}

/** What the policy and people made of it. */
function Decided({log}) {
  if (!log.length) return null;
  return html`<section><h2>What was done</h2><ol class="timeline">${log.map(({at, words}) => html`<li>
    <time datetime=${at}>${instant(at)}</time> ${words}</li>`)}</ol></section>`;
}

/** They lie in the most unusual windows, of which each series has one. */
function Traces({incident: {trace_ids, series, opened_at}}) {
  if (!trace_ids.length) return null;
  const at = [...new Set(series.map(({worst_at}) => worst_at))];
  return html`<section><h2>Requests to look at</h2>
    <ul class="traces">${trace_ids.map((trace) => html`<li>
      <a href=${link("trace", trace, {at, before: opened_at})}><code>${trace}</code></a></li>`)}</ul></section>`;
}
