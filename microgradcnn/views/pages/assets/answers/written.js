// A student's formula with other names or operations in it, as views/answers/edits/written.py rewrites it.
"use strict";

const ARITHMETIC = new Map([["sum", (a, b) => a + b], ["sub", (a, b) => a - b], ["product", (a, b) => a * b]]);

// A student's formula as nodes in order, so that parts of it can have other numbers.
class Written {
  foundSums;

  constructor(tree, values) {
    this.nodes = [];
    this.add(tree);
    this.size = 2 * this.nodes.filter(({name}) => name !== undefined).length + 1; // steps that it takes to compute
    this.most = Math.floor(MOST.written / this.size); // of rewritings
    this.count = values.values().next().value.length;
    this.values = [];
    this.values = this.computed((node) => (node.name === undefined ? Array(this.count).fill(node.number)
      : values.get(node.name)), new Map());
  }

  add(tree, x) { // the place of a tree; `x` is that of the x in a function's formula
    const push = (node) => this.nodes.push(node) - 1;
    if (typeof tree === "number") return push({number: tree, parents: []});
    if (!Array.isArray(tree)) return x ?? push({name: tree.name, parents: []});
    const [head, ...terms] = tree, defined = formula.definition(head);
    if (defined) return this.add(defined, this.add(terms[0], x));
    const [first, ...rest] = terms.map((term) => {
      const minus = head === "sum" && term[0] === "negative" && term !== terms[0];
      return {minus, inverse: term[0] === "inverse", place: this.add(minus ? term[1] : term, x)};
    });
    if (head !== "sum" && head !== "product") {
      const parents = [first, ...rest].map(({place}) => place);
      return push({head, parents, apply: Written.applied(head, parents.length)});
    }
    return rest.reduce((before, {minus, inverse, place}) => push({head: minus ? "sub" : head, inverse,
      parents: [before, place], apply: Written.applied(minus ? "sub" : head, 2)}), first.place);
  }

  static applied(head, count) { // an operation on numbers
    if (ARITHMETIC.has(head)) return ARITHMETIC.get(head);
    const names = Array.from({length: count}, (_, i) => `x_${i}`), at = new Map();
    const value = formula.evaluator([head, ...names.map((name) => ({name}))]);
    return (...numbers) => {
      numbers.forEach((x, i) => at.set(names[i], x));
      return value(at);
    };
  }

  computed(leaf, changed) { // the numbers of all nodes, those in `changed` and what depends on them anew
    const anew = new Set(changed.keys()), found = [];
    this.nodes.forEach(({parents, apply}, i) => {
      if (changed.has(i)) found.push(changed.get(i));
      else if (!apply) found.push(leaf(this.nodes[i], i));
      else if (this.values.length && !parents.some((p) => anew.has(p))) found.push(this.values[i]);
      else {
        anew.add(i);
        found.push(found[parents[0]].map((_, point) => apply(...parents.map((p) => found[p][point]))));
      }
    });
    return found;
  }

  instead(changed) {
    return this.computed((_, i) => this.values[i], changed).at(-1);
  }

  rewritten(changed) { // NaN where something is 0 now, or two terms cancel: paths are gone, and not mended
    const found = this.computed((_, i) => this.values[i], changed), anew = (i) => found[i] !== this.values[i];
    const cancel = (i, j, sign) => found[i].every((x, p) => Math.abs(x + sign * found[j][p]) <= 1e-12 * Math.abs(x));
    const gone = found.some((x, i) => anew(i) && !x.some(Boolean)) || this.sums.some((terms) =>
      terms.some(([i]) => anew(i)) && terms.some(([i, own], at) =>
        terms.slice(at + 1).some(([j, sign]) => cancel(i, j, own * sign))));
    return gone ? scale(NaN, found.at(-1)) : found.at(-1);
  }

  get sums() { // the terms of every sum with their signs; none of a sum that is a term of another
    if (this.foundSums) return this.foundSums;
    const found = new Map(), signs = {sum: [1, 1], sub: [1, -1], negative: [-1]};
    this.nodes.forEach(({head, parents}, i) => {
      if (!Object.hasOwn(signs, head)) return;
      found.set(i, parents.flatMap((p, k) => (found.get(p) ?? [[p, 1]]).map(([term, own]) =>
        [term, signs[head][k] * own])));
      for (const p of parents) found.delete(p);
    });
    return (this.foundSums = [...found.values()]);
  }

  get mentions() {
    const named = this.nodes.flatMap(({name}, i) => (name === undefined ? [] : [i]));
    return grouped(named, (i) => this.nodes[i].name);
  }

  rewritings(values) { // [diagnosis, numbers] with another name or another operation in it
    const {mentions} = this, labels = [...values.keys()], used = [...mentions.keys()].sort(), found = [];
    const add = (diagnosis, changed) => {
      if (found.length < this.most) found.push({diagnosis, values: this.rewritten(changed)});
    };
    const all = (name, right) => mentions.get(name).map((i) => [i, values.get(right)]);
    for (const name of used)
      for (const right of kin(name, labels)) {
        const replaced = all(name, right);
        add(said("another", [name, right], {q: name, p: right}), new Map(replaced));
        if (mentions.has(right))
          add(said("exchanged", [name, right], {q: name, p: right}), new Map([...replaced, ...all(right, name)]));
      }
    for (const family of unique(used.map(letter)).sort()) {
      const names = used.filter((name) => letter(name) === family);
      for (const by of names.length > 1 ? SHIFTS : []) {
        const moved = names.map((name) => movedLabel(name, by));
        if (moved.every((label) => values.has(label)))
          add(said("siblings", [names[0], moved[0]], {q: listed(names), p: listed(moved)}),
            new Map(names.flatMap((name, i) => all(name, moved[i]))));
      }
    }
    for (const name of used)
      for (const right of mentions.get(name).length > 1 ? kin(name, labels) : [])
        for (const [mention, i] of mentions.get(name).entries())
          add({...said("another once", [name, right], {q: name, p: right}), mention},
            new Map([[i, values.get(right)]]));
    this.nodes.forEach(({head, inverse, parents: [a, b]}, i) => {
      if (b === undefined || inverse || !["sum", "sub", "product"].includes(head)) return;
      const product = head === "product", apply = product ? plus : times;
      if (product && [a, b].some((p) => this.nodes[p].number !== undefined)) return; // 2x is no 2 + x
      add(said(product ? "multiplied" : "added"), new Map([[i, apply(this.values[a], this.values[b])]]));
    });
    return found;
  }

  shortened() { // the same without one of the terms of a sum in it
    const sums = this.nodes.map((_, i) => i).filter((i) => ["sum", "sub"].includes(this.nodes[i].head));
    return sums.slice(0, this.most).flatMap((i) => {
      const {head, parents: [a, b]} = this.nodes[i], [left, right] = [this.values[a], this.values[b]];
      return [[b, left], [a, head === "sub" ? scale(-1, right) : right]].map(([term, rest]) => {
        const names = unique(this.namesUnder(term)).sort();
        const words = {q: listed(names.length ? names : [inWords(this.values[term][0])])};
        return {diagnosis: said("summand", names, words), values: this.instead(new Map([[i, rest]]))};
      });
    });
  }

  namesUnder(i) {
    const {name, parents} = this.nodes[i];
    return name === undefined ? parents.flatMap((p) => this.namesUnder(p)) : [name];
  }
}
