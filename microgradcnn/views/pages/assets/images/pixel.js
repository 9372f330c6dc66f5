// A pixel of a map, pointed at, tapped or reached by keys: what it is computed from stands beside the graph, and its
// window is outlined in the picture.

/** @type {{ at: Pixel | null, chosen: number | null }} */
const imaging = { at: null, chosen: null }; // the pixel looked at, and which of its factors say their numbers
const board = html("section", { id: "pixel", ariaLabel: "This pixel", hidden: true });
const spoken = html("div", { ariaLive: "polite" }); // which pixel it is, and its numbers
const cursor = element("rect", { class: "cursor", tabindex: 0, role: "img" });
const [outlines, marked, spot] = [element("g", { class: "outlines" }), element("g", {}), element("g", {})];
spot.append(cursor);
outlines.append(marked, spot);
document.body.classList.add("imaged");
at("telling").before(board);

// The box that shows a node, or holds it; -1 for none.
function boxWith(level, place) {
  const own = level.boxes.findIndex(({ node }) => node === place);
  const inner = own < 0 && fine ? fine.boxes.findIndex(({ node }) => node === place) : -1;
  return inner < 0 ? own : level.boxes.findIndex((box) => nodesOf(box).includes(inner));
}

// The numbers of a node as far as this step has come; null where they are not known yet, or are asked for.
function numbersOf(place, which) {
  const { level, step, numbers, prediction } = state;
  const box = boxWith(level, place);
  const known = which === "value" ? box < 0 || level.computedAt(box, step) : level.completeAt(Math.max(box, 0), step);
  if (prediction ? which === "gradient" && prediction.hidden.size : !known) return null;
  const kind = which === "value" ? "values" : "gradients";
  for (const source of [level, fine]) {
    const at = source?.boxes.findIndex(({ node }) => node === place) ?? -1;
    const results = at < 0 ? null : source.compute(numbers);
    if (results?.[kind][at]) return results[kind][at];
  }
  return recordedNumbersOf(place, which);
}

// The box of a node, or of what shows its pixels after a bias or an activation; undefined for none.
function boxOf(place) {
  const { boxes } = state.level;
  const later = Object.keys(data.images.steps).find((step) => data.images.steps[step].image === place);
  return boxes.find(({ node }) => node === place) ?? (later === undefined ? undefined : boxOf(Number(later)));
}

// What is only in another shape has the name of what it is made of.
function nameOf(place) {
  const { op, image } = data.images.steps[place] ?? {};
  return op === "reshape" ? nameOf(image) : boxOf(place)?.name ?? data.images.names[place];
}

const pixelWords = new PixelWords(numbersOf, nameOf);

// The pixel under a point, null where there is no map of an image.
function pixelAt({ target, clientX, clientY }) {
  const map = target.closest?.(".map");
  const g = map?.closest(".node, .group");
  const { maps, shape = [], node = -1 } = state.level.boxes[picture().boxes.indexOf(g)] ?? {};
  if (!maps || maps.kind === "row" || !data.images.kinds[node]) return null;
  const { left, top, width, height } = map.querySelector("image").getBoundingClientRect();
  const { rows, columns } = mapSize({ maps, shape });
  const along = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  const at = [along((clientY - top) / height, rows), along((clientX - left) / width, columns)];
  return { place: node, which: map.closest(".value-map") ? "value" : "gradient", map: Number(map.dataset.map), at };
}

function look(pixel) {
  if (String(Object.values(pixel ?? {})) === String(Object.values(imaging.at ?? {}))) return;
  Object.assign(imaging, { at: pixel, chosen: null });
  showPixel();
}

// The panel and the outlines, as the numbers are now.
function showPixel() {
  const { at } = imaging;
  board.hidden = !at;
  document.body.classList.toggle("looking", at !== null);
  if (!at) return outlines.remove();
  const parts = pixelWords.parts(at);
  const heading = html("h2", {}, `${nameOf(at.place)}: ${mapName(at)}${placed(at.at)}`);
  const close = html("button", { className: "close", onclick: () => leave(), ariaLabel: "Close" }, "×");
  spoken.replaceChildren(heading, ofPixel(at));
  board.replaceChildren(close, spoken, ...parts.flatMap((part) => partShown(part)));
  outline(at, parts.flatMap(({ marks }) => marks));
}

function mapName({ place, map }) {
  const [filters, channels] = shapeOf(place);
  if (data.images.kinds[place] !== "filters") return channels > 1 ? `map ${human(map)}, ` : "";
  const channel = channels > 1 ? `channel ${human(map % channels)}, ` : "";
  return `${filters > 1 ? `filter ${human(Math.floor(map / channels))}, ` : ""}${channel}`;
}

// Its value, and its gradient where that is known.
function ofPixel({ place, map, at }) {
  const said = ["value", "gradient"].flatMap((which) => {
    const numbers = numbersOf(place, which);
    return numbers ? [`${which} ${shown(numberAt(place, numbers, map, at))}`] : [];
  });
  return words(said.join(", ") || "Not computed yet.");
}

function partShown({ heading, before = [], rows, after, summed }) {
  const sizes = rows.map((row) => Math.abs(total(productsOf(row))));
  const chosen = Math.min(imaging.chosen ?? sizes.indexOf(Math.max(...sizes)), rows.length - 1);
  const choose = (i) => {
    imaging.chosen = i;
    showPixel();
  };
  const unknown = rows.length || after.length ? [] : [words("Not known at this step.")];
  const headings = heading ? [html("h3", {}, heading)] : [];
  return [...headings, ...unknown, ...before, ...foldedFactors(rows, chosen, choose, summed), ...after];
}

