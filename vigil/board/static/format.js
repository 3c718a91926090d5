// Values, instants and names as people read them.

const tenths = new Intl.NumberFormat("en", {maximumFractionDigits: 1});
const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const short = new Intl.NumberFormat("en", {maximumSignificantDigits: 4});
const percent = new Intl.NumberFormat("en", {style: "percent", maximumFractionDigits: 1});
const UNITS = {request_rate: "requests/s"};
const LARGEST_ODDS = 1e6;

export const count = (value) => (value == null ? "–" : whole.format(value));

export function unit(metric) {
  if (metric in UNITS) return UNITS[metric];
  if (/(^|_)ms(_|$)/.test(metric)) return "ms";
  return /(^|_)bytes(_|$)/.test(metric) ? "bytes" : "";
}

export function value(metric, number) {
  if (number == null) return "–";
  if (/_ratio$/.test(metric)) return percent.format(number);
  return `${short.format(number)} ${unit(metric)}`.trim();
}

export const share = (ratio) => (ratio == null ? "–" : percent.format(ratio));

export const milliseconds = (ms) => (ms == null ? "–" : `${(ms < 100 ? tenths : whole).format(ms)} ms`);

/** How rarely a usual window looks like this, as far as a calibration can know. */
export function odds(p) {
  if (p == null) return "–";
  const once = 1 / p;
  if (once > LARGEST_ODDS) return `rarer than once in ${count(LARGEST_ODDS)} windows`;
  return once < 20 ? "usual" : `once in ${count(Math.round(once))} windows`;
}

const two = (number) => String(number).padStart(2, "0");

/** An instant in UTC, from ISO 8601 text or epoch seconds. */
export function instant(at) {
  if (at == null) return "–";
  const date = new Date(typeof at === "number" ? at * 1000 : at);
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":");
  return `${day} ${time}`;
}

/** An instant in UTC to the minute. */
export const minute = (at) => instant(at).slice(0, 16);

export function lasted(from, to) {
  const minutes = Math.round((new Date(to) - new Date(from)) / 60000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

export const environmentName = (name) => name ?? "no environment";
export const serviceName = (name) => name ?? "unknown service";

/** The metric and its route, without the service. */
export function seriesName({metric, method, route}) {
  return [metric, method, route].filter(Boolean).join(" ");
}
