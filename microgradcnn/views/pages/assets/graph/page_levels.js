// The levels of the graph: what each computes from the numbers of the leaves, its steps and its formulas.

const given = JSON.parse(document.getElementById("data").textContent);
const data = await unpacked(given.told).json();
const packed = sections(await unpacked(given.packed).text()); // formulas and pictures, each read when it is shown
const allNumbers = new Float64Array(await unpacked(given.numbers).arrayBuffer()); // of leaves, and of constants

// Pieces of HTML by the names of their sections, as page.py writes them.
/** @param {string} text @returns {Map<string, string[]>} */
function sections(text) {
  const found = new Map();
  for (const section of text.split("\x1d").slice(1)) {
    const [name, ...pieces] = section.split("\x1e");
    found.set(name, pieces);
  }
  return found;
}

/** @param {string} text @returns {any} */
const parsed = (text) => new DOMParser().parseFromString(text, "text/html").body.firstElementChild;

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
}

const sizeOf = (box) => (box.shape ?? []).reduce((a, b) => a * b, 1);
let taken = data.leaves.reduce((sum, leaf) => sum + sizeOf(leaf), 0);
const recordedNumbers = allNumbers.subarray(0, taken);

class Level {
  /** @type {any} */ computedFrom = null; // the numbers that the results are of
  /** @type {any} */ results = null;
  /** @type {Map<string, string> | null} */ formulas = null; // see formula

  /** @param {LevelData} told @param {number} place */
  constructor(told, place) {
    Object.assign(this, told);
    this.program = programs[place];
    this.constants = allNumbers.subarray(taken, (taken += told.constants));
    this.section = place; // of what is packed
    const computed = this.boxes.flatMap((box, i) => (box.leaf ? [] : [i]));
    /** @type {Step[]} */ this.steps = [{ kind: "start" }, ...computed.map((box) => ({ kind: "forward", box }))];
    this.seed = this.steps.length; // the step that starts the backward pass
    if (this.backward) this.steps.push({ kind: "seed" }, ...this.passes.map((link) => ({ kind: "backward", link })));
    else if (!this.live && data.computed) {
      this.steps.push(...computed.reverse().map((box) => ({ kind: "recorded", box })));
    }
    this.last = this.steps.length - 1;
    this.known = this.boxes.map(() => 0); // the step at which each box has its value, and that of its last change
    this.changed = this.boxes.map(() => 0);
    this.steps.forEach(({ kind, box, link }, step) => {
      if (kind === "forward") this.known[box ?? 0] = step;
      if (kind === "backward" || kind === "recorded") this.changed[box ?? this.links[link].parent] = step;
    });
  }

  // A copy of a formula that Python wrote, or null.
  formula(kind, place) {
    const keyOf = (text) => text.match(/ data-(\w+)="(\d+)"/).slice(1).join(" ");
    this.formulas ??= new Map(packed.get(`formulas ${this.section}`).map((text) => [keyOf(text), text]));
    const lines = packed.get("lines"); // levels share those of derivations
    const text = kind === "line" ? lines[place] : this.formulas.get(`${kind} ${place}`);
    return text === undefined ? null : document.importNode(parsed(text), true);
  }

  // The same for use within another formula.
  part(kind, place) {
    const found = this.formula(kind, place);
    return found && math("mrow", ...found.childNodes);
  }

  // d(top)/d(bottom)
  d(top, bottom) {
    const named = (box) => this.part("name", box) ?? math("mtext", this.boxes[box].name);
    return math("mfrac", ...[top, bottom].map((box) => math("mrow", math("mi", "d"), named(box))));
  }

  slope(box) {
    return this.d(this.root, box);
  }

  // A formula with its slots filled, or null.
  filled(kind, place, results) {
    const found = this.part(kind, place);
    for (const slot of found?.querySelectorAll("[data-value], [data-gradient]") ?? []) {
      const { value, gradient } = slot.dataset;
      const [x] = value ? results.values[value] : results.gradients[gradient];
      slot.replaceChildren(number(x, standsAlone(slot)));
    }
    return found;
  }

  // All numbers: of each box its value and gradient, of each link the derivative and what is sent back.
  /** @param {Float64Array} numbers @returns {Results | null} */
  compute(numbers) {
    if (this.computedFrom !== numbers) [this.computedFrom, this.results] = [numbers, this.computed(numbers)];
    return this.results;
  }

  computed(numbers) {
    if (!this.program) return null;
    const found = this.program(numbers, this.constants);
    let at = 0;
    const next = (size) => found.slice(at, (at += size)); // of a program in scalars
    const take = (size) => (this.arrays ? found[at++].data : next(size));
    return {
      values: this.boxes.map((box) => take(sizeOf(box))),
      gradients: this.boxes.map((box) => (box.gradient ? take(sizeOf(box)) : null)),
      locals: this.links.map((link) => (link.local ? take(1)[0] : null)),
      sent: this.links.map((link) => (link.size ? take(link.size) : null)),
    };
  }

  loss(numbers) {
    return this.compute(numbers)?.values[this.root][0];
  }

  // The gradients as far as the backward pass has come: null where nothing has arrived.
  gradientsAt(step, { gradients, sent }) {
    if (step === this.last) return gradients;
    const totals = this.boxes.map((_, box) => (step >= this.seed && box === this.root ? gradients[box] : null));
    for (const { link } of this.steps.slice(this.seed + 1, step + 1)) {
      const { parent } = this.links[link];
      totals[parent] = sum(totals[parent], sent[link]);
    }
    return totals;
  }

  // What a heat map of a box's numbers shows: its columns, and for each cell the place of its number, -1 for none.
  map(box, numbers) {
    const { cells, columns, shape } = this.boxes[box];
    return cells ? { cells, columns, numbers } : plane(numbers, shape);
  }

  // Whether a box has its value at a step, and whether its gradient is complete.
  computedAt(box, step) {
    return this.known[box] <= step;
  }

  completeAt(box, step) {
    return step === this.last || (step >= this.seed && step >= this.changed[box]);
  }

  // All names, and of parameters also where they are in their model, each with its box.
  /** @returns {[string, number][]} */
  named() {
    /** @returns {[string, number][]} */
    const names = (told, box) => namesOf(told).map((name) => [name, box]);
    return this.boxes.flatMap(names);
  }

  // The links through which a box's gradient arrives.
  into(box) {
    return this.passes.filter((link) => this.links[link].parent === box).reverse();
  }
}

/** @param {BoxData} told @returns {string[]} */
const namesOf = ({ name, within }) => (within === undefined ? [name] : [name, within]);

function sum(a, b) {
  return a ? a.map((x, i) => x + b[i]) : b;
}

// Whether nothing but brackets is beside a part of a formula.
function standsAlone(node) {
  while (node.parentNode?.children.length === 1) node = node.parentNode;
  return !node.parentNode || (node.previousSibling?.textContent === "(" && node.nextSibling?.textContent === ")");
}

/** @type {Level[]} */
const levels = data.levels.map((told, place) => (told.view ? null : new Level(told, place))); // views: see grouping.js
