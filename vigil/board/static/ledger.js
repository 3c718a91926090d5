// The ledger's answer to "why?" and "why not?" for one moment of a series, and what people say to it.

import {useEffect, useState} from "preact/hooks";
import {announce} from "./announce.js";
import {send, useAnswer} from "./ask.js";
import {instant} from "./format.js";
import {html} from "./html.js";
import {usePerson} from "./session.js";

const MOMENT = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?$/;

const VERDICTS = {
  true: {words: "true alarm", effect: "deviations of this size are never tolerated here"},
  false: {words: "false alarm", effect: "deviations of this size are tolerated here from now on"},
  expected: {words: "expected change", effect: "the series is learnt afresh"},
};

/** `moment` is the instant asked for from elsewhere on the page; it may be null. */
export function Ledger({id, moment, suggestion, onLabel}) {
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
    ${asked && html`<${Answer} id=${id} at=${asked} onLabel=${onLabel} />`}
  </section>`;
}

function Answer({id, at, onLabel}) {
  const {content, error} = useAnswer(`series/${encodeURIComponent(id)}/why`, {at}, null);
  const operates = usePerson()?.may.includes("operate");
  if (error) return html`<p role="alert">${error}</p>`;
  if (!content) return html`<p>Asking…</p>`;
  return html`<div class="answer">
    <ul role="status" aria-label="Answer">${content.words.map((said) => html`<li>${said}</li>`)}</ul>
    ${operates && content.window_start && html`
      <${Verdict} key=${content.window_start} id=${id} at=${content.window_start} onLabel=${onLabel} />`}
  </div>`;
}

function Verdict({id, at, onLabel}) {
  const [problem, setProblem] = useState("");
  const label = async (event) => {
    event.preventDefault();
    const verdict = event.submitter.value;
    const note = new FormData(event.currentTarget).get("note");
    try {
      await send("POST", `series/${encodeURIComponent(id)}/labels`, {at, verdict, note});
    } catch (error) {
      setProblem(error.message);
      return;
    }
    setProblem("");
    announce(`Labelled ${instant(at)} as ${VERDICTS[verdict].words}: ${VERDICTS[verdict].effect}.`);
    onLabel();
  };
  return html`<form class="tools" aria-label="Your verdict on ${instant(at)}" onSubmit=${label}>
    <label>Note <input name="note" maxlength="500" placeholder="deploy, load test…" /></label>
    ${Object.entries(VERDICTS).map(([verdict, {words, effect}]) => html`
      <button value=${verdict} title=${effect}>${words}</button>`)}
    ${problem && html`<p role="alert">${problem}</p>`}
  </form>`;
}

/** Verdicts that were given on a series, by whom and when. */
export function Labels({labels}) {
  if (!labels.length) return null;
  return html`<h2>Verdicts</h2><ul class="timeline">${labels.map((item) => html`<li>
    <time datetime=${item.window_start}>${instant(item.window_start)}</time> <strong>${VERDICTS[item.verdict].words}</strong>
    ${item.author && ` by ${item.author}`}${item.note && `: ${item.note}`} <small>(said ${instant(item.made_at)})</small></li>`)}</ul>`;
}
