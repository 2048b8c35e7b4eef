// Pictures with boxes, and the time line.

const KINDS = [["accepted", "the model's, accepted"], ["rejected", "the model's, rejected"], ["human", "drawn by hand"], ["correct", "found"], ["false", "false"], ["missed", "missed"]];

function gallery(content, host, tools) {
  if (!host || !content.shots.length) return;
  const off = new Set(), unique = (values) => [...new Set(values)];
  const strategies = unique(content.shots.map((shot) => shot.strategy));
  const state = {strategy: strategies[0], seed: undefined, round: undefined};
  const text = (round) => round === null ? "test images" : `round ${round}`;
  function show() {
    const own = content.shots.filter((shot) => shot.strategy === state.strategy);
    const seeds = unique(own.map((shot) => shot.seed)).sort((a, b) => a - b);
    if (!seeds.includes(state.seed)) state.seed = seeds[0];
    const ofSeed = own.filter((shot) => shot.seed === state.seed);
    const rounds = unique(ofSeed.map((shot) => shot.round)).sort((a, b) => (a ?? 1e9) - (b ?? 1e9));
    if (!rounds.includes(state.round)) state.round = rounds[0];
    const shots = ofSeed.filter((shot) => shot.round === state.round);
    const kinds = KINDS.filter(([kind]) => shots.some((shot) => shot.marks.some((mark) => mark.kind === kind)));
    tools.replaceChildren(
      choice("Strategy", strategies.map((name) => ({key: name, label: name})), state.strategy, (name) => { state.strategy = name; show(); }),
      ...(seeds.length > 1 ? [choice("Seed", seeds.map((seed) => ({key: String(seed), label: `seed ${seed}`})), String(state.seed), (seed) => { state.seed = Number(seed); show(); })] : []),
      choice("Round", rounds.map((round) => ({key: String(round), label: text(round)})), String(state.round), (round) => { state.round = round === "null" ? null : Number(round); show(); }),
      ...kinds.map(([kind, label]) => {
        const box = element("input", {type: "checkbox", checked: !off.has(kind)});
        box.addEventListener("change", () => { if (!off.delete(kind)) off.add(kind); show(); });
        return element("label", {className: "kind"}, box, element("i", {className: kind}), label);
      }));
    host.replaceChildren(...shots.map(shot => {
      const picture = content.pictures[shot.picture];
      const overlay = shape("svg", {viewBox: `0 0 ${picture.width} ${picture.height}`, preserveAspectRatio: "none"});
      for (const mark of shot.marks.filter((mark) => !off.has(mark.kind))) {
        const [x, y, right, bottom] = mark.bounds;
        const place = {x, y, width: Math.max(0, right - x), height: Math.max(0, bottom - y)};
        const box = shape("rect", {...place, class: `mark ${mark.kind}`, "pointer-events": "all"});
        box.append(shape("title", {}, mark.label));
        overlay.append(shape("rect", {...place, class: "mark-halo"}), box);
      }
      const image = element("img", {src: picture.source, alt: `image ${shot.picture}`, loading: "lazy"});
      return element("figure", {}, element("div", {className: "picture"}, image, overlay), element("figcaption", {}, shot.about));
    }));
  }
  show();
}

function timeline(spans, host) {
  if (!host) return;
  const runs = [...new Set(spans.map((span) => span.run))].sort().reverse();
  if (!runs.length) { host.append(element("p", {className: "about"}, "Nothing is known of it.")); return; }
  // The run that made the most tells the most.
  const count = (run) => spans.filter((span) => span.run === run).length;
  const state = {run: runs.toSorted((a, b) => count(b) - count(a))[0]}, tools = element("div", {className: "choice"}), chart = element("div", {className: "chart scroll"});
  host.append(tools, chart);
  if (runs.length > 1) tools.append(choice("Run", runs.map((run) => ({key: run, label: run})), state.run, (run) => { state.run = run; draw(); }));
  function draw() {
    const own = spans.filter((span) => span.run === state.run).sort((a, b) => a.start - b.start);
    const took = new Map(), lanes = [];
    for (const span of own) took.set(span.kind, (took.get(span.kind) || 0) + span.seconds);
    // There are no more than a few colours that can be told apart: for the kinds that took longest.
    const kinds = [...took.keys()].sort((a, b) => took.get(b) - took.get(a)), coloured = kinds.slice(0, kinds.length > 7 ? 6 : 7);
    const fill = (kind) => coloured.includes(kind) ? colour(coloured.indexOf(kind)) : "var(--soft)";
    const end = Math.max(...own.map((span) => span.start + span.seconds), 0.001);
    const width = Math.max(320, host.clientWidth || 900);
    const x = (second) => second / end * (width - 12) + 4;
    const bars = own.map((span) => {
      // What lies within the same pixel may share a lane only if it does not overlap.
      let lane = lanes.findIndex((until) => until <= span.start + 1e-6);
      if (lane < 0) lane = lanes.push(0) - 1;
      lanes[lane] = span.start + span.seconds;
      return {span, lane};
    });
    const shown = Math.min(lanes.length, 40), height = shown > 12 ? 8 : 15, svg = shape("svg", {viewBox: `0 0 ${width} ${shown * height + 30}`, role: "img", "aria-label": "When stages were made"});
    for (const {span, lane} of bars.filter((bar) => bar.lane < shown)) {
      const bar = shape("rect", {x: x(span.start).toFixed(1), y: lane * height + 2, width: Math.max(1.5, x(span.start + span.seconds) - x(span.start) - 0.5).toFixed(1), height: height - (height > 8 ? 4 : 2), rx: 2, fill: fill(span.kind)});
      bar.append(shape("title", {}, `${span.stage} (${span.kind}): ${span.seconds.toFixed(2)} s from ${span.start.toFixed(2)} s on`));
      svg.append(bar);
    }
    const marks = ticks(0, end, width < 500 ? 4 : 10);
    for (const t of marks) svg.append(shape("line", {class: "axis", x1: x(t), x2: x(t), y1: shown * height + 3, y2: shown * height + 8}), shape("text", {x: x(t), y: shown * height + 22, "text-anchor": t === 0 ? "start" : "middle"}, `${tickText(t, marks)} s`));
    const legend = element("div", {className: "legend"}, ...coloured.map((kind) => [kind, fill(kind)]).concat(kinds.length > coloured.length ? [[`${kinds.length - coloured.length} other kinds`, fill()]] : []).map(([kind, paint]) => {
      const line = element("i"); line.style.borderColor = paint; return element("span", {}, line, kind);
    }));
    legend.querySelectorAll("i").forEach((line) => { line.style.cssText += "display:inline-block;width:16px;border-top:8px solid " + line.style.borderColor; });
    const about = lanes.length > 1 ? "Stages below one another were made at the same time." + (lanes.length > shown ? ` Only ${shown} of up to ${lanes.length} at once are drawn.` : "") : "";
    chart.replaceChildren(element("p", {className: "about"}, about), svg, legend);
  }
  draw();
}
