// Who looks at the page, what they may do, and how they sign in.

import {useEffect, useRef, useState} from "preact/hooks";
import {announce} from "./announce.js";
import {ask, send} from "./ask.js";
import {html} from "./html.js";
import {store} from "./store.js";

const person = store(null);

export const usePerson = () => person.use();

/** Ask who we are; fails while the server cannot be reached or does not know. */
export async function recognise() {
  person.set(await ask("session"));
  return person.get();
}

/** Beside the theme: under which name things are done here. */
export function Person() {
  const {name, role, signed_in, may: scopes} = person.use() ?? {may: []};
  const leave = async () => {
    await send("DELETE", "session");
    // What was seen is forgotten with the page.
    location.reload();
  };
  if (signed_in) return html`<p class="person">${name}, ${role} <button onClick=${leave}>Sign out</button></p>`;
  if (scopes.includes("operate")) return html`<p class="person">open on this machine, acting as ${name}</p>`;
  if (scopes.includes("read")) return html`<details class="person"><summary>looking without a key</summary><${SignIn} /></details>`;
  return null;
}

export function SignInPage() {
  const heading = useRef(null);
  useEffect(() => heading.current.focus(), []);
  return html`<main id="view" class="door"><h1 tabindex="-1" ref=${heading}>Sign in</h1>
    <p>This board shows itself to those who have a key. <code>vigil keys create NAME --role viewer</code> makes one
      that looks, <code>--role operator</code> one that acknowledges, silences and labels as well.</p>
    <${SignIn} /></main>`;
}

function SignIn() {
  const [problem, setProblem] = useState("");
  const field = useRef(null);
  const enter = async (event) => {
    event.preventDefault();
    try {
      await send("POST", "session", {token: field.current.value});
    } catch (error) {
      setProblem(error.message);
      field.current.focus();
      return;
    }
    const {name, role} = await recognise();
    announce(`Signed in as ${name}, ${role}.`);
  };
  return html`<form class="tools" onSubmit=${enter}>
    <label>Key <input type="password" ref=${field} required autocomplete="current-password" size="30"
      aria-invalid=${Boolean(problem)} aria-describedby="key-problem" /></label>
    <button>Sign in</button>
    <p id="key-problem" role="alert">${problem}</p>
  </form>`;
}
