// The program of a loss at random points, as views/answers/edits/program.py has it: values, local derivatives, flows.
"use strict";

const COUNT = 96; // random points
const times = (a, b) => a.map((x, i) => x * b[i]);
const plus = (a, b) => a.map((x, i) => x + b[i]);
const less = (a, b) => a.map((x, i) => x - b[i]);
const scale = (k, a) => a.map((x) => k * x);
const dot = (a, b) => a.reduce((total, x, i) => total + x * b[i], 0);
const largest = (a) => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const finite = (a) => a.every(Number.isFinite);
const letter = (label) => label.split(/[_0-9]/, 1)[0];

function same(a, b, tolerance = 1e-9) { // at all points, but for rounding
  const size = 1e-12 * largest(b);
  return a.every((x, i) => Math.abs(x - b[i]) <= tolerance * Math.max(Math.abs(x), Math.abs(b[i])) + size &&
    Number.isFinite(x) && Number.isFinite(b[i]));
}

const nearest = (a, b) => dot(b, b) > 0 ? dot(a, b) / dot(b, b) : 0; // the k for which k·b comes nearest to a

function ratio(a, b) { // the number k for which a is k·b, 0 if there is none
  const k = nearest(a, b);
  return k && same(a, scale(k, b)) ? k : 0;
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

  valueAt(n, inputs) {
    const {value} = this.operations[this.nodes[n].op];
    return this.ones.map((_, i) => Number(value(inputs.map((x) => x[i]))[0]));
  }

  slopesAt(n, y, inputs) {
    const {slopes} = this.operations[this.nodes[n].op];
    const each = this.ones.map((_, i) => slopes([y[i], ...inputs.map((x) => x[i])]));
    return inputs.map((_, k) => each.map((found) => Number(found[k])));
  }

  sent(root, changed = new Map(), closed = new Set()) { // droot/dn for every node
    const found = this.nodes.map(() => null);
    found[root] = this.ones;
    for (let n = root; n >= 0; n--)
      if (found[n])
        this.nodes[n].parents.forEach((p, k) => {
          if (this.nodes[p].constant || closed.has(edge(n, k))) return;
          const along = times(found[n], changed.get(edge(n, k)) ?? this.slopes[n][k]);
          found[p] = found[p] ? plus(found[p], along) : along;
        });
    return found;
  }
}

const edge = (n, k) => 8 * n + k; // as one number: no elementary function has eight inputs
const nodeOf = (e) => Math.floor(e / 8);

// What flows between θ and the last node, with other local derivatives for the edges in `changed`, none for `closed`.
class Flow {
  constructor(program, theta, closed = new Set(), changed = new Map()) {
    Object.assign(this, {program, theta, closed, changed});
    this.down = program.sent(program.root, changed, closed);
    this.up = program.nodes.map(() => null);
    this.up[theta] = program.ones;
    program.nodes.forEach(({parents}, n) => parents.forEach((p, k) => {
      if (n <= theta || !this.up[p] || closed.has(edge(n, k))) return;
      const along = times(this.up[p], this.slope(edge(n, k)));
      this.up[n] = this.up[n] ? plus(this.up[n], along) : along;
    }));
    this.total = this.up[program.root] ?? scale(0, program.ones);
    this.on = program.nodes.map((_, n) => n).filter((n) => this.down[n] && this.up[n]);
    const on = new Set(this.on);
    this.edges = this.on.flatMap((n) => program.nodes[n].parents.flatMap((p, k) => on.has(p) ? [edge(n, k)] : []))
      .filter((e) => !closed.has(e));
  }

  slope(e) {
    return this.changed.get(e) ?? this.program.slopes[nodeOf(e)][e % 8];
  }

  parent(e) {
    return this.program.nodes[nodeOf(e)].parents[e % 8];
  }

  sent(root) {
    return this.program.sent(root, this.changed, this.closed);
  }

  through(n) {
    return this.down[n] && this.up[n] ? times(this.down[n], this.up[n]) : scale(0, this.program.ones);
  }

  along(e, slope = this.slope(e)) {
    const [down, up] = [this.down[nodeOf(e)], this.up[this.parent(e)]];
    return down && up ? times(times(down, slope), up) : scale(0, this.program.ones);
  }

  withSlopes(changed) {
    return new Flow(this.program, this.theta, this.closed, new Map([...this.changed, ...changed]));
  }
}

// Numbers of the leaves with a name at random points, the same at every visit and in Python: from 0.2 to 1.3 in size;
// or near their own data. A λ stays what it is, and what is held; each family of targets adds up to 1.
function drawn({nodes, targets, held: given}, theta, near) {
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
      leaves.get(label).push(near ? (data < 0 ? -1 : 1) * (data === 0 ? 1 : Math.abs(data)) * size : sign * size);
    }
  for (const family of targets) {
    const sums = leaves.get(family[0]).map((_, i) => family.reduce((sum, y) => sum + Math.abs(leaves.get(y)[i]), 0));
    for (const y of family) leaves.set(y, leaves.get(y).map((x, i) => Math.abs(x) / sums[i]));
  }
  return leaves;
}