// Outlines in the maps of what the panel speaks of, and the pixel itself, which has the keys.
function outline({ place, which, map, at }, marks) {
  const layer = picture().boxes[0].parentNode;
  marked.replaceChildren(...marks.flatMap((mark) => outlinesOf(mark)));
  const own = mapElement(place, which, map);
  if (own) {
    const label = ["h2", "p"].map((part) => board.querySelector(part).textContent).join(": ");
    const attributes = { ...pixelRect(own, place, [at], 4), "aria-label": label };
    for (const name in attributes) cursor.setAttribute(name, attributes[name]);
    spot.setAttribute("transform", movedAs(own));
  }
  spot.style.display = own ? "" : "none";
  if (outlines.parentNode !== layer) layer.append(outlines);
}

const movedAs = (map) => map.closest(".node, .group").getAttribute("transform") ?? "";

function mapElement(place, which, map) {
  const g = picture().boxes[state.level.boxes.indexOf(boxOf(place))];
  return g?.querySelector(`.${which}-map .map[data-map="${map}"]`);
}

function outlinesOf({ place, which, maps, pixels }) {
  return maps.flatMap((map) => {
    const own = mapElement(place, which, map);
    if (!own || (pixels && !pixels.length)) return [];
    const rect = element("rect", { class: "outline", ...pixelRect(own, place, pixels, 3) });
    const g = element("g", { transform: movedAs(own) });
    g.append(rect);
    return [g];
  });
}

// The rectangle around some pixels of a map, or all of it; not smaller than can be seen.
function pixelRect(map, place, pixels, least) {
  const of = map.querySelector("image");
  const [left, top, wide, high] = ["x", "y", "width", "height"].map((name) => Number(of.getAttribute(name)));
  const [rows, columns] = shapeOf(place).slice(-2);
  const ends = pixels ?? [[0, 0], [rows - 1, columns - 1]];
  const side = (k, start, length, count) => {
    const [low, high] = [Math.min(...ends.map((p) => p[k])), Math.max(...ends.map((p) => p[k])) + 1];
    const more = Math.max(0, (least - ((high - low) * length) / count) / 2);
    return [start + (low * length) / count - more, ((high - low) * length) / count + 2 * more];
  };
  const [[x, width], [y, height]] = [side(1, left, wide, columns), side(0, top, high, rows)];
  return { x, y, width, height };
}

let leaving = false;
function leave() {
  const g = imaging.at && picture().boxes[boxWith(state.level, imaging.at.place)];
  const held = cursor === document.activeElement || board.contains(document.activeElement);
  look(null);
  leaving = true; // what gets the focus now does not show its pixel again
  if (held) g?.focus({ preventScroll: true });
  leaving = false;
}

// Arrows move the pixel, at the edge of a map to the next one.
function move(pixel, [down, right]) {
  const { place, which, map, at } = pixel;
  const [rows, columns] = shapeOf(place).slice(-2);
  const next = [at[0] + down, at[1] + right];
  if (inside(next, [rows, columns])) return look({ ...pixel, at: next });
  const step = Math.sign(down + right);
  if (!mapElement(place, which, map + step)) return;
  const wrapped = [(next[0] + rows) % rows, (next[1] + columns) % columns];
  look({ ...pixel, map: map + step, at: wrapped });
}

const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
cursor.addEventListener("keydown", (event) => {
  const [pixel, which] = [imaging.at, { g: "gradient", v: "value" }[event.key]];
  if (pixel && moves[event.key]) move(pixel, moves[event.key]);
  else if (pixel && which) look({ ...pixel, which });
  else if (event.key === "Escape") leave();
  else return;
  event.preventDefault();
  event.stopPropagation();
});
document.addEventListener("keydown", (event) => event.key === "Escape" && leave());

figure.addEventListener("pointermove", (event) => {
  if (event.buttons || event.pointerType === "touch") return;
  const pixel = pixelAt(event);
  if (pixel) look(pixel);
});
figure.addEventListener(
  "click",
  (event) => {
    const pixel = canvas.dragged ? null : pixelAt(event);
    if (!pixel) return;
    event.stopPropagation(); // the rest of the box derives, or opens
    look(pixel);
    cursor.focus({ preventScroll: true });
  },
  true,
);

// A box of maps that keys reach shows its pixel in the middle; Tab goes to it.
figure.addEventListener("focusin", ({ target }) => {
  const { maps, node = -1, shape = [] } = state.level.boxes[picture().boxes.indexOf(target)] ?? {};
  if (leaving || !maps || maps.kind === "row" || imaging.at?.place === node) return;
  if (!target.matches(":focus-visible")) return; // the mouse points at a pixel itself
  const which = state.step >= state.level.seed && numbersOf(node, "gradient") ? "gradient" : "value";
  const { rows, columns } = mapSize({ maps, shape });
  look({ place: node, which, map: 0, at: [rows, columns].map((length) => Math.floor(length / 2)) });
});

// The numbers of another step, or of changed leaves; in another level, or beside a derivation, one points anew.
let [shownLevel, shownDerived] = [state.level, state.derived];
document.addEventListener("changed", () => {
  const { level, derived } = state;
  if (shownLevel !== level || (derived !== null && shownDerived !== derived)) look(null);
  [shownLevel, shownDerived] = [level, derived];
  if (imaging.at) showPixel();
});

// For other scripts, such as a test's.
Object.assign(globalThis.microgradcnn, { look });
