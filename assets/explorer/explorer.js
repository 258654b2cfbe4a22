/* The explorer: one module for the page of `skviz explore` and for the notebook.

   `mount(element, transport)` builds everything below `element`; `transport.request(kind, payload,
   body)` asks the session (skviz/explorer/session.py). All numbers come from there. Texts of files
   are set as text, never as HTML. */

const SVG = "http://www.w3.org/2000/svg"; // a name, not an address
const CONTROLS = [
  ["none", "none"],
  ["blur", "blurred by the same factor"],
  ["blank", "blank surround"],
  ["blurred", "blurred surround"],
];
const FORMATS = { png: "PNG", svg: "SVG", pdf: "PDF", html: "HTML page", csv: "data, CSV", json: "data, JSON" };
const MOST_PINS = 4;
const NARROW = 460, WIDE = 700; // units of a chart's width, in which its text has 13
const WAIT = 250; // ms of rest before the curve is asked for
const GRIP = 9; // screen pixels around an edge of the box that take hold of it

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const signed = (value, digits = 4) =>
  (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(digits);
const label = (scale) => `${Number.isInteger(scale) ? scale.toFixed(1) : String(+scale.toFixed(2))}x`;
const short = (unit) => unit.replace(/^SK_/, "");

/* Words and the sign that explains them: a details element needs no script and has its own keys. */
function explained(tag, text, { term, text: meaning }) {
  return make("span", { class: "skx-word" }, typeof tag === "string" ? make(tag, { text }) : tag,
    make("details", { class: "skx-term", name: "skx-term" },
      make("summary", { text: "?", "aria-label": `What is ${term}?` }), make("p", { text: meaning })));
}

/* Round steps for an axis of about `count` ticks. */
function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n += 1) found.push(n * step);
  return { step, found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function frame(svg, box, range, yTicks, xTicks, xText) {
  const { left, right, top, bottom } = box;
  const [x0, x1, y0, y1] = range;
  const x = (v) => left + ((v - x0) / (x1 - x0 || 1)) * (right - left);
  const y = (v) => bottom - ((v - y0) / (y1 - y0 || 1)) * (bottom - top);
  const { found, digits } = ticks(y0, y1, yTicks);
  for (const value of found) {
    svg.append(draw("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: Math.abs(value) < 1e-12 ? "zero" : "axis" }));
    const text = draw("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" });
    text.textContent = (value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(digits);
    svg.append(text);
  }
  for (const [value, name] of xTicks) {
    const text = draw("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" });
    text.textContent = name;
    svg.append(text);
  }
  if (xText) {
    const text = draw("text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle" });
    text.textContent = xText;
    svg.append(text);
  }
  return { x, y };
}

const path = (points) => points.map(([x, y], n) => `${n ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");

function span(values, least) {
  let low = Math.min(...values), high = Math.max(...values);
  const pad = Math.max((high - low) * 0.08, least / 2);
  if (high - low < least) { const middle = (low + high) / 2; low = middle - least / 2; high = middle + least / 2; }
  return [low - pad, high + pad];
}

export function mount(element, transport) {
  const root = make("div", { class: "skx" });
  element.replaceChildren(root);
  const state = {
    picture: null, box: null, center: null, scale: 1.5, control: "none", untrained: false,
    unit: null, pins: [], serial: 0, shown: null, curve: null,
  };
  let info = null;
  const parts = {};

  /* Asking: one request at a time; what was asked for meanwhile is asked when it is answered. */
  const asking = { busy: false, again: false, curve: null };
  const look = () => ({
    picture: state.picture, box: state.box, center: state.center, control: state.control,
    untrained: state.untrained,
  });

  async function refresh() {
    if (!state.picture) return;
    if (asking.busy) { asking.again = true; return; }
    asking.busy = true;
    state.serial += 1;
    const serial = state.serial;
    try {
      const reply = await transport.request("attention", { ...look(), scale: state.scale, unit: state.unit, serial });
      if (!reply.superseded) { state.shown = reply; show(); }
      say("");
    } catch (error) {
      say(error.message);
    }
    asking.busy = false;
    if (asking.again) { asking.again = false; refresh(); return; }
    root.dataset.serial = String(serial);
  }

  function refreshCurve() {
    clearTimeout(asking.curve);
    state.curve = null;
    asking.curve = setTimeout(async () => {
      const asked = JSON.stringify(look());
      try {
        const reply = await transport.request("curve", look());
        if (reply.superseded) { refreshCurve(); return; }
        if (asked === JSON.stringify(look())) { state.curve = reply; showCurve(); root.dataset.curve = asked; }
      } catch (error) {
        say(error.message);
      }
    }, WAIT);
  }

  const changed = () => { refresh(); refreshCurve(); };
  const say = (text) => { parts.error.textContent = text; };

  /* ---- the picture ---- */

  function entry() { return info.pictures.find((one) => one.id === state.picture); }

  async function choose(id) {
    const { picture, box, center } = state;
    Object.assign(state, { picture: id, box: null, center: null });
    thumbs();
    let blob;
    try {
      blob = await transport.request("picture", { picture: id });
    } catch (error) {
      if (state.picture === id) Object.assign(state, { picture, box, center });
      thumbs();
      say(error.message);
      return;
    }
    if (state.picture !== id) return;
    if (parts.image.src.startsWith("blob:")) URL.revokeObjectURL(parts.image.src);
    parts.image.src = URL.createObjectURL(blob);
    parts.image.alt = `The picture ${entry().name}`;
    parts.overlay.setAttribute("viewBox", `0 0 ${entry().width} ${entry().height}`);
    boxFields();
    changed();
  }

  async function upload(file) {
    if (!file) return;
    if (file.size > info.limits.bytes) { say(`Images may have at most ${info.limits.bytes / 1e6} MB.`); return; }
    try {
      const added = await transport.request("upload", { name: file.name }, file);
      info.pictures.push(added);
      await choose(added.id);
    } catch (error) {
      say(error.message);
    }
  }

  function thumbs() {
    parts.thumbs.replaceChildren(...info.pictures.map((one) => make("button", {
      type: "button", text: one.name, title: one.name,
      "aria-pressed": String(one.id === state.picture), onclick: () => choose(one.id),
    })));
  }

  const point = (event) => {
    const area = parts.stage.getBoundingClientRect();
    const { width, height } = entry();
    const x = ((event.clientX - area.left) / area.width) * width;
    const y = ((event.clientY - area.top) / area.height) * height;
    return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
  };

  /* Which edges of the box are at a point: -1 left or top, 1 right or bottom, 0 none. */
  function edges([x, y]) {
    if (!state.box) return [0, 0];
    const [l, t, r, b] = state.box;
    const near = (GRIP * entry().width) / parts.stage.getBoundingClientRect().width;
    if (x < l - near || x > r + near || y < t - near || y > b + near) return [0, 0];
    const side = (v, low, high) => (Math.abs(v - high) <= near ? 1 : Math.abs(v - low) <= near ? -1 : 0);
    return [side(x, l, r), side(y, t, b)];
  }

  const within = ([x, y], [l, t, r, b]) => x > l && x < r && y > t && y < b;

  function cursor(at) {
    const [h, v] = edges(at);
    if (h && v) return h === v ? "nwse-resize" : "nesw-resize";
    if (h || v) return h ? "ew-resize" : "ns-resize";
    return state.box && within(at, state.box) ? "move" : "";
  }

  let from = null;
  function dragStart(event) {
    if (event.button) return;
    parts.stage.setPointerCapture(event.pointerId);
    const start = point(event);
    const edge = edges(start);
    const held = edge.some(Boolean) || (state.box && within(start, state.box));
    from = { start, edge, box: held ? [...state.box] : null, moved: false };
  }
  function dragMove(event) {
    const at = point(event);
    if (!from) { parts.stage.style.cursor = cursor(at); return; }
    const [x, y] = at, [x0, y0] = from.start;
    const { width, height } = entry();
    if (!from.moved && Math.hypot(x - x0, y - y0) < 0.015 * Math.max(width, height)) return;
    from.moved = true;
    let next = [x0, y0, x, y];
    if (from.box) {
      const [l, t, r, b] = from.box, [h, v] = from.edge;
      const dx = Math.min(Math.max(x - x0, -l), width - r), dy = Math.min(Math.max(y - y0, -t), height - b);
      if (h || v) next = [h < 0 ? x : l, v < 0 ? y : t, h > 0 ? x : r, v > 0 ? y : b];
      else next = [l + dx, t + dy, r + dx, b + dy];
    }
    next = [Math.min(next[0], next[2]), Math.min(next[1], next[3]), Math.max(next[0], next[2]), Math.max(next[1], next[3])];
    // A line is no box yet: what is shown stays until the drag opens one.
    if (next[2] - next[0] < 2 || next[3] - next[1] < 2) return;
    state.box = next.map((value) => Math.round(value * 10) / 10);
    state.center = null;
    boxFields();
    changed();
  }
  function dragEnd() {
    if (from && !from.moved) {
      state.box = null;
      state.center = from.start.map((v) => Math.round(v * 10) / 10);
      boxFields();
      changed();
    }
    from = null;
  }

  function boxFields() {
    const values = state.box ?? ["", "", "", ""];
    parts.edges.forEach((input, n) => { if (document.activeElement !== input) input.value = values[n]; });
    parts.reset.disabled = !state.box && !state.center;
    parts.where.textContent = state.box ? `Box ${state.box.map((v) => Math.round(v)).join(", ")}`
      : state.center ? `Centre ${state.center.map((v) => Math.round(v)).join(", ")}` : "The middle of the picture";
  }

  function fromFields() {
    const values = parts.edges.map((input) => (input.value === "" ? NaN : Number(input.value)));
    if (values.some(Number.isNaN)) return;
    const [l, t, r, b] = values;
    if (!(l < r && t < b)) { say("A box needs left < right and top < bottom."); return; }
    state.box = values;
    state.center = null;
    boxFields();
    changed();
  }

  function corners([l, t, r, b]) {
    const size = (9 * entry().width) / (parts.stage.clientWidth || entry().width);
    return [[l, t], [r, t], [r, b], [l, b]].map(([x, y]) =>
      draw("rect", { x: x - size / 2, y: y - size / 2, width: size, height: size, class: "skx-corner" }));
  }

  function overlay() {
    const { width, height } = entry();
    const [l, t, r, b] = state.shown.crop;
    const hole = `M0 0H${width}V${height}H0ZM${l} ${t}V${b}H${r}V${t}Z`;
    const rect = (box, name) => draw("rect", { x: box[0], y: box[1], width: box[2] - box[0], height: box[3] - box[1], class: name });
    parts.overlay.replaceChildren(
      draw("path", { d: hole, class: "skx-shade", "fill-rule": "evenodd" }),
      rect([l, t, r, b], "skx-seen-back"), rect([l, t, r, b], "skx-seen"),
      ...(state.box ? [rect(state.box, "skx-box"), ...corners(state.box)] : []),
    );
  }

  /* ---- the numbers ---- */

  const unitOf = (units) => units.find((one) => one.name === state.unit);
  const about = () => info.units.find((one) => one.name === state.unit);

  function show() {
    overlay();
    parts.view.src = state.shown.view;
    parts.view.alt = `What the network sees at ${label(state.shown.scale)}`;
    parts.predictions.replaceChildren(...state.shown.predictions.map((one) => {
      const share = `${(100 * one.probability).toFixed(one.probability < 0.1 ? 1 : 0)} %`;
      return make("li", {}, make("span", { text: one.label, title: one.label }), make("b", { text: share }),
        make("meter", { min: 0, max: 1, value: one.probability, "aria-label": `${one.label}: ${share}` }));
    }));
    if (!state.shown.predictions.length) parts.predictions.append(make("li", { text: "No predictions: this network's class output is not meaningful." }));
    parts.notes.textContent = state.shown.notes.join("; ");
    showLines();
    showBars();
    showCurve();
    legend();
  }

  function pinned(unit) {
    return state.pins.map((pin, n) => ({ ...pin, style: `pin${n}`, unit: pin.reply.units.find((one) => one.name === unit) }))
      .filter((pin) => pin.unit);
  }

  function series() {
    const largest = (unit) => unit.attention[unit.attention.length - 1];
    const now = unitOf(state.shown.units), base = unitOf(state.shown.base);
    const found = [{ name: "1.0x", style: "base", values: largest(base) }];
    for (const pin of pinned(state.unit)) found.push({ name: pin.name, style: pin.style, values: largest(pin.unit) });
    found.push({ name: label(state.shown.scale), style: "now", values: largest(now) });
    return found;
  }

  /* Channels are averaged in groups where there are more than the chart has room for. */
  function grouped(values, most = 64) {
    const size = Math.ceil(values.length / most);
    const found = [];
    for (let n = 0; n < values.length; n += size) {
      const part = values.slice(n, n + size);
      found.push([n + (part.length - 1) / 2, part.reduce((a, b) => a + b, 0) / part.length]);
    }
    return { size, found };
  }

  function showLines() {
    const all = series().map((one) => ({ ...one, ...grouped(one.values) }));
    const channels = all[0].values.length;
    const svg = parts.lines, width = root.clientWidth < 900 ? NARROW : WIDE;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} 240`);
    const box = { left: 52, right: width - 10, top: 10, bottom: 200 };
    const values = all.flatMap((one) => one.found.map(([, v]) => v));
    const [y0, y1] = span(values, 0.02);
    const xs = ticks(0, channels - 1, width / 90).found.map((v) => [v, String(v)]);
    const { x, y } = frame(svg, box, [0, channels - 1, y0, y1], 4, xs, "channel");
    for (const one of all) svg.append(draw("path", { d: path(one.found.map(([c, v]) => [x(c), y(v)])), class: `line ${one.style}` }));
    const { kernels } = about();
    const size = all[0].size;
    parts.linesTitle.textContent = `${state.unit}: attention of the ${kernels[kernels.length - 1]} kernel`;
    const usual = `${channels} channels${size > 1 ? `, each point the mean of ${size}` : ""}`;
    parts.linesRead.textContent = usual;
    svg.setAttribute("aria-label", `${parts.linesTitle.textContent}, ${usual}; mean ${all.map((one) => `${one.name} ${(one.values.reduce((a, b) => a + b, 0) / channels).toFixed(3)}`).join(", ")}`);
    svg.onpointermove = (event) => {
      const place = svg.getBoundingClientRect();
      const at = ((event.clientX - place.left) / place.width) * width;
      const n = Math.min(all[0].found.length - 1, Math.max(0, Math.round(((at - box.left) / (box.right - box.left)) * (all[0].found.length - 1))));
      const first = n * size, last = Math.min(first + size, channels) - 1;
      parts.linesRead.textContent = `channel${last > first ? `s ${first} to ${last}` : ` ${first}`}: ${all.map((one) => `${one.name} ${one.found[n][1].toFixed(4)}`).join(", ")}`;
    };
    svg.onpointerleave = () => { parts.linesRead.textContent = usual; };
  }

  function showBars() {
    const svg = parts.bars;
    const focused = svg.contains(document.activeElement) ? document.activeElement.dataset.unit : null;
    svg.replaceChildren();
    const units = state.shown.units, base = state.shown.base;
    const box = { left: 52, right: NARROW - 6, top: 10, bottom: 180 };
    const pins = units.map((unit) => pinned(unit.name));
    const all = [0, ...units.map((one) => one.difference), ...base.map((one) => one.difference), ...pins.flat().map((pin) => pin.unit.difference)];
    const [y0, y1] = span(all, 0.02);
    const { x, y } = frame(svg, box, [-0.5, units.length - 0.5, y0, y1], 4, [], "");
    const wide = (box.right - box.left) / units.length;
    units.forEach((unit, n) => {
      const value = unit.difference, before = base[n].difference;
      const words = `${unit.name}: ${signed(value)} at ${label(state.shown.scale)}, ${signed(before)} at 1.0x`;
      const group = draw("g", {
        class: `unit${unit.name === state.unit ? " chosen" : ""}`, tabindex: "0", role: "button",
        "aria-label": words, "aria-pressed": String(unit.name === state.unit), "data-unit": unit.name,
      });
      group.append(
        draw("rect", { x: x(n) - wide / 2, y: box.top, width: wide, height: box.bottom - box.top + 26, class: "hit" }),
        draw("rect", { x: x(n) - wide * 0.28, width: wide * 0.56, y: Math.min(y(value), y(0)), height: Math.max(1, Math.abs(y(value) - y(0))), class: "bar" }),
        draw("line", { x1: x(n) - wide * 0.42, x2: x(n) + wide * 0.42, y1: y(before), y2: y(before), class: "mark" }),
        ...pins[n].map((pin) => draw("line", { x1: x(n) - wide * 0.42, x2: x(n) + wide * 0.42, y1: y(pin.unit.difference), y2: y(pin.unit.difference), class: `line ${pin.style}` })),
      );
      const text = draw("text", { x: x(n), y: box.bottom + 18, "text-anchor": "middle" });
      const every = Math.ceil(26 / wide);
      const away = Math.abs(n - units.findIndex((one) => one.name === state.unit)); // names do not overlap the chosen one's
      text.textContent = away === 0 || (n % every === 0 && away >= every) ? short(unit.name) : "";
      group.append(text);
      const pick = () => { state.unit = unit.name; showLines(); showBars(); showCurve(); refresh(); };
      group.addEventListener("click", pick);
      group.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(); }
      });
      const read = () => { parts.barsRead.textContent = words; };
      group.addEventListener("pointerenter", read);
      group.addEventListener("focus", read);
      svg.append(group);
      if (unit.name === focused) group.focus();
    });
    const chosen = unitOf(units);
    parts.barsRead.textContent = `${state.unit}: ${signed(chosen.difference)} at ${label(state.shown.scale)}, ${signed(unitOf(base).difference)} at 1.0x`;
    root.dataset.difference = String(chosen.difference);
  }

  function showCurve() {
    const svg = parts.curve;
    svg.replaceChildren();
    if (!state.shown) return;
    const box = { left: 52, right: NARROW - 14, top: 10, bottom: 180 };
    const here = [state.shown.scale, unitOf(state.shown.units).difference];
    const curve = state.curve ? state.curve.units.find((one) => one.name === state.unit).values.map((v, n) => [state.curve.scales[n], v]) : [];
    const points = [...curve.filter(([s]) => Math.abs(s - here[0]) > 1e-9), here].sort((a, b) => a[0] - b[0]);
    const base = unitOf(state.shown.base).difference;
    const pins = pinned(state.unit);
    const [y0, y1] = span([base, ...points.map(([, v]) => v), ...pins.map((pin) => pin.unit.difference)], 0.02);
    const { x, y } = frame(svg, box, [info.scales.min, info.scales.max, y0, y1], 4, [0.5, 1, 1.5, 2, 2.5, 3].map((v) => [v, label(v)]), "scale of the object");
    svg.append(draw("line", { x1: box.left, x2: box.right, y1: y(base), y2: y(base), class: "line base" }));
    if (curve.length) svg.append(draw("path", { d: path(points.map(([s, v]) => [x(s), y(v)])), class: "line now" }));
    for (const pin of pins) svg.append(draw("circle", { cx: x(pin.reply.scale), cy: y(pin.unit.difference), r: 5, class: `line ${pin.style}` }));
    svg.append(draw("circle", { cx: x(here[0]), cy: y(here[1]), r: 5.5, class: "dot" }));
    const usual = `${label(here[0])}: ${signed(here[1])}, change from 1.0x ${signed(here[1] - base)}`;
    parts.curveRead.textContent = usual;
    svg.setAttribute("aria-label", `Attention difference of ${state.unit} by scale of the object; ${usual}`);
    svg.onpointermove = (event) => {
      const place = svg.getBoundingClientRect();
      const at = info.scales.min + ((((event.clientX - place.left) / place.width) * NARROW - box.left) / (box.right - box.left)) * (info.scales.max - info.scales.min);
      const near = points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a));
      parts.curveRead.textContent = `${label(near[0])}: ${signed(near[1])}, change from 1.0x ${signed(near[1] - base)}`;
    };
    svg.onpointerleave = () => { parts.curveRead.textContent = usual; };
  }

  function legend() {
    const key = (style, text, ...more) => make("span", { class: "key" },
      draw("svg", { viewBox: "0 0 30 10", class: "skx-chart", "aria-hidden": "true" }, draw("path", { d: "M0 5H30", class: `line ${style}` })),
      make("span", { text }), ...more);
    parts.legend.replaceChildren(
      key("now", `${label(state.shown.scale)}, now`), key("base", "1.0x"),
      ...state.pins.map((pin, n) => key(`pin${n}`, pin.name, make("button", {
        type: "button", text: "\u00d7", "aria-label": `Remove the pin ${pin.name}`,
        onclick: () => { state.pins.splice(n, 1); show(); },
      }))),
    );
  }

  function pin() {
    if (!state.shown) return;
    const what = [label(state.shown.scale)];
    if (info.pictures.length > 1) what.push(entry().name);
    if (state.box) what.push("box"); else if (state.center) what.push("centre");
    if (state.control !== "none") what.push(CONTROLS.find(([key]) => key === state.control)[1]);
    if (state.untrained) what.push("untrained");
    state.pins.push({ name: what.join(", "), reply: state.shown, look: JSON.stringify(look()) });
    if (state.pins.length > MOST_PINS) state.pins.shift();
    show();
  }

  /* ---- what is taken away ---- */

  function figure() {
    const mine = JSON.stringify(look());
    const scales = [...new Set([1, ...state.pins.filter((one) => one.look === mine).map((one) => one.reply.scale), state.scale])];
    return { ...look(), unit: state.unit, scales };
  }

  /* A figure has one picture, box and control: pins of others are on the page only. */
  function leftOut() {
    const mine = JSON.stringify(look());
    const others = state.pins.filter((one) => one.look !== mine).map((one) => one.name);
    return others.length ? `; without the pinned ${others.join("; ")}: another picture, box, control or network` : "";
  }

  async function save() {
    try {
      const blob = await transport.request("save", { ...figure(), format: parts.format.value });
      const link = make("a", { href: URL.createObjectURL(blob), download: blob.filename ?? `attention.${parts.format.value}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      parts.done.textContent = `Saved ${link.download}${leftOut()}`;
    } catch (error) {
      say(error.message);
    }
  }

  async function copy(which) {
    try {
      const reply = await transport.request("command", figure());
      const text = reply[which] || "A network from a notebook has no command; copy the Python lines.";
      parts.code.textContent = text;
      parts.code.classList.remove("hidden");
      try {
        await navigator.clipboard.writeText(text);
        parts.done.textContent = `Copied${leftOut()}`;
      } catch {
        parts.done.textContent = `Select and copy the text below${leftOut()}`;
      }
    } catch (error) {
      say(error.message);
    }
  }

  /* ---- the page ---- */

  function setScale(value) {
    const { min, max, step } = info.scales;
    const least = state.control === "none" ? min : 1;
    state.scale = +Math.min(max, Math.max(least, Math.round(value / step) * step)).toFixed(4);
    parts.slider.value = String(state.scale);
    parts.scale.textContent = label(state.scale);
    refresh();
  }

  const keys = (event) => {
    const tag = event.target.tagName;
    if (event.ctrlKey || event.metaKey || event.altKey || ["INPUT", "SELECT", "TEXTAREA"].includes(tag)) return;
    const anywhere = ["ArrowRight", "ArrowLeft", "p", "f"].includes(event.key);
    if (!anywhere && event.target === document.body) return; // the others scroll the page
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (step) { event.preventDefault(); setScale(state.scale + step * info.scales.step); }
    if (event.key === "Home") { event.preventDefault(); setScale(1); }
    if (event.key === "p") pin();
    if (event.key === "f") fullscreen();
  };

  const system = matchMedia("(prefers-color-scheme: dark)");
  function toggle(button, name) {
    const on = root.classList.toggle(name);
    button.setAttribute("aria-pressed", String(on));
  }
  function fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen(); else root.requestFullscreen?.().catch(() => {});
  }

  function chart(name, height) {
    return draw("svg", { viewBox: `0 0 ${NARROW} ${height}`, class: "skx-chart", role: "img", "aria-label": name });
  }

  function build() {
    const tool = (text, name) => make("button", { type: "button", text, "aria-pressed": "false", onclick: (event) => toggle(event.currentTarget, name) });
    parts.dark = tool("Dark", "dark");
    parts.image = make("img", { alt: "", draggable: "false" });
    parts.overlay = draw("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
    parts.stage = make("div", {
      class: "skx-stage", role: "application", tabindex: "0",
      "aria-label": "The picture: drag a box around the object, drag its edges to resize it, or click its centre. Arrow keys change its size.",
      onpointerdown: dragStart, onpointermove: dragMove, onpointerup: dragEnd, onpointercancel: () => { from = null; },
      onwheel: (event) => { event.preventDefault(); setScale(state.scale - Math.sign(event.deltaY) * info.scales.step); },
    }, parts.image, parts.overlay);
    parts.slider = make("input", {
      type: "range", id: "skx-scale", min: info.scales.min, max: info.scales.max, step: info.scales.step, value: state.scale,
      oninput: (event) => setScale(Number(event.currentTarget.value)),
    });
    parts.scale = make("output", { for: "skx-scale", text: label(state.scale) });
    parts.thumbs = make("div", { class: "skx-row skx-thumbs", role: "group", "aria-label": "Pictures" });
    parts.file = make("input", { type: "file", accept: "image/*", class: "sr", tabindex: "-1", "aria-label": "Picture from this machine", onchange: (event) => { upload(event.currentTarget.files[0]); event.currentTarget.value = ""; } });
    parts.where = make("span", { class: "skx-read" });
    parts.reset = make("button", { type: "button", text: "Back to the middle", onclick: () => { state.box = null; state.center = null; boxFields(); changed(); } });
    parts.edges = ["left", "top", "right", "bottom"].map((name) => make("input", { type: "number", step: "1", "aria-label": `${name} edge of the box, in pixels`, placeholder: name, onchange: fromFields }));
    parts.error = make("p", { class: "skx-notes", role: "alert" });
    const choices = CONTROLS.map(([value, text]) => make("label", {}, make("input", {
      type: "radio", name: "skx-control", value, checked: value === "none",
      onchange: () => { state.control = value; setScale(state.scale); refreshCurve(); },
    }), text));
    parts.untrained = make("input", { type: "checkbox", onchange: (event) => { state.untrained = event.currentTarget.checked; changed(); } });
    parts.view = make("img", { alt: "", width: 160, height: 160 });
    parts.predictions = make("ul", { class: "skx-predictions", "aria-label": "Top predictions", "aria-live": "polite" });
    parts.notes = make("p", { class: "skx-notes" });
    parts.linesTitle = make("h2");
    parts.lines = chart("", 240);
    parts.linesRead = make("p", { class: "skx-read" });
    parts.bars = chart("Attention difference of every unit; choose one", 215);
    parts.bars.setAttribute("role", "group");
    parts.barsRead = make("p", { class: "skx-read", "aria-live": "polite" });
    parts.curve = chart("", 220);
    parts.curveRead = make("p", { class: "skx-read" });
    parts.legend = make("div", { class: "skx-legend", "aria-label": "Lines" });
    parts.format = make("select", { "aria-label": "Format of the file" }, ...Object.entries(FORMATS).map(([value, text]) => make("option", { value, text })));
    parts.done = make("span", { class: "skx-read", role: "status" });
    parts.code = make("pre", { class: "skx-code hidden", tabindex: "0", "aria-label": "Command or Python lines" });

    const { network } = info;
    const word = (term, tag, text) => explained(tag, text, info.terms.find((one) => one.term === term));
    const meant = { blur: "blurred by the same factor", blank: "surround" };
    root.append(
      make("header", { class: "skx-head" },
        make("h1", { text: `${network.name}` }),
        make("p", { class: "skx-known", text: `Weights: ${network.weights}. ${network.known}` }),
        make("div", { class: "skx-tools" }, parts.dark, tool("Large type", "large"), make("button", { type: "button", text: "Full screen", onclick: fullscreen }))),
      make("main", { class: "skx-body" },
        make("div", { class: "skx-left" },
          make("section", { class: "skx-panel", "aria-label": "Picture" },
            parts.stage,
            make("div", { class: "skx-slider" }, word("scale", make("label", { for: "skx-scale", text: "Size" })), parts.slider, parts.scale),
            make("div", { class: "skx-row" }, parts.where, parts.reset),
            parts.error),
          make("section", { class: "skx-panel", "aria-label": "Choices" },
            make("div", { class: "skx-row" }, parts.thumbs, make("button", { type: "button", text: "Open a picture\u2026", onclick: () => parts.file.click() }), parts.file),
            make("p", { class: "skx-read", text: "or drop one anywhere on the page" }),
            make("fieldset", {}, make("legend", { text: "Instead of enlarging" }),
              ...choices.map((choice, n) => (meant[CONTROLS[n][0]] ? word(meant[CONTROLS[n][0]], choice) : choice))),
            word("untrained network", make("label", {}, parts.untrained, "untrained network of the same architecture")),
            make("details", {}, make("summary", { text: "Box in pixels" }), make("div", { class: "skx-row" }, ...parts.edges))),
          make("section", { class: "skx-panel", "aria-label": "Take away" },
            make("div", { class: "skx-row" },
              make("button", { type: "button", text: "Pin", title: "Keep this for comparison (p)", onclick: pin }),
              parts.format, make("button", { type: "button", text: "Save", onclick: save }),
              make("button", { type: "button", text: "Copy command", onclick: () => copy("command") }),
              make("button", { type: "button", text: "Copy Python", onclick: () => copy("python") }),
              parts.done),
            parts.code)),
        make("div", { class: "skx-right" },
          make("section", { class: "skx-panel wide", "aria-label": "What the network sees" },
            make("div", { class: "skx-view" }, parts.view, parts.predictions), parts.notes),
          make("section", { class: "skx-panel wide", "aria-label": "Channels" },
            word("attention", parts.linesTitle), parts.lines, parts.linesRead, parts.legend),
          make("section", { class: "skx-panel", "aria-label": "Units" }, word("unit", "h2", "Attention difference of all units"), parts.bars, parts.barsRead),
          make("section", { class: "skx-panel", "aria-label": "Scale" }, word("attention difference", "h2", "Attention difference by scale"), parts.curve, parts.curveRead),
          make("section", { class: "skx-panel wide", "aria-label": "Explanations" },
            make("details", {}, make("summary", { text: "Glossary" }),
              make("dl", {}, ...info.terms.flatMap(({ term, text }) => [make("dt", { text: term }), make("dd", { text })]))),
            paper()))),
    );
    new ResizeObserver(() => { if (state.shown) showLines(); }).observe(root);
    if (system.matches) toggle(parts.dark, "dark");
    // The page's keys work wherever the focus is; a notebook's cells keep theirs.
    (document.body.classList.contains("skx-page") ? document : root).addEventListener("keydown", keys);
    for (const kind of ["dragover", "dragleave", "drop"]) {
      root.addEventListener(kind, (event) => {
        event.preventDefault();
        parts.stage.classList.toggle("drop", kind === "dragover");
        if (kind === "drop") upload(event.dataTransfer.files[0]);
      });
    }
  }

  function paper() {
    const { scales, units, source } = info.paper;
    const svg = chart("The paper's attention difference by scale", 215);
    const box = { left: 52, right: 385, top: 10, bottom: 175 };
    const [y0, y1] = span(units.flatMap((unit) => unit.values), 0.02);
    const { x, y } = frame(svg, box, [scales[0], scales[scales.length - 1], y0, y1], 4, scales.map((v) => [v, label(v)]), "scale of the object");
    units.forEach((unit, n) => {
      svg.append(draw("path", { d: path(unit.values.map((v, i) => [x(scales[i]), y(v)])), class: `line pin${n}` }));
      const text = draw("text", { x: box.right + 8, y: y(unit.values[unit.values.length - 1]) + 4 });
      text.textContent = unit.name;
      svg.append(text);
    });
    return make("details", { class: "skx-paper" }, make("summary", { text: "What the paper found (SKNet-50, ImageNet, figure 3c)" }), svg,
      make("p", { class: "skx-read", text: source }));
  }

  transport.request("state", {}).then((found) => {
    info = found;
    state.unit = info.unit;
    root.replaceChildren();
    build();
    if (info.pictures.length) { thumbs(); choose(info.pictures[0].id); }
  }).catch((error) => { root.append(make("p", { class: "skx-notes", text: error.message })); });

  return { root, state };
}

/* ---- in a browser ---- */

export const http = {
  async request(kind, payload, body) {
    const upload = kind === "upload";
    const response = await fetch(`api/${kind}`, {
      method: "POST",
      body: upload ? body : JSON.stringify(payload),
      headers: upload ? { "x-name": encodeURIComponent(payload.name) } : { "content-type": "application/json" },
    }).catch(() => { throw new Error("The server does not answer; is `skviz explore` still running?"); });
    if (!response.ok) {
      const said = await response.json().catch(() => ({}));
      throw new Error(said.error ?? `The server answered ${response.status}`);
    }
    if ((response.headers.get("content-type") ?? "").startsWith("application/json") && !response.headers.get("content-disposition")) return response.json();
    const blob = await response.blob();
    blob.filename = /filename="([^"]*)"/.exec(response.headers.get("content-disposition") ?? "")?.[1];
    return blob;
  },
};

const place = document.getElementById("explorer");
if (place && document.body.classList.contains("skx-page")) place.explorer = mount(place, http);

/* ---- in a notebook: messages of an anywidget ---- */

function messages(model) {
  const waiting = new Map();
  let last = 0;
  model.on("msg:custom", (message, buffers) => {
    const promise = waiting.get(message.id);
    if (!promise) return;
    waiting.delete(message.id);
    if (message.error) { promise.reject(new Error(message.error)); return; }
    if (!message.file) { promise.resolve(message.reply); return; }
    const blob = new Blob([buffers[0]], { type: message.file.media_type });
    blob.filename = message.file.name;
    promise.resolve(blob);
  });
  return {
    async request(kind, payload, body) {
      last += 1;
      const id = last;
      const bytes = body ? [await body.arrayBuffer()] : [];
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        model.send({ id, kind, payload }, undefined, bytes);
      });
    },
  };
}

export default {
  render({ model, el }) {
    mount(el, messages(model));
  },
};
