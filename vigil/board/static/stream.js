// The stream's health: how far behind, how fresh, what was refused.

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
    ["records/s", stream.records_per_s == null ? "–" : count(Math.round(stream.records_per_s))],
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
  </section>`;
}
