// Images by a score without ground truth and by the oracle's.

function scoreFigure(cloud, host) {
  if (!host || !cloud.batches.length) return {draw() {}};
  const unique = (values) => [...new Set(values)];
  const strategies = unique(cloud.batches.map((batch) => batch.strategy));
  const state = {score: cloud.scores[0], strategy: strategies[0], round: "all", seed: "all"};
  const tools = element("div", {className: "choice"}), chart = element("div", {className: "chart"}), legend = element("div", {className: "legend"});
  const saving = element("span", {className: "saving"}), about = element("p", {className: "about"});
  const points = cloud.batches.reduce((sum, batch) => sum + batch.points.length, 0);
  const left = points < cloud.images ? ` ${points} of ${cloud.images} images are drawn, evenly from all batches; rho is of all.` : "";
  host.append(element("figure", {}, element("div", {className: "top"}, element("h3", {}, "Each image by both scores"), saving),
    element("figcaption", {}, "A point is an image of a batch: the oracle's SL score across, the score without ground truth up." + left), tools, chart, about, legend));
  const named = (keys, all, text) => (all && keys.length > 1 ? [{key: "all", label: all}] : []).concat(keys.map((key) => ({key: String(key), label: text(key)})));
  let svg = null;
  const at = () => cloud.scores.indexOf(state.score);
  function batches() {
    return cloud.batches.filter((batch) => batch.strategy === state.strategy && (state.round === "all" || String(batch.round) === state.round) && (state.seed === "all" || String(batch.seed) === state.seed));
  }
  function draw() {
    const own = cloud.batches.filter((batch) => batch.strategy === state.strategy);
    const rounds = unique(own.map((batch) => batch.round)).sort((a, b) => a - b), seeds = unique(own.map((batch) => batch.seed)).sort((a, b) => a - b);
    if (rounds.length === 1) state.round = String(rounds[0]); else if (!rounds.map(String).includes(state.round)) state.round = "all";
    if (seeds.length === 1) state.seed = String(seeds[0]); else if (!seeds.map(String).includes(state.seed)) state.seed = "all";
    const pick = (name) => (key) => { state[name] = key; draw(); };
    tools.replaceChildren(choice("Score", named(cloud.scores, null, (score) => score), state.score, pick("score")), choice("Strategy", named(strategies, null, (name) => name), state.strategy, pick("strategy")),
      choice("Round", named(rounds, "all rounds", (round) => `round ${round}`), state.round, pick("round")), choice("Seed", named(seeds, "all seeds", (seed) => `seed ${seed}`), state.seed, pick("seed")));
    const shown = batches(), place = at();
    const width = Math.max(300, Math.min(620, chart.clientWidth || 560)), height = Math.round(width * 0.72);
    const box = {left: 54, right: width - 12, top: 12, bottom: height - 44};
    const X = (x) => box.left + x * (box.right - box.left), Y = (y) => box.bottom - y * (box.bottom - box.top);
    svg = shape("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${state.score} over the oracle's SL score`});
    const marks = [0, 0.2, 0.4, 0.6, 0.8, 1];
    for (const t of marks) {
      svg.append(shape("line", {class: "grid", x1: box.left, x2: box.right, y1: Y(t), y2: Y(t)}), shape("text", {x: box.left - 8, y: Y(t) + 4, "text-anchor": "end"}, t.toFixed(1)));
      svg.append(shape("line", {class: "axis", x1: X(t), x2: X(t), y1: box.bottom, y2: box.bottom + 5}), shape("text", {x: X(t), y: box.bottom + 19, "text-anchor": "middle"}, t.toFixed(1)));
    }
    svg.append(shape("line", {class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom}), shape("text", {x: (box.left + box.right) / 2, y: height - 6, "text-anchor": "middle"}, "the oracle's SL score"),
      shape("text", {transform: `translate(13 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle"}, state.score));
    for (const batch of shown) for (const point of batch.points) {
      svg.append(shape("circle", {class: "image", cx: X(point[0]).toFixed(1), cy: Y(point[place + 1]).toFixed(1), r: 3.5, fill: colour(rounds.indexOf(batch.round)), "fill-opacity": 0.45}));
    }
    chart.replaceChildren(svg);
    chart.style.maxWidth = "620px";
    const rho = shown.map((batch) => batch.rho[place]).filter((value) => value !== null);
    const mean = rho.reduce((sum, value) => sum + value, 0) / rho.length, count = (number, what) => `${number} ${what}${number === 1 ? "" : what.endsWith("h") ? "es" : "s"}`;
    about.textContent = !rho.length ? "No batch here has an order to compare: all its images have one score."
      : `Spearman's rho within a batch: ${mean.toFixed(2)}` + (rho.length > 1 ? `, the mean of ${count(rho.length, "batch")} (${Math.min(...rho).toFixed(2)} to ${Math.max(...rho).toFixed(2)}).` : ", of one batch.");
    legend.replaceChildren(...(state.round === "all" ? rounds : []).map((round, index) => { const dot = element("i", {className: "dot"}); dot.style.background = colour(index); return element("span", {}, dot, `round ${round}`); }));
  }
  saveButtons(saving, () => `scores-${state.score}-of-${state.strategy.replace(/\W+/g, "-")}`, () => svg, () => {
    const rows = [["strategy", "seed", "round", "oracle_sl_score", ...cloud.scores]];
    for (const batch of batches()) for (const point of batch.points) rows.push([batch.strategy, batch.seed, batch.round, ...point]);
    return rows;
  });
  return {draw};
}
