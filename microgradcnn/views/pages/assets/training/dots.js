// Numbers against numbers: ŷ over the one input with every hidden unit, or what a network says against what is right.

const MOST_DOTS = 400;
const INSIDE = {left: 52, right: 348, top: 12, bottom: 232};

class DotChart {
  constructor(title, across, up) {
    this.across = across;
    this.up = up;
    this.svg = svgElement("svg", {class: "curves dots", viewBox: "0 0 360 268", role: "img", "aria-label": title});
  }

  // `dots` are [class, xs, ys], `lines` too, drawn within the ends [[left, right], [bottom, top]].
  /** @param {any[]} dots  @param {any[]} lines  @param {[number, number][]} ends */
  draw(dots, lines, [[left, right], [bottom, top]]) {
    const x = (number) => INSIDE.left + ((INSIDE.right - INSIDE.left) * (number - left)) / (right - left);
    const y = (number) => INSIDE.bottom - ((INSIDE.bottom - INSIDE.top) * (number - bottom)) / (top - bottom);
    const inside = (number) => Math.max(INSIDE.top - 8, Math.min(INSIDE.bottom + 8, number));
    const text = (across, up, anchor, words) => svgElement("text", {x: across, y: up, "text-anchor": anchor}, [words]);
    const at = (xs, ys, i) => `${x(xs[i]).toFixed(1)},${inside(y(ys[i])).toFixed(1)}`;
    const every = (xs) => Array.from(xs.keys());
    this.svg.replaceChildren(
      ...roundSteps(bottom, top, 6).flatMap((level) => [
        svgElement("line", {x1: INSIDE.left, x2: INSIDE.right, y1: y(level), y2: y(level)}),
        text(INSIDE.left - 6, y(level) + 4, "end", readable(level))]),
      ...roundSteps(left, right, 6).map((number) => text(x(number), INSIDE.bottom + 17, "middle", readable(number))),
      text(INSIDE.right, INSIDE.bottom + 33, "end", this.across),
      text(INSIDE.left + 6, INSIDE.top + 6, "start", this.up),
      ...dots.map(([kind, xs, ys]) =>
        svgElement("path", {class: `dot ${kind}`, d: every(xs).map((i) => `M${at(xs, ys, i)}h0`).join("")})),
      ...lines.map(([kind, xs, ys]) =>
        svgElement("polyline", {class: kind, points: every(xs).map((i) => at(xs, ys, i)).join(" ")})));
  }
}

// Rows for a picture: all, or some from the first to the last.
function someOf(rows) {
  const step = Math.ceil(rows.count / MOST_DOTS);
  if (step < 2) return rows;
  const columns = rows.columns.map((column) => column.filter((_, i) => i % step === 0));
  return {...rows, count: columns[0].length, columns};
}

/** @type {(ends: [number, number]) => [number, number]} */
const widened = ([low, high]) => [low - 0.08 * (high - low || 1), high + 0.08 * (high - low || 1)];

// ŷ over the one input, and every hidden unit's own curve.
class LineView {
  constructor(task) {
    this.task = task;
    /** @type {any} */
    this.line = null;
    /** @type {any} */
    this.parts = null; // the rows
    this.width = task.shown.reduce((sum, {shape}) => sum + sizeOf(shape), 0);
    this.chart = new DotChart("ŷ over the input x, with the rows as dots", "x", "ŷ");
    let place = 0;
    this.units = task.shown.slice(0, -1).flatMap(({name, shape}) => Array.from({length: sizeOf(shape)}, (_, k) => ({
      place: place++, svg: svgElement("svg", {class: "unit", viewBox: "0 0 72 48", role: "img",
        "aria-label": `${name}, unit ${k + 1} over x`})}))).slice(0, MOST_UNITS);
    const names = task.shown.slice(0, -1).map(({name}) => name).join("; ");
    const each = made("figure", {class: "of-line"}, made("div", {class: "pictures"}, ...this.units.map(({svg}) => svg)),
      made("figcaption", {}, `each unit over x: ${names}`));
    this.element = made("div", {class: "planes"}, made("figure", {class: "said-of"}, this.chart.svg),
      ...(this.units.length ? [each] : []));
  }

  take(line, {learn, test}) {
    this.line = line;
    this.parts = {learn, test};
  }

  draw(found, which) {
    const {line, width, parts} = this, [xs] = line.columns;
    const of = (numbers, place) => Float64Array.from(xs, (_, i) => numbers[i * width + place]);
    const rows = [["learn", parts.learn], ["test", parts.test]].filter(([, part]) => part?.count);
    const dots = rows.map(([kind, part]) => [kind, ...someOf(part).columns]);
    const targets = widened(ends(Float64Array.from(rows.flatMap(([, part]) => Array.from(part.columns[1])))));
    const lines = found.map((numbers, i) => [`run-${i + 1}`, xs, of(numbers, width - 1)]);
    this.chart.draw(dots, lines, [line.ends, targets]);
    for (const {svg, place} of this.units) {
      const ys = of(found[which], place), [low, high] = ends(ys), reach = high - low || 1;
      const zero = 44 - (40 * (0 - low)) / reach;
      svg.replaceChildren(
        ...(low <= 0 && high >= 0 ? [svgElement("line", {x1: 0, x2: 72, y1: zero, y2: zero})] : []),
        svgElement("polyline", {class: `run-${which + 1}`, points: Array.from(ys, (y, i) =>
          `${((72 * i) / (ys.length - 1)).toFixed(1)},${(44 - (40 * (y - low)) / reach).toFixed(1)}`).join(" ")}));
    }
  }
}

// Places on the line of one input, as rows for a program.
function lineOf({columns: [x]}, places = 101) {
  const [low, high] = widened(ends(x));
  return {ends: [low, high], count: places,
    columns: [Float64Array.from({length: places}, (_, i) => low + ((high - low) * i) / (places - 1))]};
}
