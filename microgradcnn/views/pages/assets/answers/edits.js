// The edits of a gradient, as views/answers/edits has them: what each makes of it, and what is said (EDITS).
"use strict";

const {linear: LINEAR, bounds: MOST} = EDITS;
const SHIFTS = Array.from({length: MOST.shift}, (_, i) => [i + 1, -i - 1]).flat();

const fill = (sentence, words) => sentence.replace(/\{(\w+)\}/g, (_, key) => words[key]);
const listed = (names) => (names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);
const unique = (items) => [...new Set(items)];

function grouped(items, key) {
  const found = new Map();
  for (const item of items) found.set(key(item), [...(found.get(key(item)) ?? []), item]);
  return found;
}

// A mistake in the words of a sentence, and in those of a row of the table, where m and n are nodes of its path.
/** @type {(kind: string, said: string, names: string[], words: any, nodes?: string[], k?: any) => Diagnosis} */
const told = (kind, sentence, names, words, nodes = [], factor = null) =>
  ({kind, clause: fill(sentence, words), factor: kind === "sign" ? -1 : factor, names, nodes});
/** @type {(name: string, names?: string[], words?: any, factor?: number | null) => Diagnosis} */
const said = (name, names = [], words = {}, factor = null) =>
  ({...told(...EDITS.said[name], names, words, ["m", "n"].flatMap((key) => words[key] ?? []), factor),
    direct: name.startsWith("edge")});

// Numbers in words: a fraction with a small denominator, or a few digits.
function fraction(k) {
  for (let below = 1; below <= 64; below++) {
    const above = Math.round(k * below);
    if (Math.abs(k - above / below) <= 1e-8 * Math.abs(k)) return [above, below];
  }
  return null;
}

const tidy = (k) => k !== null && Math.abs(k) < 1e6 && fraction(k) !== null;
const near = (k, wanted) => Math.abs(k - wanted) <= 1e-8 * Math.abs(wanted);

function nice(k) {
  for (let below = 1; below <= 64; below++) {
    const found = Math.round(k * below) / below;
    if (Math.abs(k - found) <= 1e-6 * Math.max(1e-3, Math.abs(k))) return found;
  }
  return k;
}

