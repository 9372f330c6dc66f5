// The picture: numbers, tints and heat maps written into its boxes, and what a step is about lit.

const figure = document.querySelector("figure");
const HALF = 0.43; // of the width of a box: what the numbers of a value or a gradient may take
const [MAP, STRIP] = [46, 11]; // the longer side of a heat map and the least of the other, as in boxes.py

// What of a box's width a number may take: half of it where two stand side by side.
const share = ({ shape, maps }) => (shape && !maps?.stacked ? HALF : maps ? 0.94 : 1);

// The colour of a number, from the paper's at 0 to the scale's end.
function tint(kind, x, most) {
  if (Number.isNaN(x)) return "var(--not-finite)";
  const share = most ? Math.sqrt(Math.min(1, Math.abs(x) / most)) : 0;
  return `color-mix(in srgb, var(--${kind}-${x < 0 ? "below" : "above"}) ${Math.round(100 * share)}%, var(--paper))`;
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  return made;
}

// What of a box is painted.
function partsOf(g) {
  const of = (kind) => {
    const [text, back, map] = [`text.${kind}`, `.${kind}-tint`, `.${kind}-map`].map((part) => g.querySelector(part));
    return { text, back, map };
  };
  const [title, rect] = ["title", ".box"].map((part) => g.querySelector(part));
  return { title, rect, value: of("value"), gradient: of("gradient") };
}

// Whether all fields but lists are the same.
const alike = (a, b) => a && Object.keys(b).every((key) => Array.isArray(b[key]) || Object.is(a[key], b[key]));
// Whether numbers are the same list, or the same single number.
const equal = (a, b) => a === b || (a?.length === 1 && b?.length === 1 && Object.is(a[0], b[0]));

// The rectangle of a box, without the shadows of a group.
function rectOf(g) {
  const rect = [...g.querySelectorAll(":scope > .box")].at(-1);
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)));
  return { x, y, width, height };
}

// Boxes that Python drew, by their places in a section of what is packed.
/** @param {string} section @param {number[]} places @returns {Element[]} */
function drawnBoxes(section, places) {
  const pieces = packed.get(section);
  return [...parsed(`<svg>${places.map((place) => pieces[place]).join("")}</svg>`).children];
}

// The same of the finest level, which may be a picture of its own, or the first one.
/** @param {number[]} nodes @returns {Element[]} */
function drawnNodes(nodes) {
  if (packed.has(`boxes ${data.finest}`)) return drawnBoxes(`boxes ${data.finest}`, nodes);
  const [picture] = packed.get(`picture ${data.finest}`) ?? [];
  const boxes = picture === undefined ? firstBoxes : [...parsed(picture).querySelectorAll(".node, .group")];
  return nodes.map((node) => boxes[node]);
}

// The groups around a box that are open and are drawn with a frame, the outermost first.
function openGroups({ ends, group }, closed) {
  const found = [];
  let at = group === undefined ? innermost[ends[0]] : data.groups[group].outer;
  for (; at !== null; at = data.groups[at].outer) {
    if (!closed.includes(at) && data.groups[at].kind !== "segment") found.unshift(at);
  }
  return found;
}

// A frame around what is in an open group; its name closes it.
function frame(group, { x, y, width, height }) {
  const [g, text] = [element("g", { class: "frame-of" }), element("text", { x: x + 8, y: y + 14 })];
  text.textContent = `− ${data.groups[group].name}`;
  g.append(element("rect", { x, y, width, height, rx: 8 }), text);
  text.addEventListener("click", () => document.dispatchEvent(new CustomEvent("close-group", { detail: { group } })));
  return { g, width };
}

// What the gradients of a level are of, by its own name where a group shows it.
const endOf = (level) => (level.fine ?? level).boxes[(level.fine ?? level).root].name;

// What the colours say, for the page's foot.
function legend(level) {
  const { most } = level;
  const bar = (kind) => {
    const stops = Array.from({ length: 13 }, (_, i) => tint(kind, i / 6 - 1, 1));
    const shade = html("i", { style: `background: linear-gradient(to right, ${stops.join(", ")})` });
    return html("span", {}, `${kind} `, shown(-most[kind] || 0), shade, shown(most[kind]));
  };
  const arrow = "/d(this). At an arrow: local derivative, d(its end)/d(its start)";
  const said = html("span", {}, "gradient: d", html("var", {}, endOf(level)), arrow);
  return level.backward || !level.live ? [bar("value"), bar("gradient"), said] : [bar("value")];
}

