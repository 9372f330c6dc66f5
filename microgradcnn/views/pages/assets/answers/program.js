// The program of a loss at random points, as views/answers/edits/program.py has it: values, local derivatives, flows,
// and the steps that a search may take.
"use strict";

const COUNT = 96; // random points
const times = (a, b) => a.map((x, i) => x * b[i]);
const plus = (a, b) => a.map((x, i) => x + b[i]);
const less = (a, b) => a.map((x, i) => x - b[i]);
const scale = (k, a) => a.map((x) => k * x);
const total = (terms, zero) => terms.reduce(plus, zero);
const largest = (a) => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const finite = (a) => a.every(Number.isFinite);
const letter = (label) => label.split(/[_0-9]/, 1)[0];

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function same(a, b, tolerance = 1e-9, k = 1) { // whether a is k·b at all points, but for rounding
  let size = -1;
  for (let i = 0; i < a.length; i++) {
    const x = a[i], y = k * b[i], apart = Math.abs(x - y);
    if (apart <= tolerance * Math.max(Math.abs(x), Math.abs(y)) && apart < Infinity) continue;
    if (size < 0) size = 1e-12 * Math.abs(k) * largest(b);
    if (!(apart <= size)) return false;
  }
  return finite(a) && finite(b);
}

const nearest = (a, b) => { // the k for which k·b comes nearest to a
  const size = dot(b, b);
  return size > 0 ? dot(a, b) / size : 0;
};

function ratio(a, b) { // the number k for which a is k·b, 0 if there is none
  const k = nearest(a, b);
  return k && same(a, b, 1e-9, k) ? k : 0;
}

class OutOfSteps extends Error {}

// What a check may still do: a step is a line of a program or a formula at all points, or a comparison of two.
class Steps {
  static MOST = EDITS.bounds.steps;
  left = Steps.MOST;

  take(count) {
    this.left -= count;
    if (this.left < 0) throw new OutOfSteps();
  }
}

// Nodes are {op, name, label, words, parents, data}: `op` is a place in `operations`, each with the functions of its
// value, of the inputs, and of its local derivatives, of the value and the inputs; -1 for a leaf. The loss is `root`.
class LossProgram {
  constructor({root, nodes, operations}, leaves) {
    this.root = root;
    this.nodes = nodes.map(([op, parents, label, words, data]) => ({
      op, parents, label, words, data, name: op < 0 ? "" : operations[op].name, constant: op < 0 && label === null}));
    this.operations = operations;
    this.count = leaves.values().next().value?.length ?? 1;
    this.ones = Array(this.count).fill(1);
    this.values = [];
    this.slopes = [];
    this.nodes.forEach((node, n) => {
      const inputs = node.parents.map((p) => this.values[p]);
      this.values.push(node.op < 0 ? leaves.get(node.label) ?? scale(node.data, this.ones) : this.valueAt(n, inputs));
      this.slopes.push(node.op < 0 ? [] : this.slopesAt(n, this.values[n], inputs));
    });
  }

  factor(n) { // the words of a node, in brackets if they are a formula: d(wx), or 2(wx − y)
    const {label, words} = this.nodes[n];
    return label !== null || n === this.root ? words : `(${words})`;
  }

  valueAt(n, inputs) {
    const {value} = this.operations[this.nodes[n].op];
    return this.ones.map((_, i) => Number(value(inputs.map((x) => x[i]))[0]));
  }

  slopesAt(n, y, inputs) {
    const {slopes} = this.operations[this.nodes[n].op];
    const each = this.ones.map((_, i) => slopes([y[i], ...inputs.map((x) => x[i])]));
    return inputs.map((_, k) => each.map((found) => Number(found[k])));
  }

  direct(above, below) { // what `above` is computed from without a node that has a name in between, and `below`
    const found = new Set([above]), stack = [above];
    while (stack.length)
      for (const p of this.nodes[stack.pop()].parents) {
        if (found.has(p) || (p !== below && this.nodes[p].label !== null)) continue;
        found.add(p);
        if (p !== below) stack.push(p);
      }
    return found;
  }

  /** @param {number} root  @param {Set<number>} [along] */
  sent(root, along) { // droot/dn for every node that it depends on, by the nodes of `along` alone if given
    const found = this.nodes.map(() => null);
    found[root] = this.ones;
    for (let n = root; n >= 0; n--)
      if (found[n])
        this.nodes[n].parents.forEach((p, k) => {
          if (this.nodes[p].constant || (along && !along.has(p))) return;
          const share = times(found[n], this.slopes[n][k]);
          found[p] = found[p] ? plus(found[p], share) : share;
        });
    return found;
  }
}

const edge = (n, k) => 8 * n + k; // as one number: no elementary function has eight inputs
const nodeOf = (e) => Math.floor(e / 8);

