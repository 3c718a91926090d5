// What operators do about an incident: take care of it, or silence it for a while.

import {useRef, useState} from "preact/hooks";
import {announce} from "./announce.js";
import {send} from "./ask.js";
import {count, instant, minute} from "./format.js";
import {html} from "./html.js";
import {useLive} from "./live.js";
import {usePerson} from "./session.js";

const LENGTHS = {"30m": "30 minutes", "1h": "1 hour", "2h": "2 hours", "8h": "8 hours", "1d": "1 day", "7d": "7 days"};

/** Who takes care, and the buttons of those who may act. */
export function Care({incident}) {
  const place = useRef(null);
  const [problem, setProblem] = useState("");
  const operates = usePerson()?.may.includes("operate");
  const {incident_id, status, acknowledged_by} = incident;
  const takeCare = async () => {
    try {
      const {acknowledged_by: name} = await send("POST", `incidents/${encodeURIComponent(incident_id)}/acknowledge`);
      setProblem("");
      announce(`${name} takes care of this incident.`);
      // The button goes away; who used it should not have to look for the place.
      place.current.focus();
    } catch (error) {
      setProblem(error.message);
    }
  };
  if (status !== "open") return null;
  return html`<div class="care">
    <p tabindex="-1" ref=${place}>${acknowledged_by
      ? html`<strong>${acknowledged_by}</strong> takes care.` : "Nobody has said yet to take care."}</p>
    ${operates && !acknowledged_by && html`<button onClick=${takeCare}>Acknowledge</button>`}
    ${operates && html`<${SilenceButton} incident=${incident} />`}
    ${problem && html`<p role="alert">${problem}</p>`}
  </div>`;
}

function SilenceButton({incident}) {
  const dialog = useRef(null);
  return html`<button onClick=${() => dialog.current.showModal()} aria-haspopup="dialog">Silence…</button>
    <dialog ref=${dialog} aria-labelledby="silence-title">
      <${SilenceForm} incident=${incident} done=${() => dialog.current.close()} /></dialog>`;
}

/** What a silence may be about, the narrowest first. */
function subjects({incident_id, origin, services = [], environments = []}) {
  const found = [["this incident", {incident: [incident_id]}]];
  if (!origin) return found;
  if (!services.includes(origin)) return [...found, [`incidents about ${origin}`, {origin: [origin]}]];
  if (environments.length) {
    found.push([`service ${origin} in ${environments.join(", ")}`, {service: [origin], environment: environments}]);
  }
  found.push([`service ${origin} everywhere`, {service: [origin]}]);
  return found;
}

function SilenceForm({incident, done}) {
  const [problem, setProblem] = useState("");
  const about = subjects(incident);
  const silence = async (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      const made = await send("POST", "silences", {
        match: about[form.get("about")][1], last: form.get("last"), comment: form.get("comment"),
      });
      setProblem("");
      done();
      announce(`Silenced until ${minute(made.ends_at)} UTC: ${count(made.about.length)} open now.`);
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`<form onSubmit=${silence}>
    <h2 id="silence-title">Silence</h2>
    <p>Nobody is told of what matches. It is kept, and told of if it is open still when the silence ends.</p>
    <fieldset><legend>What</legend>${about.map(([words], n) => html`
      <label><input type="radio" name="about" value=${n} checked=${n === 0} /> ${words}</label>`)}</fieldset>
    <label>For <select name="last">${Object.entries(LENGTHS).map(([length, words]) => html`
      <option value=${length} selected=${length === "1h"}>${words}</option>`)}</select></label>
    <label>Why <input name="comment" maxlength="500" placeholder="load test, known defect…" /></label>
    ${problem && html`<p role="alert">${problem}</p>`}
    <div class="tools"><button>Silence</button><button type="button" onClick=${done}>Cancel</button></div>
  </form>`;
}

/** Silences in force, beside the incidents. */
export function Silences() {
  const {silences = []} = useLive();
  const operates = usePerson()?.may.includes("operate");
  const title = useRef(null);
  const inForce = silences.filter(({ends_at}) => new Date(ends_at) > new Date());
  if (!inForce.length) return null;
  const end = async ({silence_id, words}) => {
    try {
      await send("DELETE", `silences/${encodeURIComponent(silence_id)}`);
      announce(`The silence of ${words} has ended.`);
    } catch (error) {
      announce(error.message);
    }
    title.current?.focus();
  };
  return html`<section aria-labelledby="silences-title">
    <h2 id="silences-title" tabindex="-1" ref=${title}>Silences</h2>
    <ul class="silences">${inForce.map((item) => html`<li key=${item.silence_id}>
      <span>${item.words} <span class="when">until ${instant(item.ends_at)} · ${item.author}${item.comment && ` · ${item.comment}`}</span></span>
      ${operates && html`<button onClick=${() => end(item)} aria-label="End the silence of ${item.words}">End</button>`}
    </li>`)}</ul></section>`;
}
