// One field for any number of a large array: its place is typed, or pointed at on a map of all of them.

const LARGEST_SIDE = 512; // of a map, in numbers

// The indices of the number at a place, counted from 1, and back; null where there is none.
function indicesOf(shape, place) {
  return shape.map((length, axis) => {
    const after = sizeOf({ shape: shape.slice(axis + 1) });
    return 1 + (Math.floor(place / after) % length);
  }).join(", ");
}

const numberOf = (name, shape, place) => `${name}[${indicesOf(shape, place)}]`;

function placeOf(shape, indices) {
  const within = (k, axis) => Number.isInteger(k) && 1 <= k && k <= shape[axis];
  const fits = indices.length === shape.length && indices.every(within);
  return fits ? indices.reduce((place, k, axis) => place * shape[axis] + k - 1, 0) : null;
}

// The field for the numbers of a leaf, in a box that opens.
class Chooser {
  constructor(leaf, change) {
    this.leaf = leaf;
    this.change = change;
    this.at = 0;
    const ariaLabel = `which number of ${leaf.name}`;
    this.index = html("input", { value: indicesOf(this.leaf.shape, 0), ariaLabel, autocomplete: "off" });
    this.field = html("input", { type: "number", step: "any", ariaLabel: `${leaf.name} there` });
    this.map = html("canvas", { className: "choosing", title: "a click takes that number" });
    this.map.setAttribute("aria-hidden", "true"); // the place can be typed
    const within = leaf.within ? ` (${leaf.within})` : "";
    const row = html("div", {}, `${leaf.name}[`, this.index, "] = ", this.field);
    const summary = html("summary", {}, `${leaf.name}${within}, ${leaf.shape.join("×")} numbers`);
    this.element = html("details", {}, summary, row, this.map);
    this.index.addEventListener("input", () => this.typed());
    this.field.addEventListener("input", () => {
      if (Number.isFinite(this.field.valueAsNumber)) this.change(this.leaf.place + this.at, this.field.valueAsNumber);
    });
    this.map.addEventListener("click", (event) => this.pointed(event));
    this.element.addEventListener("toggle", () => this.show(this.numbers));
  }

  // Opens it, and brings it into view where fields scroll by themselves.
  open() {
    this.element.open = true;
    const aside = this.element.closest("aside");
    aside.scrollTop += this.element.getBoundingClientRect().top - aside.getBoundingClientRect().top;
  }

  typed() {
    const at = placeOf(this.leaf.shape, this.index.value.split(/[\s,;]+/).filter(Boolean).map(Number));
    this.index.ariaInvalid = at === null;
    if (at !== null) this.take(at);
  }

  pointed({ offsetX, offsetY }) {
    const { rows, columns, place } = laidOut({ length: sizeOf(this.leaf) }, this.leaf.shape);
    const [row, column] = [(rows * offsetY) / this.map.clientHeight, (columns * offsetX) / this.map.clientWidth];
    const at = place(Math.floor(row), Math.floor(column));
    if (!(at < sizeOf(this.leaf))) return;
    this.index.value = indicesOf(this.leaf.shape, at);
    this.index.ariaInvalid = false;
    this.take(at);
    this.field.select();
  }

  take(at) {
    this.at = at;
    this.show(this.numbers);
  }

  // The numbers of all leaves, of which these are some.
  show(numbers) {
    this.numbers = numbers;
    if (!this.element.open) return;
    const own = numbers.subarray(this.leaf.place, this.leaf.place + sizeOf(this.leaf));
    fill(this.field, own[this.at]);
    this.paint(own);
  }

  paint(own) {
    const { rows, columns, place } = laidOut(own, this.leaf.shape);
    this.map.hidden = Math.max(rows, columns) > LARGEST_SIDE;
    if (this.map.hidden) return;
    const cell = Math.max(1, Math.floor(300 / columns));
    Object.assign(this.map, { width: cell * columns, height: cell * rows });
    const [paper, shade] = [this.map.getContext("2d"), shades(largest(own))];
    /** @type {[number, number, number, number]} */ let chosen = [0, 0, 0, 0];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = place(row, column);
        if (!(at < own.length)) continue;
        paper.fillStyle = shade(own[at]);
        paper.fillRect(column * cell, row * cell, cell, cell);
        if (at === this.at) chosen = [column * cell, row * cell, cell, cell];
      }
    }
    paper.strokeStyle = colour("--accent");
    paper.lineWidth = 2;
    paper.strokeRect(...chosen);
  }
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

// The tints of values where no style sheet reaches: the paper's colour mixed with the scale's.
function shades(most) {
  const [below, above, paper] = ["--value-below", "--value-above", "--paper"].map(colour).map(channels);
  return (x) => {
    const share = most ? Math.sqrt(Math.min(1, Math.abs(x) / most)) : 0;
    return `rgb(${(x < 0 ? below : above).map((c, i) => Math.round(paper[i] + share * (c - paper[i]))).join(" ")})`;
  };
}

const channels = (hex) => hex.trim().match(/[0-9a-f]{2}/gi).map((pair) => Number.parseInt(pair, 16));

const choosers = [...document.querySelectorAll("[data-leaf]")].map((place) => {
  const leaf = data.leaves.find((leaf) => leaf.place === Number(place.dataset.leaf));
  const chooser = new Chooser(leaf, (at, number) => setNumber(at, number));
  place.append(chooser.element);
  return chooser;
});
