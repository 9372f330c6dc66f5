// The graph of a loss over arrays: the values of its nodes, and the gradients, operation by operation.
"use strict";

// `told` has the nodes, the operations, each by itself, and the boxes; see lesson/sections/array_graph.py.
class ArrayGraph {
  /** @type {Tensor[] | undefined} */ found;
  /** @type {Map<number, Tensor> | undefined} */ sent;
  /** @type {any} */ numbers;
  /** @type {number[]} */ shown = [];

  constructor(told) {
    Object.assign(this, told);
    this.named = new Map(told.boxes.map(([n, name]) => [n, name]));
    this.asked = told.boxes.filter(([, , moving]) => moving).map(([n]) => n);
    this.operators = new Set(told.boxes.filter(([, , , labelled]) => !labelled).map(([n]) => n));
    this.computed = told.boxes.map(([n]) => n).filter((n) => told.nodes[n][0] >= 0);
  }

  take(numbers) { // of all leaves
    Object.assign(this, {numbers: Float64Array.from(numbers), found: undefined, sent: undefined});
  }

  program(numbers) { // the loss at these, and the numbers of what is shown
    this.take(numbers);
    return [this.root, ...this.shown].flatMap((n) => [...this.values[n].data]);
  }

  shape(n) {
    return this.nodes[n][2];
  }

  inputs(n) {
    return this.nodes[n][1].map((p) => this.values[p]);
  }

  get values() {
    if (this.found) return this.found;
    this.found = [];
    for (const [operation, , shape, place] of this.nodes) {
      const leaf = () => (Array.isArray(place) ? array(place, shape) : xp.leaf(this.numbers, place, shape));
      const n = this.found.length;
      this.found.push(operation < 0 ? leaf() : this.operations[operation].value(joined(this.inputs(n)))[0]);
    }
    return this.found;
  }

  get gradients() { // by node, from the end on
    if (this.sent) return this.sent;
    const found = (this.sent = new Map([[this.root, array([1], this.shape(this.root))]]));
    for (let n = this.root; n >= 0; n--) {
      const [operation, parents] = this.nodes[n];
      if (operation < 0 || !found.has(n)) continue;
      const {to, back} = this.operations[operation], parts = back(joined([found.get(n), ...this.inputs(n)]));
      to.forEach((k, i) => {
        const before = found.get(parents[k]), {data} = spread(parts[i], this.shape(parents[k]));
        found.set(parents[k], tensor(before ? data.map((x, j) => x + before.data[j]) : data, this.shape(parents[k])));
      });
    }
    return found;
  }

  descended(rate) { // the numbers of all leaves after a step of gradient descent
    const next = [...this.numbers];
    for (const [n, {data}] of this.gradients) {
      const [operation, , , place] = this.nodes[n];
      if (operation < 0 && typeof place === "number" && place < this.moved)
        data.forEach((g, i) => (next[place + i] -= rate * g));
    }
    return next;
  }

  gradient(n) {
    return this.gradients.get(n) ?? array(Array(countIn(this.shape(n))).fill(0), this.shape(n));
  }
}

const joined = (tensors) => Float64Array.from(tensors.flatMap(({data}) => [...data]));

// What the steps through such a graph show and say: of an array its shape, one number of its gradient is asked for.
function arraySteps(section, graph) {
  const grids = section.querySelector(".grids"), {f, root, edges, computed, asked} = graph;
  const words = (n) => graph.named.get(n);
  const size = (n) => graph.shape(n).join("×") || "a number", name = (n) => nameOf(words(n));
  const named = (n) => (graph.operators.has(n) ? ["(", name(n), ")"] : [name(n)]);
  const slope = (n) => ["d", created("var", {}, f), "/d", ...named(n)];
  const steepest = (n) => {
    const {data} = graph.gradient(n);
    return data.reduce((most, x, i) => (Math.abs(x) > Math.abs(data[most]) ? i : most), 0);
  };
  const index = (n, place) => {
    const shape = graph.shape(n);
    const at = shape.map((length, axis) => 1 + Math.floor(place / countIn(shape.slice(axis + 1))) % length);
    return at.length ? `[${at.join(", ")}]` : "";
  };
  const tiles = (title, {data, shape}) => {
    const cells = [...data].map(() => created("span"));
    paintCells(cells, [...data]);
    return data.length > MOST_TILES ? created("p", {}, `${title}: ${data.length} numbers`)
      : gridOf({name: title, shape}, cells);
  };
  return {
    root, computed, asked, beside: false,
    edges: () => edges,
    words,
    value: (n) => graph.shape(n).join("×"),
    gradient: () => "✓",
    fill: () => "var(--desk)",
    number: (n) => graph.gradient(n).data[steepest(n)],
    name: (n) => [...slope(n), index(n, steepest(n))],
    forward(n) {
      grids.replaceChildren(tiles(words(n), graph.values[n]));
      return ["Forward: ", name(n), `, ${size(n)}, from `, ...listedNames(edges, n, name)];
    },
    back(n, open, seen) {
      const takers = edges.filter(([p]) => p === n).map(([, to]) => to);
      grids.replaceChildren(tiles(words(n), graph.values[n]),
        ...takers.filter(seen).map((to) => tiles(`d${f}/d${words(to)}`, graph.gradient(to))),
        ...(open ? [tiles(`d${f}/d${words(n)}`, graph.gradient(n))] : []));
      const from = takers.flatMap((to, i) => [i ? " and " : "", name(to)]);
      const shaped = [...slope(n), " has the shape of ", name(n), `, ${size(n)}`];
      return ["Backward: ", ...shaped, ". It is what comes back from ", ...from, "."];
    },
    start: () => grids.replaceChildren(),
  };
}

const MOST_TILES = 150;
const listedNames = (edges, n, name) =>
  edges.filter(([, to]) => to === n).flatMap(([p], i) => [i ? ", " : "", name(p)]);