function rounded(x, digits = 4) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  const [first, power] = x.toExponential(digits - 1).split("e"), exponent = Number(power);
  if (exponent >= -4 && exponent < digits) return String(Number(x.toPrecision(digits)));
  return `${Number(first)}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function inWords(k) {
  const found = Math.abs(k) < 1e6 && fraction(k);
  if (found) return `${found[0]}${found[1] === 1 ? "" : `/${found[1]}`}`.replace("-", "−");
  return Math.abs(Number(rounded(k))) === 1 ? rounded(k, 9) : rounded(k); // "1 times" would say that it is right
}

function scaled(k, of = "") { // what to say of an answer that is k times what it should be
  if (!k || near(k, 1)) return [];
  if (near(k, -1)) return [said(of ? "minus the gradient" : "minus", [], {of})];
  return [said("times", [], {k: inWords(k), of: of || "what it should be"}, nice(k))];
}

const instead = (() => { // what a formula of the table gives in place of the local derivative of an edge
  const known = formula.names(["v", "x", "d", "s"]), read = new Map();
  return (program, e, text) => {
    if (!read.has(text)) read.set(text, formula.evaluator(formula.parse(text, known)));
    const n = nodeOf(e), inputs = program.nodes[n].parents.map((p) => program.values[p]);
    const [v, x, d] = [program.values[n], inputs[e % 8], program.slopes[n][e % 8]];
    let s = d;
    if (text === "s") {
      const moved = inputs.with(e % 8, v);
      s = program.slopesAt(n, program.valueAt(n, moved), moved)[e % 8];
    }
    return v.map((_, i) => read.get(text)(new Map([["v", v[i]], ["x", x[i]], ["d", d[i]], ["s", s[i]]])));
  };
})();

function isInner({nodes}, e) {
  const {name, parents} = nodes[nodeOf(e)];
  return !LINEAR.includes(name) && parents.filter((p) => !nodes[p].constant).length === 1;
}

function innerWords(program, edges) {
  const {nodes, operations} = program;
  const at = edges.map(nodeOf), inputs = edges.map((e) => nodes[nodes[nodeOf(e)].parents[e % 8]]);
  const names = at.map((n) => nodes[n].words), one = ([first, ...more]) =>
    (more.length ? `${first.split("_", 1)[0]}_i` : first);
  const z = one(names), {label, name} = nodes[at[0]];
  const a = label !== null && inputs[0].label === null ? z.replace("z", "a") : one(inputs.map(({words}) => words));
  const known = label !== null && Object.hasOwn(EDITS.written, name);
  const base = edges.length === 1 ? program.factor(nodes[at[0]].parents[edges[0] % 8]) : a;
  const inner = fill(known ? EDITS.written[name] : operations[nodes[at[0]].op].derived, {z, a, base});
  return {zs: listed(names), inner, z, a, one: `1 − ${z}`};
}

function kin(label, labels) { // the names that are easily taken for this one
  const index = label.slice(letter(label).length);
  const others = labels.filter((x) => x !== label && !(x + label).includes("_hat") && letter(x) !== "f");
  const alike = others.filter((x) => letter(x) === letter(label));
  return [...alike, ...others.filter((x) => letter(x) !== letter(label) && x.slice(letter(x).length) === index)];
}

function movedLabel(label, by) {
  const [, base, number] = /^(.*)_([0-9]+)$/.exec(label) ?? [];
  return base === undefined ? "" : `${base}_${Number(number) + by}`;
}

const lastNumber = (label) => Number(/_([0-9]+)$/.exec(label)?.[1] ?? -1);

// All edits of one kind of place: {diagnosis, values, changed}.
class Edits {
  /** @type {any[] | undefined} */ foundLinks;

  constructor(flow, families, steps) {
    Object.assign(this, {flow, families, steps, program: flow.program, nodes: flow.program.nodes, known: new Map()});
    this.inner = flow.edges.filter((e) => isInner(this.program, e));
    this.factors = flow.edges.flatMap((e) => {
      const q = this.nodes[nodeOf(e)].parents.find((_, i) => i !== e % 8);
      return this.nodes[nodeOf(e)].name === "mul" && !this.nodes[q].constant ? [[e, q]] : [];
    });
    const inside = this.nodes.slice(0, this.program.root + 1);
    this.place = new Map(inside.flatMap(({label}, n) => (label === null ? [] : [[label, n]])));
    const kinds = this.inner.flatMap((e) => {
      const {name, label} = this.nodes[nodeOf(e)];
      return [[`${name} ${letter(label ?? "")}`, e], [name, e]];
    });
    const alike = [...grouped(kinds, ([key]) => key).values()].map((group) => group.map(([, e]) => e));
    this.alike = [...grouped(alike.filter((edges) => edges.length > 1), String).values()].map(([edges]) => edges);
  }

  all() {
    if (this.flow.edges.length > MOST.edges) return [];
    const found = [this.weighed(), this.ofFunctions(), this.ofFactors(), this.cut(), this.everywhere(),
      this.otherWindows(), this.allOfAMaximum(), this.sums(), this.ofOthers()];
    return this.finite(found.flat());
  }

  finite(edits) { // each is a step
    this.steps.take(edits.length);
    return edits.filter(({values}) => finite(values));
  }

  edit(diagnosis, values, changed = new Map()) {
    return {diagnosis, values, changed};
  }

  words(n) {
    return this.nodes[n].words;
  }

  sent(n) { // what a node of the paths sends down
    if (!this.known.has(n)) {
      this.steps.take(this.flow.edges.length);
      this.known.set(n, this.flow.sent(n));
    }
    return this.known.get(n);
  }

  get links() { // two nodes of a path with their derivative, the nearest first
    const on = this.flow.on.length <= MOST.linked ? this.flow.on : [];
    this.foundLinks ??= on.flatMap((n, i) => on.slice(0, i).flatMap((m, j) =>
      (this.sent(n).has(m) ? [[n, m, this.sent(n).get(m), i - j]] : []))).sort((a, b) => a[3] - b[3]);
    return this.foundLinks;
  }

  weighed() { // a path left out, twice, or with the wrong sign
    const {flow, nodes} = this, found = [], add = (...edit) => found.push(this.edit(...edit));
    const inside = flow.on.slice(1, -1), named = (n) => nodes[n].label !== null;
    for (const [times_, how] of /** @type {[number, string][]} */ ([[-1, ""], [1, " twice"], [-2, " minus"]])) {
      const slope = (e) => /** @type {const} */ ([e, scale(1 + times_, flow.slope(e))]);
      for (const n of [...inside.filter(named), ...inside.filter((n) => !named(n))]) {
        const through = flow.through(n);
        if (!same(through, flow.total))
          add(said(`node${how}`, named(n) ? [nodes[n].label] : [], {n: this.words(n)}),
            plus(flow.total, scale(times_, through)), new Map(flow.edges.filter((e) => nodeOf(e) === n).map(slope)));
      }
      for (const e of flow.edges) {
        const [n, p, along] = [nodeOf(e), flow.parent(e), flow.along(e)];
        if (![flow.total, flow.through(n), flow.through(p)].some((other) => same(along, other)))
          add(said(`edge${how}`, [], {n: this.words(n), m: this.words(p)}),
            plus(flow.total, scale(times_, along)), new Map([slope(e)]));
      }
    }
    for (const [n, m, link] of flow.on.length <= MOST.named ? this.links : []) {
      if (!named(n) || !named(m)) continue;
      const along = times(times(flow.down.get(n), link), flow.up.get(m));
      if (![flow.total, flow.through(n), flow.through(m)].some((other) => same(along, other)))
        add(said("two nodes", [this.words(m), this.words(n)], {n: this.words(n), m: this.words(m)}),
          less(flow.total, along));
    }
    return found;
  }

  replaced(diagnosis, changed) { // other local derivatives at some edges
    const {flow} = this, [[e, slope]] = changed;
    if (changed.size === 1)
      return this.edit(diagnosis, plus(flow.total, flow.along(e, less(slope, flow.slope(e)))), changed);
    this.steps.take(flow.edges.length);
    return this.edit(diagnosis, flow.withSlopes(changed).total, changed);
  }

  ofFunctions() {
    if (this.flow.edges.length > MOST.edges) return [];
    return [...this.inner.map((e) => [e]), ...this.alike].flatMap((edges) => this.instead(edges));
  }

  instead(edges) {
    const words = innerWords(this.program, edges), zs = edges.map((e) => this.words(nodeOf(e)));
    return EDITS.instead.flatMap(([kind, wrong, text]) => {
      const changed = new Map(edges.map((e) => [e, instead(this.program, e, text)]));
      if ([...changed].some(([e, slope]) => same(slope, this.flow.slope(e)))) return [];
      return [this.replaced(told(kind, wrong, zs, words, zs), changed)];
    });
  }

  kin(q) {
    const {label} = this.nodes[q];
    return label === null ? [] : kin(label, [...this.place.keys()]).slice(0, MOST.kin).map((x) => this.place.get(x));
  }

  nearest(e) { // the next node towards f that has a name, towards θ where there is none before f
    const {flow, nodes} = this, root = flow.on.at(-1);
    let n = nodeOf(e);
    while (nodes[n].label === null && n !== root)
      n = nodeOf(flow.edges.find((above) => nodes[nodeOf(above)].parents.includes(n)));
    if (n !== root || flow.parent(e) === flow.theta) return n;
    n = flow.parent(e);
    while (nodes[n].label === null) n = flow.parent(flow.edges.find((below) => nodeOf(below) === n));
    return n;
  }

  ofFactors() {
    return this.factors.flatMap(([e, q]) => {
      const words = {q: this.words(q), n: this.words(this.nearest(e))};
      return [...this.leftOutOrTwice("factor", [e], [words.q], words),
        ...this.kin(q).map((other) => this.insteadOf(q, e, other))];
    });
  }

  ofOthers() { // any other node where a factor belongs; none that is paired with others
    const {program, nodes} = this, named = nodes.map((_, n) => n)
      .filter((n) => n < program.root && nodes[n].label !== null && letter(nodes[n].label) !== "y");
    return this.factors.flatMap(([e, q]) => {
      const near_ = [q, ...this.kin(q)];
      return named.filter((other) => !near_.includes(other))
        .map((other) => ({...this.insteadOf(q, e, other), changed: new Map()}));
    });
  }

  leftOutOrTwice(name, edges, names, words) { // no factor at some edges, and two of each
    const slope = (e) => this.flow.slope(e), {ones} = this.program;
    return [this.replaced(said(name, names, words), new Map(edges.map((e) => [e, ones]))),
      this.replaced(said(`${name} twice`, names, words), new Map(edges.map((e) => [e, times(slope(e), slope(e))])))];
  }

  insteadOf(q, e, other) { // another node at an edge where q is the factor
    const names = [this.words(other), this.words(q)], n = this.words(this.nearest(e));
    return this.replaced(said("sibling", names, {q: names[0], p: names[1], n}),
      new Map([[e, this.program.values[other]]]));
  }

  cut() { // what lies between two nodes, of those that have a name first, is left out of the product
    const {flow, program, nodes} = this, unnamed = ([n, m]) => Number([n, m].some((x) => nodes[x].label === null));
    const between = (x, n, m) => m < x && x <= n && this.sent(n).has(x) && this.sent(x).has(m);
    return [...this.links].sort((a, b) => unnamed(a) - unnamed(b)).flatMap(([n, m, link]) => {
      if (same(link, program.ones)) return [];
      const name = this.inner.some((e) => between(nodeOf(e), n, m)) ? "cut inner" : "cut";
      const values = plus(flow.total, times(times(flow.down.get(n), flow.up.get(m)), link.map((x) => 1 - x)));
      const names = [this.words(n), this.words(m)];
      const slope = [n, m].map((x) => `d${program.factor(x)}`).join("/");
      return [{...this.edit(said(name, names, {n: names[0], m: names[1], slope}), values), between: [n, m]}];
    });
  }

  places({changed, between}) { // the edges that an edit is about, as far as they are known
    if (!between) return new Set(changed.keys());
    const [n, m] = between, {flow} = this, above = (x) => x === m || this.sent(x).has(m);
    const inside = (x) => x === n || (m < x && x < n && this.sent(n).has(x) && this.sent(x).has(m));
    return new Set(flow.edges.filter((e) => inside(nodeOf(e)) && above(flow.parent(e))));
  }

  apart(one, other) { // whether two edits are of different edges, so that what they change adds up
    const places = this.places(other);
    return [...this.places(one)].every((e) => !places.has(e));
  }

  everywhere() {
    const {nodes, program} = this, every = [...Array(program.root).keys()];
    const found = this.alike.flatMap((edges) => this.ofAnother(edges, every));
    found.push(...this.inner.flatMap((e) => this.ofAnother([e], this.kin(nodeOf(e)))));
    for (const [own, pairs] of grouped(this.factors, ([, q]) => letter(nodes[q].label ?? ""))) {
      if (!own || pairs.length < 2) continue;
      const names = unique(pairs.map(([, q]) => this.words(q))), words = {q: listed(names)};
      const name = names.length > 1 ? "factors" : "one factor";
      found.push(...this.leftOutOrTwice(name, pairs.map(([e]) => e), names, words), ...this.shifted(pairs, names));
    }
    return found;
  }

  ofAnother(edges, among) { // the derivative at another node
    const {program, nodes} = this, at = edges.map(nodeOf), zs = at.map((n) => this.words(n));
    return among.flatMap((q) => {
      const {name, label} = nodes[q];
      if (!name || label === null || at.includes(q)) return [];
      const changed = new Map(edges.map((e) => {
        const n = nodeOf(e), inputs = nodes[n].parents.map((p) => program.values[p]);
        return [e, program.slopesAt(n, program.values[q], inputs.with(e % 8, program.values[q]))[e % 8]];
      }));
      return [this.replaced(said("of another", zs, {q: label, zs: listed(zs)}), changed)];
    });
  }

  shifted(pairs, names) { // the index off by a number, or one for all
    const {program, nodes, place} = this, found = [];
    for (const by of SHIFTS) {
      const moved = pairs.map(([, q]) => place.get(movedLabel(nodes[q].label ?? "", by)));
      if (moved.includes(undefined)) continue;
      const there = unique(moved.map((q) => this.words(q)));
      found.push(this.replaced(said("siblings", [there[0], names[0]], {q: listed(there), p: listed(names)}),
        new Map(pairs.map(([e], i) => [e, program.values[moved[i]]]))));
    }
    const [, first] = pairs[0];
    for (const other of names.length > 1 ? [first, ...this.kin(first)] : [])
      found.push(this.replaced(
        said("instead of siblings", [this.words(other), names[0]], {q: this.words(other), p: listed(names)}),
        new Map(pairs.map(([e]) => [e, program.values[other]]))));
    return found;
  }

  otherWindows() { // the pixels of windows in rows of another length, or with another stride
    const {flow, program, nodes, place} = this, atTheta = flow.edges.filter((e) => flow.parent(e) === flow.theta);
    const other = new Map(this.factors), factors = atTheta.filter((e) => other.has(e));
    const pairs = factors.map((e) => [nodes[other.get(e)].label ?? "", e]);
    pairs.sort(([a], [b]) => lastNumber(a) - lastNumber(b));
    const names = pairs.map(([label]) => label), found = [], tried = new Set([String(names)]);
    if (names.length < 4 || names.length < atTheta.length || unique(names.map(letter)).length > 1 ||
      lastNumber(names[0]) < 0) return [];
    for (let columns = 2; columns <= names.length; columns++)
      for (const step of names.length % columns ? [] : [1, 2, 3])
        for (let row = 1; row <= MOST.shift; row++) {
          const by = names.map((_, i) => step * (i % columns) + row * Math.floor(i / columns));
          const moved = by.map((x) => movedLabel(names[0], x));
          if (tried.has(String(moved)) || !moved.every((label) => place.has(label))) continue;
          tried.add(String(moved));
          const terms = pairs.map(([, e], i) => flow.along(e, program.values[place.get(moved[i])]));
          const words = {q: listed(moved), p: listed(names)};
          found.push(this.edit(said("siblings", [moved.at(-1), names.at(-1)], words), total(terms, flow.nothing)));
        }
    return found;
  }

  allOfAMaximum() { // all inputs, where the gradient goes to one of them alone
    const {flow, nodes, program} = this;
    return ["maximum", "minimum"].flatMap((op) => {
      const edges = flow.edges.filter((e) => nodes[nodeOf(e)].name === op);
      const inputs = unique(edges.map((e) => flow.parent(e)));
      const names = inputs.filter((p) => nodes[p].name !== op).map((p) => this.words(p));
      return names.length < 2 ? [] : [this.replaced(said("all of a maximum", names, {op, p: listed(names)}),
        new Map(edges.map((e) => [e, program.ones])))];
    });
  }

  sums() {
    const {flow, program} = this, found = [];
    for (const zs of this.families) {
      const on = zs.filter((z) => flow.on.includes(z));
      if (on.length < 2 || !same(total(on.map((z) => flow.through(z)), flow.nothing), flow.total)) continue;
      const [downs, ups] = [flow.down, flow.up].map((side) => total(on.map((z) => side.get(z)), flow.nothing));
      found.push(this.edit(said("product of sums", on.map((z) => this.words(z))), times(downs, ups)));
    }
    for (const [e, q] of this.factors)
      for (const other of this.kin(q)) {
        const names = [this.words(other), this.words(q)];
        const values = plus(flow.total, flow.along(e, program.values[other]));
        found.push(this.edit(said("another's path", names, {q: names[0], p: names[1]}), values));
      }
    return found;
  }
}
