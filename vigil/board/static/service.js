// One service in one environment: its series, the most unusual first.

import {useAnswer} from "./ask.js";
import {environmentName, instant, odds, seriesName, serviceName, value} from "./format.js";
import {html} from "./html.js";
import {useLive} from "./live.js";
import {link} from "./route.js";

export function Service({about}) {
  const {stream} = useLive();
  const environment = about.get("environment");
  const service = about.get("service");
  const {content, error} = useAnswer("service", {environment, service}, stream?.stream.newest_window_at);
  const title = html`<h1>${serviceName(service)} <small>${environmentName(environment)}</small></h1>`;
  if (error) return html`${title}<p role="alert">${error}</p>`;
  if (!content) return html`${title}<p>Loading…</p>`;
  return html`${title}
    <div class="scroll" tabindex="0" role="region" aria-label="Series"><table>
      <thead><tr><th scope="col">series</th><th scope="col">newest window</th><th scope="col">value</th>
        <th scope="col">expected</th><th scope="col">how unusual</th><th scope="col">state</th></tr></thead>
      <tbody>${content.map((item) => html`<tr>
        <td><a href=${link("series", item.series_id)}>${seriesName(item)}</a></td>
        <td>${instant(item.window_start)}</td>
        <td class="number">${value(item.metric, item.actual)}</td>
        <td class="number">${value(item.metric, item.expected)}</td>
        <td>${odds(item.p)}</td><td>${state(item)}</td></tr>`)}</tbody></table></div>`;
}

function state({flagged, warming_up}) {
  if (flagged) return html`<span class="is-unusual">◆ flagged</span>`;
  if (warming_up == null) return "no recent window";
  return warming_up < 1 ? `learning, ${Math.floor(100 * warming_up)} % done` : "fine";
}
