// A network of two inputs: every unit's own picture of the plane, the weights between them, and what it says at last.

const MOST_UNITS = 32; // of a layer
const CLASS_COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999933", "#882255",
  "#44aa99", "#6e6e6e"].map((code) => [1, 3, 5].map((at) => parseInt(code.slice(at, at + 2), 16))); // Okabe and Ito's

const sizeOf = (shape) => shape.reduce((product, n) => product * n, 1);

class PlaneView {
  constructor(task) {
    this.task = task;
    this.outputs = sizeOf(task.shown.at(-1).shape);
    this.width = task.shown.reduce((sum, {shape}) => sum + sizeOf(shape), 0); // numbers of a place
    /** @type {any} */
    this.plane = null;
    /** @type {any} */
    this.parts = null; // the rows
    this.ties = made("canvas", {class: "ties", "aria-hidden": "true"});
    this.layers = this.columns(); // from left to right: canvases, each with what it shows of a place
    this.boundaries = ["", "second run: "].map((whose) => made("canvas", {width: 360, height: 360, class: "plane",
      role: "img", "aria-label": `${whose}what the network says of every place in the plane, with the rows as dots`}));
    this.words = made("figcaption");
    this.other = made("figure", {class: "said-of", hidden: ""}, this.boundaries[1],
      made("figcaption", {}, "the second run"));
    this.element = made("div", {class: "planes"}, this.ties, ...this.layers.map(({element}) => element),
      made("figure", {class: "said-of"}, this.boundaries[0], this.words), this.other);
  }

  columns() {
    const {shown} = this.task, units = this.outputs > 2 ? shown : shown.slice(0, -1);
    const inputs = this.column("inputs", ["x₁", "x₂"], 2, (k) => ({input: k}));
    let start = 0;
    return [inputs, ...units.map(({name, shape}) => {
      const size = sizeOf(shape), first = start;
      start += size;
      return this.column(name, null, size, (k) => ({place: first + k}));
    })];
  }

  column(name, names, size, what) {
    const kept = Math.min(MOST_UNITS, size), across = Math.ceil(kept / 8);
    const units = Array.from({length: kept}, (_, k) => ({...what(k), canvas: made("canvas", {width: 72, height: 72,
      role: "img", "aria-label": `${names?.[k] ?? `${name}, unit ${k + 1}`} over the plane`})}));
    const grid = made("div", {class: "units"}, ...units.map(({canvas}) => canvas));
    const words = `${names ? names.join(", ") : name}${kept < size ? `, ${kept} of ${size}` : ""}`;
    const kind = `layer ${kept > 16 ? "small" : kept > 4 ? "many" : ""}`;
    return {units, element: made("figure", {class: kind, style: `--across: ${across}`}, grid,
      made("figcaption", {}, words))};
  }

  // The places, and {learn, test} of rows.
  take(plane, {learn, test}) {
    [this.plane, this.parts] = [plane, [{rows: learn}, ...(test?.count ? [{rows: test, ringed: true}] : [])]];
    const ringed = test?.count ? "; dots with a dark ring are rows of the test" : "";
    this.words.textContent = `${this.outputs > 2 ? "the class it says" : "ŷ"} over the plane${ringed}`;
  }

  // `found` has of every run what the network shows of every place; that of number `which` is shown in full.
  draw(found, which, parameters, activation, colour) {
    this.other.hidden = found.length < 2;
    found.forEach((numbers, i) => this.drawOutput(this.boundaries[i], numbers, colour));
    const shades = Array.from({length: 129}, (_, k) => colour(0.8 * (k / 64 - 1)));
    for (const {units} of this.layers)
      for (const {canvas, place, input} of units) {
        const numbers = input === undefined ? this.of(found[which], place) : this.plane.columns[input];
        const [low, high] = ends(numbers), middle = activation === "sigmoid" && low >= 0 && high <= 1 ? 0.5 : 0;
        const reach = Math.max(high - middle, middle - low) || 1;
        paintPlane(canvas, this.plane, (i) => shades[Math.round(64 + (64 * (numbers[i] - middle)) / reach)]);
      }
    this.drawTies(parameters, colour);
  }

  of(found, place) {
    return Float64Array.from({length: this.plane.count}, (_, i) => found[i * this.width + place]);
  }

