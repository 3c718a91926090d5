// The estate map: environments side by side, their services as tiles, what needs attention first.

import {useState} from "preact/hooks";
import {environmentName, serviceName, count} from "./format.js";
import {html} from "./html.js";
import {useLive} from "./live.js";
import {link} from "./route.js";

export const HEALTH = {
  incident: {glyph: "▲", text: "incident"},
  unusual: {glyph: "◆", text: "unusual now"},
  learning: {glyph: "◌", text: "still learning"},
  fine: {glyph: "●", text: "fine"},
  silent: {glyph: "–", text: "silent"},
};
// Tiles drawn at first; a wall of fine services helps nobody and costs time.
const TILES = 120;

export function Estate() {
  const {estate} = useLive();
  const [wanted, setWanted] = useState("");
  if (!estate) return html`<h1>Estate</h1><p>Loading what Vigil sees…</p>`;
  if (!estate.length) return html`<h1>Estate</h1><${Nothing} />`;
  const text = wanted.trim().toLowerCase();
  const shown = estate
    .map((item) => ({...item, services: item.services.filter(
      ({service}) => `${item.environment ?? ""} ${service ?? ""}`.toLowerCase().includes(text),
    )}))
    .filter((item) => item.services.length);
  return html`
    <h1>Estate</h1>
    <div class="tools">
      <label>Filter <input type="search" id="filter" value=${wanted} placeholder="service or environment"
        aria-keyshortcuts="/" onInput=${(event) => setWanted(event.currentTarget.value)} /></label>
      <${Legend} />
    </div>
    <div class="estate">
      ${shown.map((item) => html`<${Environment} key=${item.environment} ...${item} />`)}
      ${!shown.length && html`<p>No service is called like “${wanted}”.</p>`}
    </div>`;
}

function Nothing() {
  return html`<p>Nothing has been scored yet. Send events and start the scorer:
    <code>vigil ingest FILE</code>, then <code>vigil up</code>; or see <code>vigil demo</code>.</p>`;
}

function Legend() {
  return html`<ul class="legend" aria-label="Legend">
    ${Object.entries(HEALTH).map(([name, {glyph, text}]) => html`
      <li class="is-${name}"><span class="glyph" aria-hidden="true">${glyph}</span> ${text}</li>`)}
  </ul>`;
}

function Environment({environment, clouds, regions, services, counts}) {
  const [all, setAll] = useState(false);
  const title = environmentName(environment);
  const shown = all ? services : services.slice(0, TILES);
  const place = [...clouds, ...regions].join(", ");
  return html`<section class="environment" aria-label=${title}>
    <h2>${title} ${place && html`<small>${place}</small>`}</h2>
    <p class="counts">${Object.entries(counts).map(([name, n]) => html`
      <span class="is-${name}"><span class="glyph" aria-hidden="true">${HEALTH[name].glyph}</span>
      ${" "}${count(n)} ${HEALTH[name].text}</span>`)}</p>
    <ul class="tiles">${shown.map((item) => html`
      <${Tile} key=${item.service} environment=${environment} ...${item} />`)}</ul>
    ${shown.length < services.length && html`
      <button onClick=${() => setAll(true)}>Show all ${count(services.length)} services</button>`}
  </section>`;
}

function Tile({environment, service, health, series, flagged}) {
  const {glyph, text} = HEALTH[health];
  const more = flagged ? `${flagged} of ${series} series flagged` : `${series} series`;
  return html`<li><a class="tile is-${health}" href=${link("service", null, {environment, service: service ?? ""})}>
    <span class="glyph" aria-hidden="true">${glyph}</span>
    <span class="name">${serviceName(service)}</span>
    <span class="more">${health === "fine" ? "" : `${text}, `}${more}</span>
  </a></li>`;
}