const first = figure.querySelector("svg");
const firstBoxes = [...first.querySelectorAll(".node, .group")].map((g) => g.cloneNode(true)); // before any step

class Picture {
  /** @type {Place[]} */ places = []; // of the boxes
  bounds = { x: 0, y: 0, width: 0, height: 0 }; // of all that is drawn
  /** @type {Painted[]} */ painted = []; // what was painted last, of each box and of each edge
  /** @type {any[]} */ paintedEdges = [];
  /** @type {Lit} */ lighted = NOTHING;

  constructor(level, derive, point, toggle) {
    this.level = level;
    this.svg = level.fine ? this.composed() : this.packed() ?? first;
    this.svg.setAttribute("role", "group");
    this.camera = element("g", { class: "camera" });
    this.svg.append(this.camera);
    this.camera.append(this.svg.querySelector(":scope > g:not(.camera, .legend)"));
    this.boxes = [...this.svg.querySelectorAll(".node, .group")];
    this.edges = [...this.svg.querySelectorAll(".edge")];
    this.frames = [...this.svg.querySelectorAll(".frame-of")];
    this.drawn = this.shown = asDrawn(this);
    this.parts = this.boxes.map((g) => partsOf(g));
    this.said = this.parts.map(({ value, gradient }) => [value, gradient].map(({ text }) => text.textContent));
    this.headings = this.parts.map(({ title }) => title.textContent.split(": value ")[0]);
    this.labels = this.edges.map((g) => g.querySelector(".local"));
    this.locals = this.labels.map((text) => text.textContent);
    this.paths = new Paths(level);
    this.acts = [];
    this.boxes.forEach((g, box) => {
      const { ends, group } = level.boxes[box];
      const opens = group !== undefined && (!level.backward || ends?.length > 1); // it has no derivation of its own
      this.acts[box] = opens ? () => toggle(group) : level.live ? () => derive(box) : null;
      g.setAttribute("role", this.acts[box] ? "button" : "img");
      if (group !== undefined) g.append(this.handle(g, () => toggle(group)));
      g.addEventListener("click", () => this.acts[box]?.());
      for (const kind of ["pointerenter", "focus"]) g.addEventListener(kind, () => point(box));
      for (const kind of ["pointerleave", "blur"]) g.addEventListener(kind, () => point(null));
      g.addEventListener("keydown", (event) => this.key(event, box));
    });
    this.reachable(0);
  }

  packed() {
    const [picture] = packed.get(`picture ${this.level.section}`) ?? [];
    return picture === undefined ? null : document.importNode(parsed(picture), true);
  }

  // A picture of a view: boxes that Python drew, arranged here, with frames around the groups that are open.
  composed() {
    const { boxes, links, closed } = this.level;
    const svg = element("svg", { class: "microgradcnn-graph" });
    const whole = element("g", { transform: "translate(0 0)" });
    const groups = drawnBoxes("groups", boxes.flatMap(({ group }) => group ?? []));
    const nodes = drawnNodes(boxes.flatMap(({ ends, group }) => (group === undefined ? ends : [])));
    const next = ({ group }) => (group === undefined ? nodes : groups).shift();
    const drawn = boxes.map((box) => document.importNode(next(box), true));
    drawn[this.level.root].classList.add("root");
    const rects = drawn.map((g) => rectOf(g));
    const open = boxes.map((box) => openGroups(box, closed));
    const { places, routes, frames } = arranged(rects, links, open);
    const edges = links.map(({ size, local, through, links: [one] }, link) => {
      const { curve, x, y, roomy } = routes[link];
      const text = element("text", { class: "local", x, y });
      const said = fine.live ? "0" : through === null ? fine.links[one].recorded : "";
      text.textContent = local && roomy ? said : "";
      const edge = element("g", { class: size || !fine.backward ? "edge" : "edge none" });
      edge.append(element("path", { d: curve }), text);
      return edge;
    });
    drawn.forEach((g, box) => {
      const [{ x, y }, at] = [places[box], rects[box]];
      g.setAttribute("transform", `translate(${(x - at.x).toFixed(1)} ${(y - at.y).toFixed(1)})`);
    });
    this.arranged = places;
    const framed = [...frames].map(([group, place]) => frame(group, place)).sort((a, b) => b.width - a.width);
    whole.append(...framed.map(({ g }) => g), ...edges, ...drawn);
    svg.append(first.querySelector("style").cloneNode(true), whole);
    return svg;
  }

