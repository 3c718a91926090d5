// One trace as a waterfall: when each hop ran, its own time, and how much more that is than usual.

import {useAnswer} from "./ask.js";
import {count, environmentName, instant, milliseconds, serviceName} from "./format.js";
import {html} from "./html.js";

// Less is noise, whatever its share.
const LEAST_EXCESS_MS = 1;

export function Trace({id, about}) {
  const asked = {at: about.getAll("at").join(","), before: about.get("before")};
  const {content, error} = useAnswer(`traces/${encodeURIComponent(id)}`, asked, null);
  if (error) return html`<h1>Trace</h1><p role="alert">${error}</p>`;
  if (!content) return html`<h1>Trace</h1><p role="status">Searching the log…</p>`;
  const {spans, hops, journey, start_at, before_at} = content;
  const length = Math.max(...spans.map(({start_ms, duration_ms}) => start_ms + duration_ms));
  const measured = spans.some(({samples}) => samples);
  return html`
    <h1>${journey}</h1>
    <p class="facts">Trace <code>${id}</code>, ${instant(start_at)} UTC, ${milliseconds(length)} in ${count(hops)} hops</p>
    <p class="reason">${measured ? verdict(spans) : `Nothing is known of these hops before ${instant(before_at)} UTC to compare with.`}</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Waterfall"><table class="waterfall">
      <thead><tr><th scope="col">hop</th><th scope="col">when</th><th scope="col">took</th><th scope="col">own time</th>
        <th scope="col">usual</th><th scope="col">excess</th></tr></thead>
      <tbody>${spans.map((span) => html`<${Hop} key=${span.span_id} span=${span} length=${length} />`)}</tbody></table></div>
    ${spans.length < hops && html`<p>${count(hops - spans.length)} more hops are not shown.</p>`}
    <p class="facts">Own time is that during which nothing was called. Usual is the median of the same hop in the
      ten minutes before ${instant(before_at)} UTC.
      Of a bar the solid part is the excess, where it is more than a trifle and more than the usual.</p>`;
}

function verdict(spans) {
  const slow = spans.filter(isSlow).sort((one, other) => other.excess_ms - one.excess_ms);
  const failed = spans.filter((span) => span.failed).length;
  const errors = failed ? ` ${count(failed)} hop${failed > 1 ? "s" : ""} failed.` : "";
  if (!slow.length) return `No hop took noticeably longer than usual.${errors}`;
  const told = slow.slice(0, 3).map((span) => `${milliseconds(span.excess_ms)} in ${place(span)} itself`);
  return `Beyond the usual: ${told.join(", ")}.${errors}`;
}

/** More than twice the usual, and not a trifle. */
const isSlow = ({excess_ms, expected_self_ms}) => excess_ms > Math.max(LEAST_EXCESS_MS, expected_self_ms);

const place = ({service, environment}) => (environment ? `${service}@${environment}` : serviceName(service));

function Hop({span, length}) {
  const {depth, service, environment, operation, callee, link, start_ms, duration_ms, self_ms, expected_self_ms, excess_ms} = span;
  const slow = isSlow(span);
  const at = (ms) => `${(100 * ms) / length}%`;
  return html`<tr class=${slow ? "slow" : ""}>
    <th scope="row" style=${{paddingLeft: `${0.8 + 1.1 * Math.min(depth, 12)}em`}}>
      ${serviceName(service)} <small>${environmentName(environment)}</small>
      <span class="operation">${operation}${callee && ` → ${callee}`}${link === "orphan" && " (its caller was not seen)"}</span>
      ${span.failed && html`<span class="is-incident">▲ failed${span.status != null && `, ${span.status}`}${span.error && `: ${span.error}`}</span>`}</th>
    <td class="bar"><span class="whole" aria-hidden="true" style=${{left: at(start_ms), width: at(duration_ms)}}>
      ${slow && html`<span class="excess" style=${{width: `${(100 * excess_ms) / duration_ms}%`}}></span>`}</span></td>
    <td class="number">${milliseconds(duration_ms)}</td>
    <td class="number">${milliseconds(self_ms)}</td>
    <td class="number">${milliseconds(expected_self_ms)}</td>
    <td class="number">${excess_ms == null ? "–" : html`${slow && html`<span class="is-incident" aria-hidden="true">▲ </span>`}${signed(excess_ms)}`}</td>
  </tr>`;
}

const signed = (ms) => (Math.abs(ms) < 0.05 ? "0 ms" : `${ms > 0 ? "+" : "−"}${milliseconds(Math.abs(ms))}`);
