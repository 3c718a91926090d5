// What happened, in a sentence: shown for a while and read aloud by screen readers.

import {html} from "./html.js";
import {store} from "./store.js";

const SHOWN_MS = 8000;
const said = store("");
let timer = null;

export function announce(sentence) {
  clearTimeout(timer);
  said.set(sentence);
  timer = setTimeout(() => said.set(""), SHOWN_MS);
}

/** The region is always there: readers hear of changes inside of it only. */
export function Announcements() {
  const sentence = said.use();
  return html`<p class="announcement" role="status" aria-label="What happened" aria-live="polite">${sentence}</p>`;
}