  // A small square with a plus at the corner of a group, which opens it.
  handle(g, open) {
    const { x, y, width } = rectOf(g);
    const [made, right] = [element("g", { class: "handle" }), x + width];
    made.append(element("rect", { x: right - 5, y: y - 11, width: 16, height: 16, rx: 3 }));
    made.append(element("path", { d: `M${right + 3} ${y - 7}v8m-4 -4h8` }));
    made.addEventListener("click", (event) => {
      event.stopPropagation();
      open();
    });
    return made;
  }

  // Where the boxes lie in a room of this size, and the rectangle around all that is drawn.
  /** @param {Size} room */
  measure(room) {
    lay(this, room);
    const [, left, top] = this.camera.firstChild.getAttribute("transform").match(/([-\d.]+)[ ,]+([-\d.]+)/);
    this.places = this.shown.boxes.map(({ x, y, ...size }) => ({ x: x + Number(left), y: y + Number(top), ...size }));
    this.boxes.forEach((g, box) => {
      const { width } = this.places[box];
      fit(g.querySelector(".name"), width - (this.level.boxes[box].group === undefined ? 6 : 16), 9);
      for (const text of g.querySelectorAll(".small")) fit(text, width * share(this.level.boxes[box]));
    });
    const { x, y, width, height } = this.camera.getBBox();
    const side = (low, length) => Math.max(...this.places.map((place) => place[low] + place[length]));
    const hidden = { x: 0, y: 0, width: side("x", "width"), height: side("y", "height") };
    this.bounds = width ? { x, y, width, height } : hidden;
  }

