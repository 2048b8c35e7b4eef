// The page of results: tables that sort, charts, pictures, the graph's colours, the time line.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;

  // Light or dark. Where nothing may be remembered, as in some file:// settings, it is not.
  const theme = document.getElementById("theme");
  const remembered = (() => { try { return localStorage.getItem("asm-pipe-theme"); } catch { return null; } })();
  if (remembered === "light" || remembered === "dark") root.dataset.theme = remembered;
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("asm-pipe-theme", root.dataset.theme); } catch { /* then it is not remembered */ }
  });

  // Tables.
  const number = (text) => { const found = /^[<±]?\s*(-?\d+(\.\d+)?(e-?\d+)?)/.exec(text); return found ? Number(found[1]) : NaN; };
  for (const table of document.querySelectorAll("table[data-name]")) {
    const rows = () => [...table.tBodies[0].rows], heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const cells = rows().map((row) => row.cells[column]);
      const isText = cells.some((cell) => cell.textContent !== "–" && cell.textContent !== "" && isNaN(number(cell.textContent)));
      if (isText || !cells.length) [head, ...cells].forEach((cell) => cell.classList.add("text"));
      cells.filter((cell) => cell.textContent.length > 80).forEach((cell) => cell.classList.add("long"));
      const button = element("button", {type: "button", title: "Sort"}, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending" && (head.hasAttribute("aria-sort") || !isText);
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => isText ? row.cells[column].textContent : number(row.cells[column].textContent);
        const compare = (a, b) => {
          const [x, y] = [key(a), key(b)];
          // What has no figure comes last, either way.
          if (!isText && (isNaN(x) || isNaN(y))) return isNaN(x) - isNaN(y);
          const order = isText ? x.localeCompare(y, undefined, {numeric: true}) : x - y;
          return down ? -order : order;
        };
        table.tBodies[0].append(...rows().sort(compare));
      });
    });
    if (table.dataset.shade) {
      const [way, from] = (table.dataset.shade + " 1").split(" ");
      const cells = rows().flatMap((row) => [...row.cells].slice(from)), values = cells.map((cell) => number(cell.textContent));
      const known = values.filter((value) => !isNaN(value)), [low, high] = [Math.min(...known), Math.max(...known)];
      cells.forEach((cell, at) => {
        if (isNaN(values[at])) return;
        const share = high > low ? (values[at] - low) / (high - low) : 0.5;
        const good = way === "less" ? 1 - share : share;
        cell.style.background = `color-mix(in srgb, var(--c2) ${Math.round(4 + 52 * good)}%, var(--paper))`;
      });
    }
    const button = element("button", {type: "button"}, "CSV");
    button.addEventListener("click", () => {
      const text = (row) => [...row.cells].map((cell) => cell.textContent);
      save(table.dataset.name + ".csv", "text/csv", csv([table.tHead.rows[0], ...table.tBodies[0].rows].map(text)));
    });
    table.parentElement.before(element("div", {className: "tools"}, button));
  }

  // Tables by unit of cost.
  const parts = [...document.querySelectorAll(".by-axis")];
  const axes = parts.filter((part, at) => parts.findIndex((other) => other.dataset.axis === part.dataset.axis) === at);
  if (axes.length > 1) {
    const select = document.getElementById("axis");
    axes.forEach((part) => select.append(element("option", {value: part.dataset.axis}, part.dataset.label)));
    const show = () => parts.forEach((part) => { part.hidden = part.dataset.axis !== select.value; });
    select.addEventListener("change", show);
    document.getElementById("axis-choice").hidden = false;
    show();
  }

  // Charts.
  const hidden = new Set(), list = document.getElementById("chart-list");
  const figures = data.charts.groups.map((group) => curveFigure(data.charts, group, hidden, () => figures.forEach((figure) => figure.draw())));
  list.append(...figures.map((figure) => figure.node));
  const draw = () => figures.forEach((figure) => figure.draw());
  // Datasets one at a time: their curves in one chart cannot be read.
  if (data.charts.settings) {
    const options = data.charts.settings.map((name, at) => ({key: String(at), label: name})).concat({key: "all", label: "all together"});
    data.charts.setting = data.charts.settings[0];
    const tools = element("div", {className: "choice"}, choice("Dataset", options, "0", (key) => { data.charts.setting = data.charts.settings[key]; draw(); }));
    list.before(tools);
  }
  draw();
  let width = innerWidth, later = 0;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; clearTimeout(later); later = setTimeout(() => { draw(); cloud.draw(); }, 120); } });

  const cloud = scoreFigure(data.cloud, document.getElementById("cloud"));
  cloud.draw();
  gallery(data.gallery, document.getElementById("shots"), document.getElementById("gallery-choice"));

  // The graphs: what the newest run made and what was there before.
  for (const box of document.querySelectorAll(".graph [data-stage]")) {
    const state = data.boxes.states[box.closest(".graph").dataset.family + "/" + box.dataset.stage];
    if (!state) continue;
    box.classList.add(state.made && state.cached ? "part" : state.made ? "made" : state.cached ? "cached" : "none");
    const parts = [[state.made, "made by the newest run"], [state.cached, "from before"], [state.not_made, "not made"]];
    const text = parts.filter(([count]) => count).map(([count, what]) => `${count} ${what}`).join(", ");
    box.querySelector("title").textContent += `: ${text}, ${state.seconds.toFixed(1)} s in all`;
  }
  const {made, cached} = data.boxes, about = document.getElementById("graph-about");
  if (about) about.textContent = `Green: ${made} stages, made by the newest run that made any. Grey: ${cached} that it found in the store. Point at a box for more.`;

  timeline(data.spans, document.getElementById("timeline"));
})();
