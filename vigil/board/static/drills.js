// Drills: which injected faults would have been noticed, how fast, and where nobody would see.

import {useAnswer} from "./ask.js";
import {count, lasted, minute, serviceName, share} from "./format.js";
import {html} from "./html.js";
import {useLive} from "./live.js";
import {link} from "./route.js";

export function Drills() {
  const {incidents = [], stream} = useLive();
  const {content, error} = useAnswer("drills", {}, stream?.stream.last_checkpoint_at?.slice(0, 16));
  if (error) return html`<h1>Drills</h1><p role="alert">${error}</p>`;
  if (!content) return html`<h1>Drills</h1><p>Loading…</p>`;
  const {services, nights} = content;
  if (!services.length) return html`<h1>Drills</h1><p>No drill has run yet. Every night one injects faults into a shadow
    copy of each service's traffic and asks whether anybody would have been told; Dagster's
    asset <code>fault_drill</code> runs it now. It needs two days of windows.</p>`;
  const blind = services.filter(({passed}) => !passed);
  return html`<h1>Drills</h1>
    <p class="reason">${blind.length
      ? html`<span class="is-incident">▲ ${count(blind.length)} blind spot${blind.length > 1 ? "s" : ""}</span>: faults of ${blind.map(({service}) => serviceName(service)).join(", ")} would go unnoticed.`
      : html`<span class="glyph is-fine" aria-hidden="true">●</span> No service is a blind spot.`}</p>
    <p class="facts">Injected into a shadow copy of the last day's traffic; nobody is paged by a drill.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Services"><table>
      <thead><tr><th scope="col">service</th><th scope="col">noticed</th><th scope="col">missed</th>
        <th scope="col">median delay</th><th scope="col">false alarms</th><th scope="col">drilled</th></tr></thead>
      <tbody>${services.map((item) => html`<tr key=${item.service}>
        <td>${!item.passed && html`<span class="is-incident">▲ blind spot </span>`}${name(item, incidents)}</td>
        <td class="meter"><${Recall} ...${item} /></td>
        <td>${item.missed.join(", ") || "none"}</td>
        <td class="number">${item.delay_s == null ? "–" : delay(item.delay_s)}</td>
        <td class="number">${count(item.false_alarms)}</td>
        <td>${minute(item.drilled_at)}</td></tr>`)}</tbody></table></div>
    <h2>Nights</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Nights"><table>
      <thead><tr><th scope="col">until</th><th scope="col">noticed</th><th scope="col">false alarms</th></tr></thead>
      <tbody>${nights.map((night) => html`<tr key=${night.drilled_at}><td>${minute(night.drilled_at)}</td>
        <td class="meter"><${Recall} ...${night} /></td>
        <td class="number">${count(night.false_alarms)}</td></tr>`)}</tbody></table></div>`;
}

const delay = (s) => (s < 120 ? `${Math.round(s)} s` : lasted(0, 1000 * s));

/** The blind spot's own incident, where there is one. */
function name({service}, incidents) {
  const open = incidents.find((item) => item.status === "open" && item.origin === service && item.incident_id.startsWith("blind-"));
  return open ? html`<a href=${link("incident", open.incident_id)}>${serviceName(service)}</a>` : serviceName(service);
}

function Recall({found, faults}) {
  return html`<span class="track" aria-hidden="true"><span class="part" style=${{width: `${(100 * found) / faults}%`}}></span></span>
    ${" "}${count(found)} of ${count(faults)} <small>${share(found / faults)}</small>`;
}