  // One box at a time can be reached by Tab; up and down go on from there, Enter derives.
  key(event, box) {
    const next = { ArrowDown: box + 1, ArrowUp: box - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") this.acts[box]?.();
    else if (this.boxes[next]) this.reachable(next).focus({ preventScroll: true });
    else return;
    event.preventDefault();
  }

  reachable(box) {
    this.boxes.forEach((g, i) => g.setAttribute("tabindex", i === box ? 0 : -1));
    return this.boxes[box];
  }

  // What has changed since it was painted last; `hidden` are the boxes whose gradient is asked for.
  paint(step, results, lit, hidden) {
    const { level } = this;
    const gradients = results && level.gradientsAt(step, results);
    const [boxes, links] = [new Set(lit.boxes), new Set(lit.links)];
    this.boxes.forEach((_, box) => {
      const [known, complete] = [level.computedAt(box, step), level.completeAt(box, step)];
      const asked = hidden.has(box);
      const numbers = results ? [known && results.values[box], !asked && gradients[box]] : [];
      this.paintBox(box, { known, complete, asked, lit: boxes.has(box), numbers, live: results !== null });
    });
    // An arrow has its local derivative once both its ends have values, and not while it would tell what is asked for.
    this.edges.forEach((g, link) => {
      const { parent, child } = level.links[link];
      const known = level.computedAt(child, step);
      const local = results?.locals[link] ?? null;
      const said = () => (!results || !this.locals[link] ? this.locals[link] : local === null ? "" : shown(local));
      const now = { known, lit: links.has(link), local, hidden: hidden.has(parent) };
      if (alike(this.paintedEdges[link], now)) return;
      this.paintedEdges[link] = now;
      g.classList.toggle("lit", now.lit);
      g.classList.toggle("later", !known);
      say(this.labels[link], known && !now.hidden ? said() : "");
    });
  }

  /** @param {number} box @param {Painted} now */
  paintBox(box, now) {
    const [g, before, parts] = [this.boxes[box], this.painted[box], this.parts[box]];
    if (alike(before, now) && now.numbers.every((own, i) => equal(own, before.numbers[i]))) return;
    this.painted[box] = now;
    const { known, complete, asked, numbers } = now;
    const { name, gradient } = this.level.boxes[box];
    g.classList.toggle("later", !known);
    g.classList.toggle("lit", now.lit);
    g.classList.toggle("partial", !complete);
    if (now.live) {
      const otherwise = asked ? "?" : gradient || !this.level.backward ? "not computed" : "none";
      this.write(box, "value", numbers[0], "");
      this.write(box, "gradient", numbers[1], otherwise);
    } else this.replay(box, known, complete);
    const [value, slope] = [parts.value, parts.gradient].map(({ text }) => text.textContent);
    const told = `value ${value || "not computed"}${now.live && !this.level.backward ? "" : `, gradient ${slope}`}`;
    if (g.dataset.told !== `${name}: ${told}`) g.dataset.told = `${name}: ${told}`;
    say(parts.title, `${this.headings[box]}: ${told}`);
  }

  // Everything is painted anew the next time: in other colours.
  forget() {
    [this.painted, this.paintedEdges] = [[], []];
  }

  // What was recorded of a box, as far as this step has come.
  replay(box, known, complete) {
    const [parts, told, [value, gradient]] = [this.parts[box], this.level.boxes[box], this.said[box]];
    const shown = { value: known ? value : "", gradient: complete ? gradient : "not computed" };
    for (const [kind, there] of [["value", known], ["gradient", complete]]) {
      const [{ text, back, map }, numbers] = [parts[kind], told.maps && recordedNumbersOf(told.node, kind)];
      say(text, shown[kind]);
      fit(text, this.places[box].width * share(told) - (told.shape ? 0 : 8));
      for (const part of [text, back, map]) part?.classList.toggle("unknown", !there); // as Python painted it
      if (numbers) paintMaps(map, told, kind, there ? numbers : null);
    }
  }

  // Lights boxes and links over those that a step lights.
  light(lit) {
    if (lit === this.lighted) return;
    this.lighted = lit;
    const { boxes, links } = lit;
    this.svg.classList.toggle("lighting", boxes.size > 0);
    this.boxes.forEach((g, box) => g.classList.toggle("path", boxes.has(box)));
    this.edges.forEach((g, link) => g.classList.toggle("path", links.has(link)));
  }

  // The boxes that are called so, and the links between them.
  named(labels) {
    const wanted = new Set(labels.map(plain));
    const boxes = new Set(this.level.named().flatMap(([name, box]) => (wanted.has(plain(name)) ? [box] : [])));
    const between = ({ parent, child }) => boxes.has(parent) && boxes.has(child);
    return { boxes, links: new Set(this.level.links.flatMap((link, i) => (between(link) ? [i] : []))) };
  }

  write(box, kind, numbers, otherwise) {
    const [{ rect, [kind]: { text, back, map } }, told] = [this.parts[box], this.level.boxes[box]];
    const said = numbers ? range(numbers) : otherwise;
    if (text.textContent !== said) {
      text.textContent = said;
      text.classList.toggle("absent", !numbers);
      fit(text, rect.width.baseVal.value * share(told) - (told.shape ? 0 : 8));
    }
    if (back) back.style.fill = numbers ? tint(kind, numbers[0], this.level.most[kind]) : "transparent";
    if (map && told.maps) paintMaps(map, told, kind, numbers || null);
    else if (map && isNew(map, numbers)) heatMap(map, this.level.map(box, numbers || []), kind);
  }
}

document.addEventListener("theme", () => {
  for (const picture of pictures.values()) picture.forget();
  drawn.numbers = undefined;
  change({});
});

// A name as it is typed: x_1, x₁ and x1 are one.
function plain(name) {
  return name.normalize("NFKC").replaceAll(/[\s_{}\\,]/g, "").toLowerCase();
}

// Text that would be wider than its box is set narrower.
function fit(text, width, letter = 7) {
  text.removeAttribute("textLength");
  if (text.textContent.length * letter < width || text.getComputedTextLength() <= width) return; // measuring is slow
  text.setAttribute("textLength", width);
  text.setAttribute("lengthAdjust", "spacingAndGlyphs");
}

function heatMap(group, { cells, columns, numbers }, kind) {
  if (!cells.length) return; // an empty array
  const frame = group.lastElementChild;
  const rows = cells.length / columns;
  const [width, height] = [columns, rows].map((n) => Math.max(STRIP, (MAP * n) / Math.max(rows, columns)));
  const [x, y, wide, high] = ["x", "y", "width", "height"].map((name) => frame[name].baseVal.value);
  const place = { x: x + (wide - width) / 2, y: y + (high - height) / 2, width, height };
  const href = () => mapAddress(cells.map((cell) => numbers[cell]), columns, kind, largest(numbers));
  const image = () => element("image", { href: href(), preserveAspectRatio: "none", ...place });
  group.replaceChildren(...(numbers.length ? [image()] : []), frame);
  for (const side in place) frame.setAttribute(side, place[side]);
  dash(frame, !numbers.length);
}
