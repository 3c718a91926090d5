// A series as a picture: the value in its usual band with flags and late revisions, and below it how
// unusual each window was.

import {useEffect, useRef, useState} from "preact/hooks";
import {useAnswer} from "./ask.js";
import {instant, odds, unit, value} from "./format.js";
import {html} from "./html.js";

const HEIGHT_PX = 260;
const SCORE_HEIGHT_PX = 110;
const LEAST_P = 1e-16;

export function useSeries(id, end, last, stamp) {
  return useAnswer(`series/${encodeURIComponent(id)}`, {end, last}, stamp);
}

/** `content` is the answer of `useSeries`; `onPick` gets the time of a window that is clicked. */
export function Chart({content, error, title, onPick}) {
  const place = useRef(null);
  const theme = useTheme();
  useEffect(() => {
    if (!content?.points.time_s.length) return undefined;
    const box = place.current;
    let drawn = [];
    let wanted = true;
    import("./vendor/uPlot.esm.js").then(({default: uPlot}) => {
      if (wanted) drawn = draw(uPlot, box, content, onPick);
    });
    const observer = new ResizeObserver(() => drawn.forEach((chart) => chart.setSize(
      {width: box.clientWidth, height: chart.height},
    )));
    observer.observe(box);
    return () => {
      wanted = false;
      observer.disconnect();
      drawn.forEach((chart) => chart.destroy());
    };
  }, [content, theme]);
  if (error) return html`<p role="alert">${error}</p>`;
  if (content && !content.points.time_s.length) return html`<p>No window was scored in this range.</p>`;
  return html`<figure class="chart">
    <figcaption>${title}, ${content ? summary(content) : "loading…"}</figcaption>
    <div ref=${place} role="img" aria-label=${content ? `${title}: ${summary(content)}` : title}></div>
  </figure>`;
}

function summary({metric, points}) {
  const known = points.actual.filter((number) => number != null);
  const flagged = points.flagged.filter(Boolean).length;
  const range = known.length
    ? `${value(metric, Math.min(...known))} to ${value(metric, Math.max(...known))}` : "no values";
  return `${instant(points.time_s[0])} to ${instant(points.time_s.at(-1))} UTC, ${range}, ${flagged} flagged`;
}

/** Changes when the page turns dark or light. */
function useTheme() {
  const [theme, setTheme] = useState("");
  useEffect(() => {
    const read = () => setTheme(getComputedStyle(document.body).color);
    const media = matchMedia("(prefers-color-scheme: dark)");
    const observer = new MutationObserver(read);
    observer.observe(document.documentElement, {attributeFilter: ["data-theme"]});
    media.addEventListener("change", read);
    read();
    return () => {
      observer.disconnect();
      media.removeEventListener("change", read);
    };
  }, []);
  return theme;
}

/** A colour of the style sheet as the canvas takes it; it does not know light-dark(). */
function colour(place, name) {
  const probe = place.appendChild(document.createElement("i"));
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Times of day, with the date where a new one begins. */
function times(_, splits) {
  let day = null;
  return splits.map((time_s) => {
    const [date, time] = instant(time_s).split(" ");
    const text = date === day ? time.slice(0, 5) : `${time.slice(0, 5)}\n${date}`;
    day = date;
    return text;
  });
}

function draw(uPlot, place, {metric, points}, onPick) {
  const look = Object.fromEntries(
    ["ink", "faint", "line", "expected", "band", "incident", "late", "score"].map(
      (name) => [name, colour(place, name)],
    ),
  );
  const only = (column, keep) => column.map((number, row) => (keep(row) ? number : null));
  const values = [
    points.time_s, points.upper, points.lower, points.expected, points.actual,
    only(points.actual, (row) => points.flagged[row]),
    only(points.actual, (row) => points.revision[row] > 0),
  ];
  const unusual = points.p.map((p) => -Math.log10(Math.max(p, LEAST_P)));
  const newest = points.time_s.length - 1;
  const shared = {
    width: place.clientWidth,
    tzDate: (time_s) => uPlot.tzDate(new Date(time_s * 1000), "Etc/UTC"),
    cursor: {sync: {key: "series"}},
    padding: [8, 16, 8, 0],
    hooks: {
      ready: [(chart) => {
        chart.setLegend({idx: newest});
        chart.over.addEventListener("click", () => {
          if (onPick && chart.cursor.idx != null) onPick(points.time_s[chart.cursor.idx]);
        });
      }],
      // Where the pointer is elsewhere the legend tells of the newest window.
      setLegend: [(chart) => { if (chart.legend.idx == null) chart.setLegend({idx: newest}); }],
    },
  };
  const axis = {stroke: look.faint, grid: {stroke: look.line, width: 1}, ticks: {stroke: look.line}};
  const shown = (_, number) => value(metric, number);
  // The axis has the unit in its label.
  const bare = (number) => value(metric, number).replace(` ${unit(metric)}`, "");
  place.replaceChildren();
  return [
    new uPlot({
      ...shared,
      height: HEIGHT_PX,
      scales: {y: {range: () => limits(points)}},
      bands: [{series: [1, 2], fill: look.band}],
      axes: [
        {...axis, values: times},
        {...axis, size: 70, label: unit(metric), labelSize: 18, values: (_, splits) => splits.map(bare)},
      ],
      series: [
        {label: "time", value: (_, time_s) => instant(time_s)},
        {label: "usual to", stroke: "transparent", value: shown},
        {label: "usual from", stroke: "transparent", value: shown},
        {label: "expected", stroke: look.expected, width: 1, dash: [5, 4], value: shown},
        {label: "actual", stroke: look.ink, width: 1.2, value: shown},
        {label: "flagged", stroke: look.incident, width: 0, points: {show: true, size: 8, fill: look.incident}, value: shown},
        {label: "revised", stroke: look.late, width: 0, points: {show: true, size: 11}, value: shown},
      ],
    }, values, place),
    new uPlot({
      ...shared,
      height: SCORE_HEIGHT_PX,
      axes: [{...axis, show: false}, {...axis, size: 70, label: "−log₁₀ p", labelSize: 18}],
      series: [
        {label: "time", value: (_, time_s) => instant(time_s)},
        {label: "how unusual", stroke: look.score, width: 1, value: (_, number) => odds(number == null ? null : 10 ** -number)},
      ],
    }, [points.time_s, unusual], place),
  ];
}

/** The values set the scale: a band may start wide. */
function limits({actual, expected}) {
  const known = [...actual, ...expected].filter((number) => number != null);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const margin = 0.08 * (high - low) || Math.abs(high) * 0.1 || 1;
  return [low - margin, high + margin];
}
