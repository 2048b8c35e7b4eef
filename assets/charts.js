"use strict";
// Elements and charts. Whatever comes from data becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key in made && key !== "list") made[key] = value; else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function shape(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function choice(label, options, value, change) {
  const select = element("select", {"aria-label": label});
  for (const option of options) select.append(element("option", {value: option.key, selected: option.key === value}, option.label));
  select.addEventListener("change", () => change(select.value));
  return element("label", {}, label + " ", select);
}

function save(name, type, content) {
  const link = element("a", {href: URL.createObjectURL(new Blob([content], {type})), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function csv(rows) {
  // A cell that a spreadsheet would take for a formula is kept from it.
  const quoted = (cell) => {
    const text = /^[=+@\t]/.test(cell) ? "'" + cell : cell;
    return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  return rows.map((row) => row.map((cell) => quoted(String(cell))).join(",")).join("\n") + "\n";
}

function colour(index) { return `var(--c${index % 8})`; }

function dash(index) { return DASHES[Math.floor(index / 8) % 4]; }

// Each curve has a marker too, as in the charts for a paper: those that share a colour differ in it and in their dashes.
function marker(index, x, y) {
  const form = ["M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0Z", "M0-4.6L4.2 3.2H-4.2Z", "M-3.2-3.2H3.2V3.2H-3.2Z", "M-3.4-3.4L3.4 3.4M3.4-3.4L-3.4 3.4"][(index + Math.floor(index / 8)) % 4];
  const paint = form.endsWith("Z") ? {fill: colour(index)} : {fill: "none", stroke: colour(index), "stroke-width": 2.2};
  return shape("path", {class: "marker", d: form, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, ...paint});
}

// What stands before a name in a legend: a piece of the curve, of a level without its marker.
function sign(index, isLevel) {
  const svg = shape("svg", {viewBox: "0 0 28 12", "aria-hidden": "true"});
  svg.append(shape("line", {x1: 0, x2: 28, y1: 6, y2: 6, stroke: colour(index), "stroke-width": 2.2, "stroke-dasharray": isLevel ? "6 5" : dash(index)}));
  if (!isLevel) svg.append(marker(index, 14, 6));
  return svg;
}

function figure(value) {
  if (!isFinite(value)) return "–";
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : size >= 1 ? value.toFixed(2) : value.toFixed(3);
}

// Round steps that cover a span.
function ticks(low, high, most) {
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((s) => s >= raw - 1e-12);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  return found;
}

function tickText(value, all) {
  const step = all.length > 1 ? Math.abs(all[1] - all[0]) : 1;
  return value.toFixed(Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (/^0*25/.test(step.toPrecision(2).replace(".", "")) ? 1 : 0))));
}

// Draws curves: series of {name, index, points: [{x, y, low, high, note}]}, levels of {name, index, y}.
function drawCurves(host, {series, levels, xLabel, yLabel, whole, signed}) {
  const width = Math.max(300, host.clientWidth || 560), height = width < 440 ? 260 : width > 900 ? 420 : 320;
  const box = {left: 54, right: width - 12, top: 12, bottom: height - 44};
  const points = series.flatMap((s) => s.points);
  const xs = points.map((p) => p.x);
  // An interval wider than the values themselves would hide them: it is cut at the frame.
  const middle = points.map((p) => p.y).concat(levels.map((l) => l.y));
  let [low, high] = [Math.min(...middle), Math.max(...middle)];
  if (!middle.length) [low, high] = [0, 1];
  const reach = Math.max(high - low, Math.abs(high) * 0.1, 1e-9);
  for (const p of points) { low = Math.min(low, Math.max(p.low ?? p.y, low - reach * 0.25)); high = Math.max(high, Math.min(p.high ?? p.y, high + reach * 0.25)); }
  if (!signed && Math.min(...middle) >= 0) low = Math.max(low, 0);
  // A share has no more than all of it, and no correlation is beyond 1.
  const most = Math.max(...middle) <= 1 && (signed || low >= 0) ? 1 : Infinity;
  high = Math.min(high, most);
  if (signed && Math.min(...middle) >= -1) low = Math.max(low, -1);
  if (low >= 0 && low < 0.35 * high) low = 0;
  if (high - low < 1e-9) { high += Math.max(Math.abs(high) * 0.1, 0.05); }
  high += (high - low) * 0.04;
  let [left, right] = xs.length ? [Math.min(...xs), Math.max(...xs)] : [0, 1];
  if (left >= 0 && left < 0.35 * right) left = 0;
  if (right - left < 1e-9) { left -= 0.5; right += 0.5; }
  const up = ticks(low, high, 6);
  // Long figures get room of their own: the name of what is up stands left of them.
  box.left = Math.max(box.left, 28 + 7.6 * Math.max(...up.map((t) => tickText(t, up).length)));
  const X = (x) => box.left + (x - left) / (right - left) * (box.right - box.left);
  const Y = (y) => box.bottom - (y - low) / (high - low) * (box.bottom - box.top);
  const svg = shape("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${yLabel} over ${xLabel}`});
  const clip = "clip" + Math.random().toString(36).slice(2);
  const clipping = shape("clipPath", {id: clip});
  clipping.append(shape("rect", {x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top}));
  svg.append(clipping);
  const across = whole ? ticks(left, right, Math.min(10, right - left || 1)).filter((t) => Number.isInteger(t)) : ticks(left, right, width < 440 ? 4 : 8);
  for (const t of up) {
    svg.append(shape("line", {class: "grid", x1: box.left, x2: box.right, y1: Y(t), y2: Y(t)}), shape("text", {x: box.left - 8, y: Y(t) + 4, "text-anchor": "end"}, tickText(t, up)));
  }
  for (const t of across) svg.append(shape("line", {class: "axis", x1: X(t), x2: X(t), y1: box.bottom, y2: box.bottom + 5}), shape("text", {x: X(t), y: box.bottom + 19, "text-anchor": "middle"}, tickText(t, across)));
  svg.append(shape("line", {class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom}));
  svg.append(shape("text", {x: (box.left + box.right) / 2, y: height - 6, "text-anchor": "middle"}, xLabel));
  svg.append(shape("text", {transform: `translate(13 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle"}, yLabel));
  const layer = shape("g", {"clip-path": `url(#${clip})`});
  for (const s of series) {
    const band = s.points.filter((p) => p.low !== undefined);
    if (band.length > 1) {
      const edge = band.map((p) => [p.x, Math.min(p.high, most)]).concat(band.toReversed().map((p) => [p.x, p.low]));
      layer.append(shape("polygon", {class: "band", points: edge.map(([x, y]) => `${X(x).toFixed(1)},${Y(y).toFixed(1)}`).join(" "), fill: colour(s.index), "fill-opacity": Math.min(0.13, 0.6 / series.length)}));
    }
  }
  for (const l of levels) layer.append(shape("line", {x1: box.left, x2: box.right, y1: Y(l.y), y2: Y(l.y), stroke: colour(l.index), "stroke-width": 2, "stroke-dasharray": "6 5"}));
  for (const s of series) {
    const path = s.points.map((p, at) => `${at ? "L" : "M"}${X(p.x).toFixed(1)} ${Y(p.y).toFixed(1)}`).join("");
    layer.append(shape("path", {class: "curve", d: path, fill: "none", stroke: colour(s.index), "stroke-width": 2.2, "stroke-linejoin": "round", "stroke-dasharray": dash(s.index)}));
  }
  svg.append(layer);
  // Not clipped: those at the frame stay whole.
  for (const s of series) for (const p of s.points) svg.append(marker(s.index, X(p.x), Y(p.y)));
  const tip = element("div", {className: "tip", hidden: true});
  svg.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect(), scale = width / frame.width;
    const [px, py] = [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale];
    let best = null;
    for (const s of series) for (const p of s.points) {
      const far = Math.hypot(X(p.x) - px, Y(p.y) - py);
      if (far < 40 && (!best || far < best.far)) best = {far, s, p};
    }
    tip.hidden = !best;
    if (!best) return;
    const interval = best.p.low === undefined ? "" : ` (${figure(best.p.low)} to ${figure(best.p.high)})`;
    tip.replaceChildren(element("b", {}, best.s.name), element("br"), `${yLabel} ${figure(best.p.y)}${interval}`, element("br"), `${figure(best.p.x)} ${xLabel}`, element("br"), best.p.note || "");
    tip.style.left = Math.min(X(best.p.x) / scale + 12, frame.width - 190) + "px";
    tip.style.top = Y(best.p.y) / scale + 12 + "px";
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  host.replaceChildren(svg, tip);
  return svg;
}

// The chart with its colours written out, to stand alone.
function standalone(svg) {
  const copy = svg.cloneNode(true), style = getComputedStyle(document.documentElement);
  const value = (text) => text.replace(/var\((--\w+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  for (const part of copy.querySelectorAll("*")) for (const name of ["fill", "stroke"]) if (part.hasAttribute(name)) part.setAttribute(name, value(part.getAttribute(name)));
  for (const text of copy.querySelectorAll("text")) { text.setAttribute("fill", value("var(--ink)")); text.setAttribute("font-family", "sans-serif"); text.setAttribute("font-size", "12"); }
  for (const line of copy.querySelectorAll(".grid")) line.setAttribute("stroke", value("var(--line)"));
  for (const line of copy.querySelectorAll(".axis")) line.setAttribute("stroke", value("var(--soft)"));
  const [, , width, height] = copy.getAttribute("viewBox").split(" ");
  copy.setAttribute("width", width); copy.setAttribute("height", height);
  copy.prepend(shape("rect", {width, height, fill: value("var(--paper)")}));
  copy.setAttribute("xmlns", SVG);
  return new XMLSerializer().serializeToString(copy);
}

function savePng(name, text) {
  const image = new Image();
  image.onload = () => {
    const canvas = element("canvas", {width: image.width * 2, height: image.height * 2});
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(name, "image/png", blob));
  };
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
}

// Buttons that save a figure: its picture as it is, and the rows that it is drawn from.
function saveButtons(host, name, svg, rows) {
  const button = (text, act) => { const made = element("button", {type: "button"}, text); made.addEventListener("click", act); host.append(made, " "); };
  button("SVG", () => save(name() + ".svg", "image/svg+xml", standalone(svg())));
  button("PNG", () => savePng(name() + ".png", standalone(svg())));
  button("CSV", () => save(name() + ".csv", "text/csv", csv(rows())));
}

// The curves of the dataset that is looked at, where a strategy has one colour on all; or those of all together, each with its own.
function curvesOf(data) {
  if (data.setting === undefined) return data.strategies.map((curve, index) => ({...curve, index}));
  return data.strategies.filter((curve) => curve.within.setting === data.setting).map((curve) => ({...curve, name: curve.within.strategy, index: curve.within.place}));
}

// A figure with a choice of what is up and across. `hidden` holds the names of curves that are switched off, for all charts together.
function curveFigure(data, group, hidden, redrawAll) {
  const state = {x: group.axis, y: group.measures[0].key};
  const host = element("div", {className: "chart"}), legend = element("div", {className: "legend"});
  const tools = element("div", {className: "choice"});
  const saving = element("span", {className: "saving"});
  const node = element("figure", {}, element("div", {className: "top"}, element("h3", {}, group.title), saving), element("figcaption", {}, group.about + (group.id === "ap" && data.strategies.some((own) => own.full) ? " The dashed line is full supervision." : "")), tools, host, legend);
  node.dataset.chart = group.id;
  const label = (list, key) => list.find((entry) => entry.key === key).label;
  let svg = null;
  function build() {
    const series = [], levels = [];
    curvesOf(data).forEach((strategy) => {
      const points = strategy.points.filter((p) => p.y[state.y]);
      const across = (p) => state.x === "round" ? p.round : p.x[state.x];
      if (!points.length) return;
      if (strategy.full && group.id === "ap") { levels.push({name: strategy.name, index: strategy.index, y: points.at(-1).y[state.y][0]}); return; }
      const drawn = points.filter((p) => across(p) !== undefined).map((p) => ({x: across(p), y: p.y[state.y][0], low: p.y[state.y][1], high: p.y[state.y][2], note: `round ${p.round}, ${p.n} seed${p.n > 1 ? "s" : ""}`}));
      if (drawn.length) series.push({name: strategy.name, index: strategy.index, points: drawn});
    });
    return {series, levels};
  }
  function draw() {
    const {series, levels} = build(), shown = (s) => !hidden.has(s.name);
    svg = drawCurves(host, {series: series.filter(shown), levels: levels.filter(shown), xLabel: label(data.axes, state.x), yLabel: label(group.measures, state.y), whole: state.x === "round", signed: group.measures.find((measure) => measure.key === state.y).signed});
    legend.replaceChildren(...series.concat(levels).map((s) => {
      const button = element("button", {type: "button", title: "Show or hide in all charts"}, sign(s.index, levels.includes(s)), s.name);
      button.setAttribute("aria-pressed", String(shown(s)));
      button.addEventListener("click", () => { if (!hidden.delete(s.name)) hidden.add(s.name); redrawAll(); });
      return button;
    }));
  }
  if (group.measures.length > 1) tools.append(choice("Up", group.measures, state.y, (key) => { state.y = key; draw(); }));
  if (data.axes.length > 1) tools.append(choice("Across", data.axes, state.x, (key) => { state.x = key; draw(); }));
  saveButtons(saving, () => `${group.id}-${state.y.replace(/\W+/g, "-")}-by-${state.x}${data.setting === undefined ? "" : "-on-" + data.setting.replace(/\W+/g, "-")}`, () => svg, () => {
    const {series, levels} = build();
    const rows = [["curve", state.x, state.y, "low", "high"]];
    for (const s of series) for (const p of s.points) rows.push([s.name, p.x, p.y, p.low ?? "", p.high ?? ""]);
    for (const l of levels) rows.push([l.name, "", l.y, "", ""]);
    return rows;
  });
  return {node, draw};
}
