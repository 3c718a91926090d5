// The page's live sections, kept current by server-sent events through lost connections and
// restarts of the server.

import {useEffect, useReducer} from "preact/hooks";
import {recognise} from "./session.js";

const SECTIONS = ["estate", "incidents", "silences", "stream", "problem"];
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

export const live = {connected: false, heardAt: null};
const listeners = new Set();
let retryMs = FIRST_RETRY_MS;
let drawing = false;

/** Draw once a frame, however many sections come. */
function changed() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    listeners.forEach((listener) => listener());
  });
}

export function listen() {
  const source = new EventSource("api/changes");
  source.onopen = () => {
    live.connected = true;
    retryMs = FIRST_RETRY_MS;
    changed();
  };
  source.onerror = () => {
    live.connected = false;
    changed();
    // The browser tries again by itself unless the answer was an error.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(again, retryMs);
    retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
  };
  for (const name of SECTIONS) {
    source.addEventListener(name, (event) => {
      live[name] = JSON.parse(event.data);
      live.heardAt = new Date();
      changed();
    });
  }
}

/** An error may mean that the session has ended; then there is nothing to listen to. */
async function again() {
  const person = await recognise().catch(() => null);
  if (person === null || person.may.includes("read")) listen();
}

/** The live sections; the component is drawn again when one changes. */
export function useLive() {
  const [, again] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    listeners.add(again);
    return () => listeners.delete(again);
  }, []);
  return live;
}
