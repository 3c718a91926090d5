// The stream's health: how far behind, how fresh, what was refused, and who reads what.

import {count, instant} from "./format.js";
import {html} from "./html.js";
import {useLive} from "./live.js";

export function Stream() {
  const {stream: all} = useLive();
  if (!all) return null;
  const {stream, models, incidents} = all;
  const facts = [
    ["closed to", `${instant(stream.newest_window_at)} UTC`],
    ["watermark", stream.watermark_at ? `${instant(stream.watermark_at)} UTC` : "–"],
    ["records/s", count(stream.records_per_s)],
    ["behind the log", `${count(stream.lag_messages)} messages`],
    ["last checkpoint", `${instant(stream.last_checkpoint_at)} UTC`],
    ["records read", count(stream.read)],
    ["windows scored", count(stream.windows)],
    ["dead letters", count(stream.dead)],
    ["too late", count(stream.late)],
    ["alerts waiting", count(incidents.alerts_waiting)],
    ["champion", models.champion ?? "none yet: the online detector scores"],
  ];
  return html`<section aria-labelledby="stream-title">
    <h2 id="stream-title">Stream</h2>
    <dl class="stream">${facts.map(([name, said]) => html`<div><dt>${name}</dt><dd>${said}</dd></div>`)}</dl>
    ${stream.workers.length > 0 && html`<${Workers} workers=${stream.workers} partitions=${stream.partitions} />`}
  </section>`;
}

function Workers({workers, partitions}) {
  return html`<h3>Workers</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="Workers"><table>
      <thead><tr><th scope="col">worker</th><th scope="col">reads</th><th scope="col">records/s</th><th scope="col">cores</th><th scope="col">dead letters</th><th scope="col">last heard of</th></tr></thead>
      <tbody>${workers.map((item) => html`<tr key=${item.worker}><th scope="row">${item.worker}</th>
        <td>${item.partitions.join(", ")}</td><td class="number">${count(item.records_per_s)}</td>
        <td class="number">${item.cores == null ? "–" : item.cores.toFixed(2)}</td>
        <td class="number">${count(item.dead)}</td><td>${instant(item.heard_at)}</td></tr>`)}</tbody></table></div>
    <h3>Partitions</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="Partitions"><table>
      <thead><tr><th scope="col">partition</th><th scope="col">behind the log</th><th scope="col">of it, not handed over</th><th scope="col">worker</th></tr></thead>
      <tbody>${partitions.map((item) => html`<tr key=${`${item.topic}/${item.partition}`}>
        <th scope="row">${item.topic}/${item.partition}</th><td class="number">${count(item.lag_messages)}</td>
        <td class="number">${count(item.not_handed_over)}</td><td>${item.worker ?? "the scorer"}</td></tr>`)}</tbody></table></div>`;
}
