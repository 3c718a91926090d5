// The label widget: a row an alert, three buttons, and what became of each verdict.
const VERDICTS = [
  ["true", "It was an incident: never mute its like"],
  ["false", "A false alarm: tolerate deviations of this size"],
  ["expected", "A confirmed change: learn the series afresh"],
];
const WIDTH = 180;
const HEIGHT = 36;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The values around an alert in their usual band; the alert is the dot.
function drawing({ actual, lower, upper, at }) {
  const known = [...actual, ...lower, ...upper].filter((value) => value !== null);
  const low = Math.min(...known);
  const scale = (HEIGHT - 4) / (Math.max(...known) - low || 1);
  const x = (place) => (place * WIDTH) / Math.max(actual.length - 1, 1);
  const y = (value) => HEIGHT - 2 - (value - low) * scale;
  const points = (values) =>
    values.flatMap((value, place) => (value === null ? [] : [[x(place), y(value)]]));
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT });
  svg.setAttribute("aria-hidden", "true");
  const band = [...points(upper), ...points(lower).reverse()].join(" ");
  svg.append(shape("polygon", { points: band, class: "vigil-band" }));
  svg.append(shape("polyline", { points: points(actual).join(" "), class: "vigil-actual" }));
  if (actual[at] !== null) {
    svg.append(shape("circle", { cx: x(at), cy: y(actual[at]), r: 3, class: "vigil-flag" }));
  }
  return svg;
}

function render({ model, el }) {
  const status = element("p", { role: "status", class: "vigil-status" });
  const body = element("tbody");
  const head = element("tr");
  for (const name of ["when", "series", "around it", "verdict"]) {
    head.append(element("th", { scope: "col" }, name));
  }
  el.classList.add("vigil-labels");
  el.append(element("table", {}, element("thead", {}, head), body), status);

  function buttons(row, given) {
    return VERDICTS.map(([verdict, title]) => {
      const pressed = String(given === verdict);
      const label = `${verdict}: ${row.series} at ${row.when}`;
      const button = element(
        "button",
        { type: "button", title, "aria-label": label, "aria-pressed": pressed },
        verdict,
      );
      button.addEventListener("click", () => {
        status.textContent = `keeping ${verdict} …`;
        model.send({ row: row.row, verdict });
      });
      return button;
    });
  }

  function draw() {
    const given = model.get("verdicts");
    const rows = model.get("rows").map((row) =>
      element(
        "tr",
        {},
        element("td", {}, row.when),
        element("td", {}, row.series, element("br"), element("small", {}, row.words)),
        element("td", {}, drawing(row)),
        element("td", {}, ...buttons(row, given[row.row])),
      ),
    );
    body.replaceChildren(...rows);
    if (!rows.length) status.textContent = "no alerts in this range";
  }

  const tell = () => {
    status.textContent = model.get("said");
  };
  model.on("change:rows", draw);
  model.on("change:verdicts", draw);
  model.on("change:said", tell);
  draw();
  return () => {
    model.off("change:rows", draw);
    model.off("change:verdicts", draw);
    model.off("change:said", tell);
  };
}

export default { render };
