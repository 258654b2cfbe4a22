"use strict";
(() => {
  const NAMESPACE = "http://www.w3.org/2000/svg";  // a name, not an address: nothing is fetched

  /* Light and dark: the system's choice until the reader makes one; #dark and #light do too. */
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  const fromHash = () => {
    if (location.hash === "#dark" || location.hash === "#light") {
      root.dataset.theme = location.hash.slice(1);
    }
    label();
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  addEventListener("hashchange", fromHash);
  fromHash();

  /* Tables: a click on a head sorts by it, a second one the other way round. */
  const collator = new Intl.Collator(undefined, { numeric: true });
  const compare = (a, b, sign) => {
    if (a.dataset.v === undefined) return sign * collator.compare(a.textContent, b.textContent);
    const [x, y] = [Number(a.dataset.v), Number(b.dataset.v)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return sign * (x - y);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      const body = table.tBodies[0];
      const rows = [...body.rows];
      rows.sort((a, b) => compare(a.cells[column], b.cells[column], sign));
      body.append(...rows);
    }));
  }

  /* The search for classes: rows that do not match are hidden, the others are marked above. */
  const plain = (text) => text.normalize("NFKC").toLocaleLowerCase();
  const MOST_MARKED = 12;
  for (const section of document.querySelectorAll("section.table")) {
    const input = section.querySelector("input[type=search]");
    if (!input) continue;
    const rows = [...section.querySelectorAll("tbody tr")];
    const texts = rows.map((row) => plain(
      [...row.cells].filter((cell) => cell.dataset.v === undefined)
        .map((cell) => cell.textContent).join(" "),
    ));
    const labels = new Map(rows.map((row) => [row, Number(row.cells[0].textContent)]));
    input.addEventListener("input", () => {
      const words = plain(input.value.trim());
      const found = rows.filter((row, index) => {
        row.hidden = !texts[index].includes(words);
        return !row.hidden;
      });
      section.querySelector("output").textContent =
        words ? `${found.length} of ${rows.length} classes` : "";
      const few = words && found.length <= MOST_MARKED ? found : [];
      mark(new Map(few.map((row) => [labels.get(row), nameOf(row)])));
    });
  }
  /* The class's name, or its index where it has none. */
  const nameOf = (row) => {
    const name = [...row.cells].find((cell, i) => i && cell.dataset.v === undefined) || row.cells[0];
    const text = name.textContent;
    return text.length > 24 ? `${text.slice(0, 23)}\u2026` : text;
  };
  function mark(chosen) {
    for (const script of document.querySelectorAll("script.marks")) {
      const drawings = JSON.parse(script.textContent);
      for (const svg of script.closest("figure").querySelectorAll(".drawing > svg")) {
        const panels = drawings[svg.parentElement.classList.contains("wide") ? "wide" : "narrow"];
        svg.querySelectorAll(".mark, .marked").forEach((line) => line.remove());
        const { width, height } = svg.viewBox.baseVal;
        for (const panel of panels) {
          let named = 0;
          panel.labels.forEach((label, index) => {
            if (!chosen.has(label)) return;
            const x = panel.x[index] * width;
            svg.append(element("line", { class: "mark", x1: x, x2: x,
              y1: panel.top * height, y2: panel.bottom * height }));
            /* Names stand below each other: those of neighbours do not meet. */
            const left = x > (panel.x[0] + panel.x[panel.x.length - 1]) / 2 * width;
            svg.append(element("text", { class: "marked", x: x + (left ? -4 : 4), direction: "ltr",
              y: panel.top * height + 13 + 12 * named, "text-anchor": left ? "end" : "start" },
              chosen.get(label)));
            named += 1;
          });
        }
      }
    }
  }

  /* One image: the slider goes through its scales, picture and charts follow. */
  function element(name, attributes = {}, text = "") {
    const made = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }
  function html(name, attributes = {}, text = "") {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }
  /* Where a pointer rests on a chart: the values there. `panels` say where a drawing has them. */
  const tip = html("div", { class: "tip", role: "status", hidden: "" });
  document.body.append(tip);
  const within = ([left, top, right, bottom], x, y) => x >= left && x <= right && y >= top && y <= bottom;
  const nearest = (shares, share) => shares.reduce((best, value, i) =>
    (Math.abs(value - share) < Math.abs(shares[best] - share) ? i : best), 0);
  function tell(svg, panels) {
    const hide = () => {
      tip.hidden = true;
      svg.querySelectorAll(".hair").forEach((line) => line.remove());
    };
    const show = (event) => {
      hide();
      const place = svg.getBoundingClientRect();
      const [x, y] = [(event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height];
      const panel = panels.find(({ box }) => within(box, x, y));
      if (!panel) return;
      const index = nearest(panel.shares, panel.upright ? y : x);
      const share = panel.shares[index];
      const [left, top, right, bottom] = panel.box;
      const { width, height } = svg.viewBox.baseVal.width ? svg.viewBox.baseVal : place;
      const ends = panel.upright ? [left, right, share, share] : [share, share, top, bottom];
      svg.append(element("line", { class: "hair", x1: ends[0] * width, x2: ends[1] * width,
        y1: ends[2] * height, y2: ends[3] * height }));
      tip.replaceChildren(html("bdi", {}, panel.names[index]));
      for (const [label, texts] of panel.series) {
        if (!texts[index]) continue;
        const row = html("div");
        row.append(html("span", {}, label), html("span", {}, texts[index]));
        tip.append(row);
      }
      tip.hidden = false;
      const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
      tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, room))}px`;
      const above = event.clientY - tip.offsetHeight - 14;
      tip.style.top = `${above > 8 ? above : event.clientY + 18}px`;
    };
    svg.addEventListener("pointermove", show);
    svg.addEventListener("pointerdown", show);
    svg.addEventListener("pointerleave", hide);
  }
  for (const script of document.querySelectorAll("script.values")) {
    const { names, panels } = JSON.parse(script.textContent);
    for (const svg of script.closest("figure").querySelectorAll(".drawing > svg")) {
      const drawing = svg.parentElement.classList.contains("wide") ? "wide" : "narrow";
      tell(svg, panels.map((panel) => {
        const { box, first, step } = panel.drawn[drawing];
        return { ...panel, box, names: panel.names.map((name) => names[name]),
          shares: panel.at.map((at) => first + step * at) };
      }));
    }
  }

  const signed = (value, digits = 4) =>
    ((value >= 0 ? "+" : "") + value.toFixed(digits)).replace("-", "\u2212");
  const number = (value) => String(value).replace("-", "\u2212");

  /* Round ticks within two values, about so many of them. */
  function ticks(low, high, count = 5) {
    const raw = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) {
      found.push(Number((i * step).toFixed(digits)));
    }
    return { values: found, write: (value) => number(value.toFixed(digits)) };
  }
  function limits(rows, withZero) {
    const values = rows.flat().filter((value) => value !== null);
    if (withZero) values.push(0);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = 0.08 * (high - low) || 0.01;
    return [low - room, high + room];
  }
  /* The frame of a chart with its y axis; x in 0..1 across, y in data. */
  function frame(box, alt, [low, high], right = 10) {
    const [width, height, left, top, bottom] = [Math.max(240, box.clientWidth), 260, 52, 10, 40];
    const svg = element("svg", { class: "plot", width, height, role: "img" });
    svg.setAttribute("aria-label", alt);
    const x = (share) => left + share * (width - left - right);
    const y = (value) => top + (high - value) / (high - low) * (height - top - bottom);
    const scale = ticks(low, high);
    for (const value of scale.values) {
      svg.append(element("line", { class: value === 0 ? "zero" : "grid", x1: left, x2: width - right,
        y1: y(value), y2: y(value) }));
      svg.append(element("text", { class: "tick", x: left - 6, y: y(value) + 4, "text-anchor": "end" },
        scale.write(value)));
    }
    const below = (share, text, anchor = "middle") => svg.append(element("text",
      { class: "tick", x: x(share), y: height - bottom + 16, "text-anchor": anchor }, text));
    const name = (text) => svg.append(element("text",
      { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, text));
    const layer = element("g");
    svg.append(layer);
    const told = (shares, names, series) => tell(svg, [{ names, series, upright: false,
      box: [left / width, top / height, 1 - right / width, 1 - bottom / height],
      shares: shares.map((share) => x(share) / width) }]);
    return { svg, layer, x, y, below, name, told };
  }
  const points = (chart, xs, ys) => ys.map((value, i) => `${chart.x(xs[i])},${chart.y(value)}`).join(" ");
  const short = (text, most) => (text.length > most ? `\u2026${text.slice(1 - most)}` : text);

  function key(now, then) {
    const made = html("p", { class: "key" });
    made.append(html("span", {}, `\u25a0 solid: ${now}`));
    if (now !== then) made.append(html("span", {}, `\u25cb dashed: ${then}`));
    return made;
  }
  function curves(box, data, line, index) {
    const all = limits(line.curves, false);
    const last = line.x.length > 1 ? line.x[line.x.length - 1] : 1;
    const xs = line.x.map((value) => 0.02 + 0.96 * value / last);
    const alt = `${line.unit}: ${line.label} over channels at ${data.labels[index]}, mean `
      + `${line.means[index].toFixed(4)}; at ${data.labels[data.start]} ${line.means[data.start].toFixed(4)}`;
    const chart = frame(box, alt, all);
    ticks(0, last, 5).values.forEach((value) => chart.below(0.02 + 0.96 * value / last, String(value)));
    chart.name("channel");
    const draw = (i, style) => {
      chart.layer.append(element("polyline", { class: style, points: points(chart, xs, line.curves[i]) }));
      line.curves[i].forEach((value, j) => chart.layer.append(style === "now"
        ? element("rect", { class: "now-dot", x: chart.x(xs[j]) - 3, y: chart.y(value) - 3, width: 6, height: 6 })
        : element("circle", { class: "then-dot", cx: chart.x(xs[j]), cy: chart.y(value), r: 2.6 })));
    };
    if (index !== data.start) draw(data.start, "then");
    draw(index, "now");
    const shown = index === data.start ? [index] : [data.start, index];
    chart.told(xs, line.x.map((value) => `channel ${value}`), shown.map((i) => [data.labels[i],
      line.curves[i].map((value) => number(value.toFixed(4)))]));
    box.append(html("h4", { dir: "auto" }, `${line.unit}: ${line.label}`), chart.svg,
      key(data.labels[index], data.labels[data.start]));
  }
  function bars(box, data, index) {
    const { units, values, quantity } = data.bars;
    const words = units.map((unit, u) => `${unit} ${signed(values[u][index])}`).join(", ");
    const chart = frame(box, `${quantity} at ${data.labels[index]}: ${words}`, limits(values, true));
    const slot = 1 / units.length;
    const rect = (u, i, style, share) => {
      const [a, b] = [chart.y(0), chart.y(values[u][i])];
      const left = chart.x((u + 0.5 - share / 2) * slot);
      chart.layer.append(element("rect", { class: style, x: left, width: chart.x((u + 0.5 + share / 2) * slot) - left,
        y: Math.min(a, b), height: Math.abs(a - b) }));
    };
    const every = Math.ceil(units.length / 12);
    units.forEach((unit, u) => {
      if (u % every === 0) chart.below((u + 0.5) * slot, short(unit, Math.max(4, 48 / units.length * every)));
      rect(u, index, "now-bar", 0.5);
      if (index !== data.start) rect(u, data.start, "then-bar", 0.66);
    });
    chart.layer.append(element("line", { class: "zero", x1: chart.x(0), x2: chart.x(1), y1: chart.y(0), y2: chart.y(0) }));
    chart.name("SK unit");
    const shown = index === data.start ? [index] : [data.start, index];
    chart.told(units.map((unit, u) => (u + 0.5) * slot), units,
      shown.map((i) => [data.labels[i], values.map((row) => signed(row[i]))]));
    box.append(html("h4", {}, quantity[0].toUpperCase() + quantity.slice(1)), chart.svg,
      key(data.labels[index], data.labels[data.start]));
  }
  function course(box, data, index) {
    const { units, values, quantity } = data.bars;
    if (data.scales.length < 2) return;
    const chart = frame(box, `${quantity} from ${data.labels[0]} to ${data.labels[data.labels.length - 1]}`,
      limits(values, true), 60);
    const [first, last] = [data.scales[0], data.scales[data.scales.length - 1]];
    const xs = data.scales.map((scale) => (scale - first) / (last - first));
    const every = Math.ceil(xs.length / 6);
    xs.forEach((share, i) => { if (i % every === 0) chart.below(share, data.labels[i]); });
    chart.layer.append(element("line", { class: "cursor", x1: chart.x(xs[index]), x2: chart.x(xs[index]), y1: 10, y2: 220 }));
    /* Names at the ends of the lines, moved apart where they would meet. */
    const ends = units.map((unit, u) => ({ unit, y: chart.y(values[u][values[u].length - 1]) }))
      .sort((a, b) => a.y - b.y);
    ends.forEach((end, i) => { if (i) end.y = Math.max(end.y, ends[i - 1].y + 13); });
    const over = ends[ends.length - 1].y - 220;
    if (ends.length <= 12) {
      ends.forEach((end) => chart.layer.append(element("text",
        { class: "tick", x: chart.x(1) + 8, y: end.y + 4 - Math.max(0, over) }, short(end.unit, 8))));
    }
    units.forEach((unit, u) => {
      chart.layer.append(element("polyline", { class: "path", points: points(chart, xs, values[u]) }));
      chart.layer.append(element("rect", { class: "now-dot", x: chart.x(xs[index]) - 3.5, y: chart.y(values[u][index]) - 3.5,
        width: 7, height: 7 }));
    });
    chart.name("scale of the object");
    chart.told(xs, data.labels, units.map((unit, u) => [unit, values[u].map((value) => signed(value))]));
    box.append(html("h4", {}, "Every scale"), chart.svg);
  }
  function picture(box, data, index) {
    if (data.views.length) {
      box.append(html("img", { src: data.views[index], alt: `${data.name}, central object at ${data.labels[index]}` }));
    } else {
      box.append(html("p", { class: "none" }, "The picture was not found when this report was made."));
    }
    if (data.classes) {
      const list = html("ol", { class: "seen", "aria-label": "top predictions" });
      for (const [name, probability] of data.classes[index]) {
        const item = html("li");
        item.append(html("bdi", {}, name), html("span", {}, `${Math.round(100 * probability)} %`));
        list.append(item);
      }
      box.append(list);
    }
  }
  for (const explorer of document.querySelectorAll(".explorer")) {
    const data = JSON.parse(explorer.querySelector("script.data").textContent);
    const slider = explorer.querySelector("input");
    const panes = [".picture", ".curves", ".bars", ".course"].map((name) => explorer.querySelector(name));
    const show = () => {
      const index = Number(slider.value);
      slider.setAttribute("aria-valuetext", data.labels[index]);
      explorer.querySelector("output").textContent = data.labels[index];
      panes.forEach((pane) => pane.replaceChildren());
      picture(panes[0], data, index);
      data.lines.forEach((line) => curves(panes[1], data, line, index));
      bars(panes[2], data, index);
      course(panes[3], data, index);
    };
    slider.max = data.labels.length - 1;
    slider.value = data.start;
    slider.addEventListener("input", show);
    explorer.hidden = false;
    show();
    /* Charts are as wide as their place: another width, another drawing. */
    let width = explorer.clientWidth;
    addEventListener("resize", () => {
      if (explorer.clientWidth === width) return;
      width = explorer.clientWidth;
      show();
    });
  }
})();
