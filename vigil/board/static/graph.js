// Who calls whom: a picture from clients on the left to the last callee, and the same as a table.

import {useAnswer} from "./ask.js";
import {count, environmentName, instant, milliseconds, serviceName, share} from "./format.js";
import {html} from "./html.js";
import {useLive} from "./live.js";
import {link} from "./route.js";

const WIDTH = 150;
const GAP = 90;
const HEIGHT = 34;
const STEP = 56;
// What does not fit is drawn smaller down to this scale, and scrolls from there on.
const SMALLEST = 0.7;
const CLIENTS = "";
const CLIENTS_NAME = "(clients)";
// The first that holds is what a node looks like.
const HEALTH = ["incident", "unusual", "learning", "silent", "fine"];
const MANY_ERRORS = 0.05;

export function Graph({about}) {
  const {estate = [], stream} = useLive();
  const at = about.get("at");
  const {content, error} = useAnswer("graph", {at}, at ? null : stream?.stream.newest_window_at?.slice(0, 16));
  if (error) return html`<h1>Service graph</h1><p role="alert">${error}</p>`;
  if (!content) return html`<h1>Service graph</h1><p>Loading…</p>`;
  if (!content.edges.length) return html`<h1>Service graph</h1><p>No calls are known at this time.
    Requests name their caller by <code>peer_service</code>, which spans with parents get by themselves.</p>`;
  return html`<h1>Service graph</h1>
    <p class="facts">Calls in ${content.minutes} minutes up to ${instant(content.at)} UTC.</p>
    <${Picture} edges=${content.edges} places=${places(estate)} />
    <${Calls} edges=${content.edges} />`;
}

/** Service → where it runs and how it is, the worst of its environments. */
function places(estate) {
  const found = {};
  for (const {environment, services} of estate) {
    for (const {service, health} of services) {
      const known = found[service];
      if (!known || HEALTH.indexOf(health) < HEALTH.indexOf(known.health)) found[service] = {environment, health};
    }
  }
  return found;
}

/** Calls between services, whatever the environments. */
function merged(edges) {
  const calls = new Map();
  for (const {caller, service, rate, error_ratio} of edges) {
    const key = JSON.stringify([caller, service]);
    const call = calls.get(key) ?? {caller, service, rate: 0, errors: 0};
    call.rate += rate;
    call.errors += rate * error_ratio;
    calls.set(key, call);
  }
  return [...calls.values()];
}

/** Each service one column right of its last caller, neighbours near each other; calls back are left out of it. */
function columns(calls) {
  const callees = new Map();
  for (const {caller, service} of calls) {
    callees.set(service, callees.get(service) ?? []);
    callees.set(caller, [...(callees.get(caller) ?? []), service]);
  }
  const order = [];
  const state = new Map();
  const ahead = new Map();
  const visit = (name) => {
    state.set(name, "open");
    ahead.set(name, callees.get(name).filter((callee) => callee !== name && state.get(callee) !== "open"));
    ahead.get(name).forEach((callee) => state.has(callee) || visit(callee));
    state.set(name, "done");
    order.unshift(name);
  };
  [...callees.keys()].sort().forEach((name) => state.has(name) || visit(name));
  const depth = new Map(order.map((name) => [name, 0]));
  for (const name of order) {
    for (const callee of ahead.get(name)) depth.set(callee, Math.max(depth.get(callee), depth.get(name) + 1));
  }
  const found = [];
  for (const name of order) (found[depth.get(name)] ??= []).push(name);
  const row = new Map();
  for (const column of found) {
    const middle = (name) => {
      const above = calls.filter(({caller, service}) => service === name && row.has(caller)).map(({caller}) => row.get(caller));
      return above.length ? above.reduce((sum, at) => sum + at, 0) / above.length : 0;
    };
    column.sort((one, other) => middle(one) - middle(other) || one.localeCompare(other));
    column.forEach((name, n) => row.set(name, n - column.length / 2));
  }
  return found;
}

function Picture({edges, places}) {
  const calls = merged(edges);
  const layout = columns(calls);
  const tallest = Math.max(...layout.map(({length}) => length));
  const spot = new Map();
  layout.forEach((column, x) => column.forEach((name, y) => spot.set(name, {
    x: x * (WIDTH + GAP) + 4,
    y: (y + (tallest - column.length) / 2) * STEP + 8,
  })));
  const width = layout.length * (WIDTH + GAP) - GAP + 8;
  const height = tallest * STEP;
  return html`<div class="scroll graph" tabindex="0" role="region" aria-label="Picture of the calls">
    <svg width=${width} height=${height} style=${{minWidth: `${width * SMALLEST}px`}} viewBox="0 0 ${width} ${height}" role="group" aria-label="${count(spot.size)} services">
      ${calls.map((call) => html`<${Edge} ...${call} from=${spot.get(call.caller)} to=${spot.get(call.service)} />`)}
      ${[...spot].map(([name, at]) => html`<${Node} name=${name} ...${at} place=${places[name]} />`)}
    </svg></div>`;
}

function Edge({caller, service, rate, errors, from, to}) {
  const ratio = rate ? errors / rate : 0;
  const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, to.x, to.y + HEIGHT / 2];
  const bend = Math.max(40, Math.abs(x2 - x1) / 2);
  return html`<path class="edge ${ratio >= MANY_ERRORS ? "failing" : ""}" stroke-width=${1 + Math.log10(1 + rate) * 1.6}
    d="M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}">
    <title>${caller || CLIENTS_NAME} → ${service}: ${rate.toFixed(2)}/s, ${share(ratio)} errors</title></path>`;
}

function Node({name, x, y, place}) {
  const text = name === CLIENTS ? CLIENTS_NAME : serviceName(name);
  const shape = html`<rect x=${x} y=${y} width=${WIDTH} height=${HEIGHT} rx="6" />
    <text x=${x + WIDTH / 2} y=${y + HEIGHT / 2} dominant-baseline="central" text-anchor="middle">${cut(text)}</text>`;
  if (!place) return html`<g class="node">${shape}<title>${text}</title></g>`;
  const to = link("service", null, {environment: place.environment, service: name});
  return html`<a class="node is-${place.health}" href=${to} aria-label="${text}, ${place.health}">${shape}<title>${text}: ${place.health}</title></a>`;
}

const cut = (text) => (text.length > 19 ? `${text.slice(0, 18)}…` : text);

function Calls({edges}) {
  return html`<h2>Calls</h2><div class="scroll" tabindex="0" role="region" aria-label="Calls"><table>
    <thead><tr><th scope="col">caller</th><th scope="col">service</th><th scope="col">where</th><th scope="col">rate</th>
      <th scope="col">errors</th><th scope="col">mean</th><th scope="col">longest</th></tr></thead>
    <tbody>${edges.map((edge) => html`<tr><td>${edge.caller || CLIENTS_NAME}</td><td>${edge.service}</td>
      <td>${environmentName(edge.environment || null)}</td><td class="number">${edge.rate.toFixed(2)}/s</td>
      <td class="number">${share(edge.error_ratio)}</td><td class="number">${milliseconds(edge.latency_ms_mean)}</td>
      <td class="number">${milliseconds(edge.latency_ms_max)}</td></tr>`)}</tbody></table></div>`;
}
