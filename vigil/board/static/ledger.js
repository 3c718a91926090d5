// The ledger's answer to "why?" and "why not?" for one moment of a series.

import {useEffect, useState} from "preact/hooks";
import {useAnswer} from "./ask.js";
import {instant} from "./format.js";
import {html} from "./html.js";

const MOMENT = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?$/;

/** `moment` is the instant asked for from elsewhere on the page; it may be null. */
export function Ledger({id, moment, suggestion}) {
  const [text, setText] = useState(instant(suggestion));
  const [asked, setAsked] = useState(null);
  useEffect(() => {
    if (moment == null) return;
    setText(instant(moment));
    setAsked(instant(moment));
  }, [moment]);
  const valid = MOMENT.test(text.trim());
  const ask = (event) => {
    event.preventDefault();
    if (valid) setAsked(text.trim());
  };
  return html`<section aria-labelledby="ledger-title">
    <h2 id="ledger-title">Why, or why not?</h2>
    <form class="tools" onSubmit=${ask}>
      <label>Moment (UTC) <input value=${text} size="19" aria-invalid=${!valid} aria-describedby="moment-form"
        onInput=${(event) => setText(event.currentTarget.value)} /></label>
      <button>Ask the ledger</button>
      ${!valid && html`<span id="moment-form">as in ${instant(suggestion)}</span>`}
    </form>
    ${asked && html`<${Answer} id=${id} at=${asked} />`}
  </section>`;
}

function Answer({id, at}) {
  const {content, error} = useAnswer(`series/${encodeURIComponent(id)}/why`, {at}, null);
  if (error) return html`<p role="alert">${error}</p>`;
  if (!content) return html`<p>Asking…</p>`;
  return html`<div class="answer" role="status"><ul>${content.words.map((said) => html`<li>${said}</li>`)}</ul></div>`;
}
