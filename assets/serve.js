// The page of runs: asks again every two seconds while something goes on.

(() => {
  const at = (id) => document.getElementById(id);
  const state = {run: null, view: null, graphs: [], family: null, stage: null, log: null, hidden: new Set(), figures: new Map()};
  const get = async (path) => { const answer = await fetch(path, {cache: "no-store"}); if (!answer.ok) throw new Error(answer.status); return answer; };
  const time = (seconds) => seconds < 60 ? `${seconds.toFixed(1)} s` : seconds < 3600 ? `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s` : `${(seconds / 3600).toFixed(1)} h`;
  const path = (rest) => `/api/runs/${encodeURIComponent(state.run)}${rest || ""}`;

  const names = (pipelines) => pipelines.length > 3 ? `${pipelines.slice(0, 3).join(" ")} and ${pipelines.length - 3} more` : pipelines.join(" ");

  async function list() {
    const runs = await (await get("/api/runs")).json();
    at("runs").replaceChildren(...runs.map((run) => {
      const link = element("a", {className: "run", href: "#" + encodeURIComponent(run.id)}, element("b", {}, run.id), element("span", {className: "state " + run.state}, run.state), element("span", {}, time(run.seconds)), element("span", {className: "names"}, names(run.pipelines)));
      link.setAttribute("aria-current", String(run.id === state.run));
      return link;
    }));
    if (!runs.length) at("runs").append(element("p", {className: "note"}, "No run yet. This page shows one as soon as it begins."));
    return runs;
  }

  async function open(run) {
    Object.assign(state, {run, pictures: null, logs: null, view: null, graphs: [], family: null, stage: null, log: null});
    state.figures.clear();
    for (const id of ["chart-list", "graph", "families", "stage-choice", "gallery-choice", "shots", "log-choice", "log"]) at(id).replaceChildren();
    state.graphs = await (await get(path("/graphs"))).json();
    state.family = state.graphs.length ? state.graphs[0][0] : null;
    graph();
  }

  function graph() {
    const shown = state.graphs.find(([family]) => family === state.family);
    if (!shown) { at("graph").replaceChildren(element("p", {className: "about"}, "The plan of this run is not known.")); return; }
    if (state.graphs.length > 1) at("families").replaceChildren(choice("Pipeline", state.graphs.map(([family]) => ({key: family, label: family})), state.family, (family) => { state.family = family; graph(); colours(); }));
    const picture = new DOMParser().parseFromString(shown[1], "image/svg+xml").documentElement;
    at("graph").replaceChildren(document.importNode(picture, true));
    // A graph that is wider than the page begins at its middle, where its first stages are.
    at("graph").scrollLeft = (at("graph").scrollWidth - at("graph").clientWidth) / 2;
  }

  function colours() {
    for (const box of at("graph").querySelectorAll("[data-stage]")) {
      const counts = state.view.boxes[state.family + "/" + box.dataset.stage];
      if (!counts) continue;
      const done = counts.ran + counts.cached, all = Object.values(counts).reduce((sum, count) => sum + count, 0);
      box.classList.remove("made", "cached", "part", "none", "failed", "running");
      box.classList.add(counts.failed ? "failed" : counts.running ? "running" : done && done + counts.left_out < all ? "part" : counts.ran ? "made" : counts.cached ? "cached" : "none");
      const title = box.querySelector("title");
      title.dataset.name = title.dataset.name || title.textContent;
      title.textContent = title.dataset.name + ": " + Object.entries(counts).filter(([, count]) => count).map(([word, count]) => `${count} ${word.replace("_", " ")}`).join(", ");
    }
  }

  function head(view) {
    const {status} = view, stages = Object.entries(status.stages), count = {};
    for (const [, stage] of stages) count[stage.state] = (count[stage.state] || 0) + 1;
    const word = status.state.state === "running" ? "running" : (status.state.counts && status.state.counts.failed ? "failed" : status.state.state);
    at("word").textContent = word; at("word").className = "state " + word;
    at("title").textContent = names(status.head.pipelines);
    at("about").textContent = `Run ${status.head.id}, ${time(view.seconds)}: ` + Object.entries(count).map(([name, number]) => `${number} ${name}`).join(", ");
    const part = (className, number) => { const made = element("i", {className}); made.style.width = 100 * number / Math.max(1, stages.length) + "%"; return made; };
    at("fill").replaceChildren(part("ran", count.ran || 0), part("cached", count.cached || 0), part("failed", count.failed || 0), part("running", (count.running || 0) + (count.waiting || 0)), part("left", (count.pruned || 0) + (count.skipped || 0)));
    at("fill").setAttribute("aria-label", at("about").textContent);
    const text = (value) => element("td", {className: "text"}, value);
    const underway = stages.filter(([, stage]) => stage.state === "running" || stage.state === "failed");
    at("underway").replaceChildren(...underway.map(([name, stage]) => {
      if (stage.state === "failed") return element("tr", {}, text(name), text("failed"), text(stage.message));
      const far = stage.reached && stage.reached.progress;
      const figures = far ? Object.entries(far.fields || {}).map(([key, value]) => `${key.replaceAll("_", " ")} ${figure(value)}`).join("  ") : "";
      return element("tr", {}, text(name), text(time((status.read_at - stage.since) / 1000)), text(far ? `${far.done}${far.total ? "/" + far.total : ""} ${far.unit}  ${figures}` : ""));
    }));
    at("underway").closest("table").hidden = !underway.length;
  }

  function curves(charts) {
    // Figures are kept, with what is chosen in them; only their data is new.
    at("chart-list").querySelector("p")?.remove();
    for (const group of charts.groups) {
      const kept = state.figures.get(group.id);
      if (kept && kept.measures === group.measures.map((measure) => measure.key).join()) { Object.assign(kept.data, charts); continue; }
      const data = {...charts}, made = curveFigure(data, group, state.hidden, () => state.figures.forEach((other) => other.made.draw()));
      if (kept) kept.made.node.replaceWith(made.node); else at("chart-list").append(made.node);
      state.figures.set(group.id, {made, data, measures: group.measures.map((measure) => measure.key).join()});
    }
    for (const kept of state.figures.values()) kept.made.draw();
    if (!state.figures.size) at("chart-list").replaceChildren(element("p", {className: "about"}, "No evaluation is made yet."));
  }

  async function pictures(stage) {
    state.stage = stage;
    const content = await (await get(path("/pictures?stage=" + encodeURIComponent(stage)))).json();
    at("gallery-choice").replaceChildren(); at("shots").replaceChildren();
    gallery(content, at("shots"), at("gallery-choice"));
  }

  function stages(view) {
    at("gallery").hidden = !view.pictures.length;
    const list = view.pictures.join();
    if (list !== state.pictures) {
      state.pictures = list;
      at("stage-choice").replaceChildren(choice("Stage", view.pictures.map((name) => ({key: name, label: name})), state.stage || view.pictures[0], pictures));
      if (!state.stage && view.pictures.length) pictures(view.pictures[0]).catch(() => {});
    }
    const known = Object.entries(view.status.stages).filter(([, stage]) => stage.state === "running" || stage.state === "ran" || stage.state === "failed").map(([name]) => name);
    if (known.join() !== state.logs) {
      state.logs = known.join();
      state.log = known.includes(state.log) ? state.log : (Object.entries(view.status.stages).find(([, stage]) => stage.state === "running" || stage.state === "failed") || [known[0]])[0];
      at("log-choice").replaceChildren(known.length ? choice("Stage", known.map((name) => ({key: name, label: name})), state.log, (name) => { state.log = name; log().catch(() => {}); }) : "");
    }
  }

  async function log() {
    if (!state.log) { at("log").textContent = "Nothing was made, so nothing was said."; return; }
    const box = at("log"), text = await (await get(path("/log?stage=" + encodeURIComponent(state.log)))).text();
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
    box.textContent = text || "It has said nothing.";
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  async function refresh() {
    const runs = await list();
    const wanted = decodeURIComponent(location.hash.slice(1)) || (runs[0] && runs[0].id);
    if (!wanted) return true;
    if (wanted !== state.run) await open(wanted);
    at("run").hidden = false;
    const view = await (await get(path())).json();
    const last = state.view && state.view.status.last_at;
    state.view = view;
    head(view); colours();
    if (last !== view.status.last_at || last === null) { curves(view.charts); stages(view); await log(); }
    return runs.some((run) => run.state === "running");
  }

  let timer = 0;
  async function loop() {
    clearTimeout(timer);
    let lively = true;
    try { lively = await refresh(); } catch (error) { at("word").textContent = "no answer"; at("word").className = "state died"; }
    timer = setTimeout(loop, lively ? 2000 : 5000);
  }
  addEventListener("hashchange", loop);
  loop();
})();