  drawOutput(canvas, found, colour) {
    const {levels, threshold} = this.task, {outputs, width} = this, last = this.of(found, width - 1);
    const half = Math.max(threshold - levels[0], levels[1] - threshold) || 1;
    if (outputs > 2) {
      const zero = colour(0), mixed = (k, share) => zero.map((x, c) => x + share * (CLASS_COLOURS[k % 10][c] - x));
      const says = (i) => {
        const logits = found.slice((i + 1) * width - outputs, (i + 1) * width), most = Math.max(...logits);
        return mixed(logits.indexOf(most), 0.7 / logits.reduce((sum, x) => sum + Math.exp(x - most), 0));
      };
      paintPlane(canvas, this.plane, says, this.parts, (target) => CLASS_COLOURS[target % 10]);
      return;
    }
    const second = outputs === 2 && this.of(found, width - 2);
    const says = second ? (i) => Math.tanh((last[i] - second[i]) / 2) // of two logits
      : threshold === levels[0] ? (i) => Math.tanh(last[i] / 2) : (i) => (last[i] - threshold) / half;
    const middle = (levels[0] + levels[1]) / 2, reach = (levels[1] - levels[0]) / 2 || 1;
    paintPlane(canvas, this.plane, (i) => colour(0.8 * Math.max(-1, Math.min(1, says(i)))), this.parts,
      (target) => colour((target - middle) / reach));
  }

  // The weights from each column to the next as curves, wide where they are large; only between neighbours on the page.
  drawTies(parameters, colour) {
    const box = this.element.getBoundingClientRect(), {ties, task} = this, ratio = devicePixelRatio || 1;
    const [width, height] = [box.width, box.height].map((x) => Math.round(x * ratio));
    [ties.width, ties.height] = [width, height];
    const context = ties.getContext("2d"), columns = this.layers.map(({units}) => units.map(({canvas}) => canvas));
    context.scale(ratio, ratio);
    (task.ties ?? []).forEach((places, k) => {
      if (!places) return;
      const out = columns[k + 1] ?? [this.boundaries[0]], from = columns[k];
      const weight = (j, i) => (out.length === 1 && places.length === 2
        ? parameters[places[1][i]] - parameters[places[0][i]] : parameters[places[j][i]]);
      const weights = out.map((_, j) => from.map((_, i) => weight(j, i)));
      const largest = largestOf(weights.flat()), widest = from.length > 8 ? 2.5 : 4;
      const [starts, stops] = [from, out].map((canvases) => canvases.map((canvas) => canvas.getBoundingClientRect()));
      if (Math.max(...starts.map(({right}) => right)) > Math.min(...stops.map(({left}) => left))) return; // wrapped
      weights.forEach((row, j) => row.forEach((w, i) => {
        const share = Math.abs(w) / largest, middle = ({top, height}) => top + height / 2 - box.top;
        const [a, u] = [starts[i].right - box.left, stops[j].left - box.left];
        const [b, v] = [middle(starts[i]), middle(stops[j])];
        context.strokeStyle = `rgb(${colour(Math.sign(w)).map(Math.round).join()}, ${0.1 + 0.8 * share * share})`;
        context.lineWidth = 0.4 + widest * share;
        context.beginPath();
        context.moveTo(a, b);
        context.bezierCurveTo((a + u) / 2, b, (a + u) / 2, v, u, v);
        context.stroke();
      }));
    });
  }
}

/** @type {(numbers: Float64Array) => [number, number]} */
const ends = (numbers) => [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];

// A rectangle around rows in the plane, or the one that was recorded: its places, as rows for a program.
/** @param {any} told */
function planeOf({columns: [across, up]}, told = null) {
  if (told) return placesOf(told.ends, told.side);
  const around = (numbers) => {
    const [low, high] = ends(numbers), margin = 0.12 * (high - low || 1);
    return /** @type {[number, number]} */ ([low - margin, high + margin]);
  };
  return placesOf([around(across), around(up)], PLACES);
}

function placesOf(edges, side) {
  const at = ([low, high], i) => low + ((high - low) * (i + 0.5)) / side;
  const count = side * side;
  return {ends: edges, side, count, columns: [
    Float64Array.from({length: count}, (_, i) => at(edges[0], i % side)),
    Float64Array.from({length: count}, (_, i) => at(edges[1], side - 1 - Math.floor(i / side)))]};
}

// The plane, in the colour of each of its places, smooth, with rows as dots in the colours of their targets: filled to
// learn from, ringed for the test.
function paintPlane(canvas, plane, colourOf, parts = [], dotOf = colourOf) {
  const small = document.createElement("canvas"), context = canvas.getContext("2d"), {side} = plane;
  tilesOf(small, side, side, Float64Array.from({length: plane.count}, (_, i) => i), colourOf, 1);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  const [[left, right], [bottom, top]] = plane.ends;
  for (const {rows, ringed} of parts) {
    const [x, y, target] = rows.columns;
    for (let i = 0; i < rows.count; i++) {
      context.beginPath();
      context.arc(((x[i] - left) / (right - left)) * canvas.width,
        ((top - y[i]) / (top - bottom)) * canvas.height, ringed ? 4 : 4.5, 0, 7);
      context.fillStyle = `rgb(${dotOf(target[i]).map(Math.round).join()})`;
      context.fill();
      context.lineWidth = ringed ? 2 : 1;
      context.strokeStyle = ringed ? "#000" : "#fff";
      context.stroke();
    }
  }
}