// What flows between θ and the last node, nothing along edges that are closed: `on` are the nodes of the paths, `edges`
// theirs, `down` is df/dn and `up` dn/dθ by node; with other local derivatives for the edges in `changed`.
class Flow {
  /** @type {Map<number, Numbers> | undefined} */ foundDown;
  /** @type {Map<number, Numbers> | undefined} */ foundUp;

  constructor(program, theta, closed = new Set()) {
    Object.assign(this, {program, theta, closed, changed: new Map(), nothing: scale(0, program.ones)});
    const {nodes, root} = program, above = new Set([root]), below = new Set([theta]);
    const edges = nodes.slice(0, root + 1).flatMap(({parents}, n) => parents.map((_, k) => edge(n, k)))
      .filter((e) => !closed.has(e) && !nodes[this.parent(e)].constant);
    for (const e of edges.toReversed()) if (above.has(nodeOf(e))) above.add(this.parent(e));
    for (const e of edges) if (below.has(this.parent(e))) below.add(nodeOf(e));
    this.on = [...above].filter((n) => below.has(n)).sort((a, b) => a - b);
    this.edges = edges.filter((e) => above.has(nodeOf(e)) && below.has(this.parent(e)));
  }

  parent(e) {
    return this.program.nodes[nodeOf(e)].parents[e % 8];
  }

  slope(e) {
    return this.changed.get(e) ?? this.program.slopes[nodeOf(e)][e % 8];
  }

  get down() {
    return (this.foundDown ??= this.on.length ? this.sent(this.on.at(-1)) : new Map());
  }

  sent(root) {
    const found = new Map([[root, this.program.ones]]);
    for (const e of this.edges.toReversed())
      if (found.has(nodeOf(e))) this.add(found, this.parent(e), times(found.get(nodeOf(e)), this.slope(e)));
    return found;
  }

  get up() {
    if (this.foundUp) return this.foundUp;
    const found = new Map([[this.theta, this.program.ones]]);
    for (const e of this.edges) this.add(found, nodeOf(e), times(found.get(this.parent(e)), this.slope(e)));
    return (this.foundUp = found);
  }

  add(found, n, along) {
    found.set(n, found.has(n) ? plus(found.get(n), along) : along);
  }

  get total() {
    return this.on.length ? this.up.get(this.on.at(-1)) : this.nothing;
  }

  through(n) {
    return this.down.has(n) ? times(this.down.get(n), this.up.get(n)) : this.nothing;
  }

  along(e, slope = this.slope(e)) {
    return times(times(this.down.get(nodeOf(e)), slope), this.up.get(this.parent(e)));
  }

  withSlopes(changed) {
    const more = {foundDown: undefined, foundUp: undefined, changed: new Map([...this.changed, ...changed])};
    return Object.assign(Object.create(Flow.prototype), this, more);
  }
}

// Numbers of the leaves with a name at random points, the same at every visit and in Python: from 0.2 to 1.3 in size;
// or near their own data. A λ stays what it is, and what is held; bounds keep their signs and their order; each family
// of targets adds up to 1.
function drawn({nodes, targets, bounds, held: given}, theta, near) {
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647, leaves = new Map();
  const named = nodes.filter(([op, , label]) => op < 0 && label !== null);
  named.sort(([, , a], [, , b]) => (a < b ? -1 : a > b ? 1 : 0));
  const held = ([, , label, , data]) => label !== theta &&
    (given.includes(label) || (["lambda", "λ"].includes(label) && data !== 0));
  for (const [, , label, , data] of named.filter(held)) leaves.set(label, Array(2 * COUNT).fill(data));
  const free = named.filter((leaf) => !held(leaf));
  for (const [, , label] of free) leaves.set(label, []);
  for (let i = 0; i < 2 * COUNT; i++)
    for (const [, , label, , data] of free) {
      const sign = random() < 0.5 ? -1 : 1, size = 0.2 + 1.1 * random();
      leaves.get(label).push(near ? (data || 1) * size : sign * size);
    }
  const kept = free.filter(([, , label, , data]) => bounds.includes(label) && data);
  if (kept.length) {
    const [[, , first, , own]] = kept, largest = Math.max(...kept.map(([, , , , data]) => Math.abs(data)));
    const sizes = leaves.get(first).map((x) => Math.abs(x) / (near ? Math.abs(own) : largest));
    for (const [, , label, , data] of kept) leaves.set(label, sizes.map((size) => data * size));
  }
  for (const family of targets) {
    const sums = leaves.get(family[0]).map((_, i) => family.reduce((sum, y) => sum + Math.abs(leaves.get(y)[i]), 0));
    for (const y of family) leaves.set(y, leaves.get(y).map((x, i) => Math.abs(x) / sums[i]));
  }
  return leaves;
}
