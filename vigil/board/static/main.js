// The page: header, the view that the address asks for, incidents and the stream beside it.

import {render} from "preact";
import {useEffect, useState} from "preact/hooks";
import {Silences} from "./act.js";
import {Announcements} from "./announce.js";
import {Drills} from "./drills.js";
import {Estate} from "./estate.js";
import {instant} from "./format.js";
import {Graph} from "./graph.js";
import {html} from "./html.js";
import {Incident, IncidentList} from "./incidents.js";
import {Journeys} from "./journeys.js";
import {listen, useLive} from "./live.js";
import {link, useRoute} from "./route.js";
import {Series} from "./series.js";
import {Service} from "./service.js";
import {Person, recognise, SignInPage, usePerson} from "./session.js";
import {Stream} from "./stream.js";
import {Trace} from "./trace.js";

const VIEWS = {
  estate: Estate, incident: Incident, service: Service, series: Series, journeys: Journeys, trace: Trace, graph: Graph,
  drills: Drills,
};
// The views that one goes to from anywhere.
const PLACES = {estate: "Estate", journeys: "Journeys", graph: "Graph", drills: "Drills"};
const AGAIN_MS = 1000;
const THEMES = ["auto", "dark", "light"];

function Board() {
  const route = useRoute();
  const View = VIEWS[route.view] ?? Estate;
  const looks = usePerson()?.may.includes("read");
  useEffect(() => arrived(route), [route]);
  useEffect(() => { if (looks) listen(); }, [looks]);
  if (!looks) return html`<header><p class="brand">Vigil</p><${Theme} /></header><${SignInPage} />`;
  return html`
    <${Header} current=${route.view} />
    <${Problem} />
    <${Announcements} />
    <div class="columns">
      <main id="view" tabindex="-1"><${View} key=${route.view + route.id} ...${route} /></main>
      <aside aria-label="Incidents and stream">
        <${IncidentList} current=${route.id} /><${Silences} /><${Stream} /></aside>
    </div>`;
}

/** A new view begins at its top, for eyes and for screen readers. */
let before = null;
function arrived(route) {
  const place = route.view + route.id;
  if (before !== null && before !== place) {
    document.getElementById("view").focus({preventScroll: true});
    scrollTo(0, 0);
  }
  before = place;
}

function Header({current}) {
  const {connected, heardAt, incidents = []} = useLive();
  const open = incidents.filter(({status}) => status === "open").length;
  return html`<header>
    <a class="brand" href=${link("estate")}><img src="static/icon.svg" alt="" width="24" height="24" /> Vigil</a>
    <nav aria-label="Views"><ul>${Object.entries(PLACES).map(([view, name]) => html`
      <li><a href=${link(view)} aria-current=${view === current ? "page" : null}>${name}</a></li>`)}</ul></nav>
    <p role="status" aria-label="Connection" class=${connected ? "connected" : "lost"}>${said(connected, heardAt)}</p>
    ${open > 0 && html`<a class="is-incident" href="#incidents-title">▲ ${open} open incident${open > 1 ? "s" : ""}</a>`}
    <${Person} />
    <${Theme} />
  </header>`;
}

function said(connected, heardAt) {
  if (connected) return "live";
  return heardAt ? `connection lost, as of ${instant(heardAt)} UTC; trying again` : "connecting…";
}

function Problem() {
  const {problem} = useLive();
  return problem && html`<p role="alert" class="problem">${problem}. The page shows what was known before.</p>`;
}

function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem("theme") ?? "auto");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  // Kept at once, not after the next paint: the page may be left before.
  const choose = (name) => {
    localStorage.setItem("theme", name);
    setTheme(name);
  };
  return html`<label class="theme">Theme <select value=${theme} onChange=${(event) => choose(event.currentTarget.value)}>
    ${THEMES.map((name) => html`<option value=${name}>${name}</option>`)}</select></label>`;
}

addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    document.getElementById("filter")?.focus();
  }
  const asked = document.querySelector("dialog[open]");
  if (event.key === "Escape" && location.hash.length > 2 && !typing && !asked) location.hash = link("estate");
});

const app = document.getElementById("app");

/** Without an answer the page stays as it came, says why, and asks again. */
async function begin() {
  try {
    await recognise();
  } catch (error) {
    app.querySelector("main p").textContent = `${error.message}; trying again…`;
    setTimeout(begin, AGAIN_MS);
    return;
  }
  app.replaceChildren();
  render(html`<${Board} />`, app);
}

begin();
