// Grids of numbers in the panel: cells with their numbers, or a map where there are many; factors and their products.

const [CELL_WIDE, CELL_HIGH, MINI, SIDE] = [32, 22, 7, 98];
const MOST_NUMBERED = 5; // rows and columns of a grid that says its numbers

// The power of ten that the numbers of a grid are written with: 0 where two decimals say enough.
function powerOf(numbers) {
  const most = largest(numbers.filter((x) => x !== null));
  return most === 0 || (most >= 0.1 && most < 100) ? 0 : Math.floor(Math.log10(most));
}

function digits(x, power) {
  if (x === null) return "·";
  const scaled = x / 10 ** power;
  if (scaled === 0 || !Number.isFinite(scaled)) return shown(scaled);
  const size = Math.abs(scaled);
  return scaled.toFixed(size >= 9.95 ? 0 : size >= 0.995 ? 1 : 2).replace("-", "−");
}

/**
 * A grid of cells; a small one, without numbers, where it is one of several.
 * @param {Cells} cells
 */
function grid({ numbers, columns, tone, most, name, won = [] }, small = false) {
  const [rows, power] = [Math.ceil(numbers.length / columns), powerOf(numbers)];
  const listed = numbers.map((x) => (x === null ? "padding" : shown(x))).join(", ");
  const label = `${name}, ${rows} by ${columns}${numbers.length > MOST_NUMBERED ** 2 ? "" : `: ${listed}`}`;
  const numbered = !small && columns <= MOST_NUMBERED && rows <= MOST_NUMBERED;
  const side = small ? MINI : Math.max(1, Math.min(18, SIDE / Math.max(rows, columns)));
  const [wide, high] = numbered ? [CELL_WIDE, CELL_HIGH] : [side, side];
  const size = { width: wide * columns, height: high * rows };
  const svg = element("svg", { class: "grid", role: "img", "aria-label": label, ...size });
  const placeOf = (i) => ({ x: wide * (i % columns), y: high * Math.floor(i / columns), width: wide, height: high });
  if (!numbered) {
    const address = mapAddress(numbers.map((x) => x ?? NaN), columns, tone, most);
    svg.append(element("image", { href: address, preserveAspectRatio: "none", ...size }));
  }
  numbers.forEach((x, i) => {
    const colour = x === null ? null : colourOf(tone, x, most);
    if (numbered) svg.append(...cell(x, placeOf(i), colour, tone === "grey", power));
  });
  svg.append(element("rect", { class: "frame", ...size }));
  for (const i of won) svg.append(element("rect", { class: "won", ...placeOf(i) }));
  return svg;
}

function cell(x, place, colour, grey, power) {
  const [back, text] = [element("rect", place), element("text", { x: place.x + place.width / 2, y: place.y + 15 })];
  back.style.fill = colour ? css(colour) : "transparent";
  text.textContent = digits(x, power);
  if (grey && colour) text.style.fill = colour[0] < LIGHT ? "#ffffff" : "#000000";
  return [back, text];
}

// A grid with its name below it, and the power of ten of its numbers.
function named(cells, small) {
  const name = html("small", {}, small ? "" : cells.name);
  const [power, rows] = [powerOf(cells.numbers), cells.numbers.length / cells.columns];
  const numbered = !small && Math.max(rows, cells.columns) <= MOST_NUMBERED;
  if (power && numbered) name.append(" · 10", html("sup", {}, shown(power)));
  return html("div", { className: "named" }, grid(cells, small), name);
}

/** @type {(numbers: any[]) => number} */
const total = (numbers) => numbers.reduce((sum, x) => sum + (x ?? 0), 0);

/**
 * The products of two grids, or of a number and a grid.
 * @param {{ left: any, right: Cells }} row
 */
function productsOf({ left, right }) {
  const of = (i) => (typeof left === "number" ? left : left.numbers[i]);
  return right.numbers.map((x, i) => (x === null || of(i) === null ? null : of(i) * x));
}

/**
 * Two grids, or a number and a grid, and their products.
 * @param {Factors} row
 */
function factors(row, small = false, summed = small) {
  const { left, right, tone, products } = row;
  const numbers = productsOf(row);
  const most = largest(numbers.filter((x) => x !== null));
  const sign = (text) => html("span", { className: "sign" }, text);
  const factor = typeof left === "number" ? html("span", { className: "one" }, shown(left)) : named(left, small);
  const result = named({ numbers, columns: right.columns, tone, most, name: products }, small);
  const shownRow = [factor, sign("×"), named(right, small), html("span", { className: "result" }, sign("="), result)];
  if (summed) shownRow.push(html("span", { className: "sum" }, small ? "" : "sum ", shown(total(numbers))));
  return html("div", { className: small ? "factors small" : "factors" }, ...shownRow);
}

// Several of them, of which one at a time says its numbers: the one of the largest sum, or what a click has chosen.
function foldedFactors(rows, chosen, choose, summed) {
  return rows.map((row, i) => {
    const open = rows.length <= 2 || i === chosen;
    const heading = rows.length === 1 ? [] : [html(open ? "h4" : "span", {}, row.name)];
    const children = [...heading, factors(row, !open, summed === true && rows.length > 1)];
    if (open) return html("div", { className: "of-map" }, ...children);
    const ariaLabel = `The numbers of ${row.name}`;
    return html("button", { className: "of-map", onclick: () => choose(i), ariaLabel }, ...children);
  });
}

// A plus at the start of a line, or of a part of it, with room on both sides.
function plus() {
  const made = math("mo", "+");
  made.setAttribute("form", "infix");
  return made;
}

// a + b + ... = the sum, of eight terms at most, in a line that may break between them.
function addedUp(terms, names, result) {
  const few = terms.slice(0, 8).map((x, i) => (i ? [plus(), number(x, false)] : [number(x)]));
  if (terms.length > 8) few.push([plus(), math("mo", "…")]);
  const equal = terms.length > 1 ? [[math("mo", "="), number(result)]] : [];
  const line = broken(...few, ...equal);
  line.prepend(html("small", {}, `${names}: `));
  return line;
}

// A channel of a picture with an outline around some of its pixels.
function outlined(place, numbers, channel, pixels) {
  const [rows, columns] = shapeOf(place).slice(2);
  const cells = numbers.slice(channel * rows * columns, (channel + 1) * rows * columns);
  const [kind, most] = [tone(data.images.kinds[place], "value", numbers), largest(Array.from(numbers))];
  const side = Math.min(14, 112 / Math.max(rows, columns));
  const size = { width: side * columns, height: side * rows };
  const svg = element("svg", { class: "grid", role: "img", "aria-label": "its window in the picture", ...size });
  const ends = (k) => [Math.min, Math.max].map((end) => end(...pixels.map((pixel) => pixel[k])));
  const [[low, high], [left, right]] = [ends(0), ends(1)];
  const around = { x: left * side, y: low * side, width: (right - left + 1) * side, height: (high - low + 1) * side };
  const href = mapAddress(cells, columns, kind, most);
  svg.append(element("image", { href, preserveAspectRatio: "none", ...size }));
  svg.append(element("rect", { class: "frame", ...size }));
  if (pixels.length) svg.append(element("rect", { class: "won", ...around }));
  return svg;
}
