// The search for the edits that explain an answer, as views/answers/edits/search.py goes through them.
"use strict";

class Search {
  foundShortened;
  foundRewritings;
  foundSingles;
  foundFunctions;
  foundLeftOut;

  constructor(evidence, answer) {
    Object.assign(this, {evidence, answer, flow: evidence.flow, steps: new Steps(), values: answer.values.at(-1)});
    this.terms = new Terms(evidence, this.steps);
    this.edits = new Edits(this.flow, this.terms.families, this.steps);
    const {program} = evidence;
    this.inner = new Map(this.edits.inner.filter((e) => nodeOf(e) < program.root)
      .filter((e) => program.nodes[nodeOf(e)].label !== null)
      .map((e) => [program.nodes[nodeOf(e)].label, [innerWords(program, [e]).inner, this.flow.slope(e)]]));
    this.quantities = this.listQuantities();
    this.fit = less(evidence.g, evidence.regularisation); // what data give of the gradient
  }

  first(...ways) {
    for (const way of ways) {
      const found = way();
      if (found.length) return found;
    }
    return [];
  }

  one(a) {
    return this.first(() => this.oneFactor(a), () => this.terms.mistake(a), () => this.difference(a),
      () => this.terms.innerMistake(a), () => this.edited(a, this.ofFunctions), () => this.tooLong(a),
      () => this.rewritten(a, false), () => this.leftOut(a), () => this.ofOthers(a));
  }

  leftOut(a) { // a path that is missing, and nothing else
    const rest = less(a, this.evidence.regularisation);
    this.steps.take(this.pathsLeftOut.length);
    const found = this.pathsLeftOut.find(({values}) => same(rest, values));
    return found ? [found.diagnosis] : [];
  }

  get pathsLeftOut() {
    const paths = () => (this.flow.edges.length <= MOST.edges ? this.edits.weighed() : []);
    const missing = ({diagnosis}) => diagnosis.kind === "missing path";
    return (this.foundLeftOut ??= this.edits.finite(paths().filter(missing)));
  }

  ofOthers(a) { // something of the gradient by another leaf, beside the right one or in it
    const extra = this.terms.extra(a);
    if (extra.length) return extra;
    const found = this.evidence.others.find(([, gradient]) => same(less(a, this.evidence.g), gradient, 1e-7));
    return found ? [said("gradient of another", [found[0]], {q: found[0]})] : [];
  }

  tooLong(a) { // a term too much in a sum: what it is, if it is known
    const besides = less(a, this.values);
    const shorter = this.shortened.find(({values}) => same(plus(values, besides), this.evidence.g));
    if (!shorter) return [];
    const found = this.ofOthers(a);
    return found[0]?.kind === "extra path" ? found : [shorter.diagnosis];
  }

  counted(found) { // formulas that are computed anew
    this.steps.take(found.length * this.answer.size);
    return found;
  }

  get shortened() {
    return (this.foundShortened ??= this.counted(this.answer.shortened()));
  }

  get rewritings() {
    return (this.foundRewritings ??= this.counted(this.answer.rewritings(this.evidence.values)));
  }

  editedOrRewritten(a) {
    return this.first(() => this.edited(a, this.singles), () => this.rewritten(a, true));
  }

  listQuantities() {
    const {values, error, loss} = this.evidence, varies = (x) => x.some((each) => each !== x[0]);
    const varied = [...values].filter(([label, x]) => label !== loss && varies(x));
    const found = varied.map(([label, x]) => ({text: label, values: x, family: letter(label), z: ""}));
    if (error) found.unshift({text: "(ŷ − y)", values: error, family: "error", z: ""});
    for (const [z, [text, own]] of this.inner) found.push({text, values: own, family: "inner", z});
    for (const [label, x] of values)
      if (varies(x) && (letter(label) === "z" || this.isShare(label, x)))
        found.push({text: `(1 − ${label})`, values: x.map((v) => 1 - v), family: "one minus", z: label});
    return found.filter((q) => finite(q.values)).slice(0, MOST.quantities);
  }

  isShare(label, x) { // a value of σ, or of a softmax, which are between 0 and 1
    const {names, program} = this.evidence, name = program.nodes[names.get(label)]?.name;
    return ["sigmoid", "div"].includes(name) && x.every((each) => Math.abs(each - 0.5) < 0.5);
  }

  oneFactor(a) {
    const {g, decay, regularisation, name} = this.evidence, found = this.factorOf(a, g);
    if (found.length || !decay) return found;
    const rest = less(a, regularisation);
    return this.first(() => scaled(ratio(rest, this.fit), name), () => this.factorOf(rest, this.fit));
  }

  factorOf(a, g) {
    this.steps.take(4 * this.quantities.length);
    for (const exactly of [true, false])
      for (const q of this.quantities)
        for (const [missing, k] of [[true, ratio(times(a, q.values), g)], [false, ratio(a, times(g, q.values))]])
          if (k && (near(k, 1) || (!exactly && tidy(k))) && (missing || !this.valueAlone(q)))
            return [this.factorSaid(q, missing), ...scaled(k)];
    const used = this.answer.mentions;
    for (const q of this.quantities)
      for (const p of used.has(q.z || q.text) ? this.quantities : []) {
        if (p.family !== q.family || p === q) continue;
        this.steps.take(1);
        const k = ratio(times(a, p.values), times(g, q.values));
        if (k && tidy(k))
          return [said("another", [q.z || q.text, p.z || p.text], {q: q.text, p: p.text}), ...scaled(k)];
      }
    return [];
  }

  valueAlone(q) {
    const {values} = this.evidence;
    return [...this.inner].some(([z, [, own]]) => values.has(z) && same(times(own, q.values), values.get(z)));
  }

  factorSaid(q, missing) {
    const z = q.z || q.text;
    if (!missing || !this.inner.has(z))
      return said(missing ? "factor missing" : "factor too much", [q.text], {q: q.text});
    const name = q.family === "inner" ? "inner missing" : "of inner missing";
    return told(...EDITS.said[name], [z], {z, inner: this.inner.get(z)[0], q: q.text}, [z]);
  }

  twoFactors(a) { // two factors of a kind that are missing in all paths
    const rest = less(a, this.evidence.regularisation);
    this.steps.take(this.quantities.length ** 2);
    for (const [i, p] of this.quantities.entries())
      for (const q of this.quantities.slice(i + 1))
        if (p.family === q.family && same(times(times(rest, p.values), q.values), this.fit))
          return [said("two factors", [p.text, q.text], {p: p.text, q: q.text})];
    return [];
  }

  get differences() { // what the loss sends down to a node, where that is ŷ − y, or q − 1
    if (this.foundDifferences) return this.foundDifferences;
    const {values, program} = this.evidence, found = new Set();
    const targets = [...[...values].filter(([x]) => letter(x) === "y" && x !== "y_hat"), ["1", program.ones]];
    const pairs = [...values].flatMap(([q, value]) => targets.filter(([y]) => y !== q).map(([y, own]) =>
      ({q, y, value, own, apart: less(value, own)})));
    this.steps.take(this.flow.on.length * pairs.length);
    for (const n of this.flow.on)
      for (const pair of pairs) if (ratio(this.flow.down.get(n), pair.apart)) found.add(pair);
    return (this.foundDifferences = [...found]);
  }

  difference(a) { // ŷ or y for ŷ − y, ŷ + y for it
    const rest = less(a, this.evidence.regularisation);
    for (const {q, y, value, own, apart} of this.differences) {
      const fit = this.fit.map((x, i) => x / apart[i]), one = y === "1";
      const wrong = [[one ? "one" : "minuend", value], ["subtrahend", own], ["plus", plus(value, own)]];
      if (one) wrong.splice(1, 1);
      for (const [name, other] of wrong) {
        const k = ratio(rest, times(fit, other));
        if (k && tidy(k)) return [said(name, [q, y], {q, y}), ...scaled(k)];
      }
    }
    return [];
  }

  get singles() {
    return (this.foundSingles ??= [...this.edits.all(), ...this.edits.finite(this.inOnePath())]);
  }

  get ofFunctions() {
    return (this.foundFunctions ??= this.edits.finite(this.edits.ofFunctions()));
  }

  inOnePath() { // a factor that is missing in one of the paths, or too much
    const {own} = this.terms, all = this.flow.total;
    /** @type {[string, (x: number) => number][]} */
    const factors = [["factor", (x) => 1 / x], ["factor more", (x) => x]];
    return (own.length > 1 && own.length <= MOST.paths ? own : []).flatMap(({z, total: path}) =>
      this.quantities.flatMap((q) => factors.map(([name, of]) =>
        this.edits.edit(said(name, [q.z || q.text, z], {q: q.text, n: z}),
          all.map((x, i) => x + path[i] * (of(q.values[i]) - 1))))));
  }

  edited(a, edits) {
    this.steps.take(edits.length);
    const match = firstMatch(edits, less(a, this.evidence.regularisation));
    return match ? [match[0].diagnosis, ...scaled(match[1])] : [];
  }

  rewritten(a, scale_) {
    const {g, name} = this.evidence, besides = less(a, this.values);
    this.steps.take(this.rewritings.length);
    for (const {diagnosis, values} of this.rewritings) {
      const numbers = plus(values, besides);
      if (!scale_ && same(numbers, g)) return [diagnosis];
      const k = scale_ ? ratio(numbers, g) : 0;
      if (k && tidy(k)) return [diagnosis, ...scaled(k, name)];
    }
    return [];
  }

  two(a) {
    const {regularisation, g} = this.evidence, both = this.twoFactors(a);
    if (both.length) return both;
    const {singles, steps} = this, rest = less(a, regularisation), besides = less(a, this.values);
    const rewritings = this.rewritings.filter(({values}) => finite(values));
    const numbers = rewritings.map(({values}) => plus(values, besides));
    const rows = new SortedRows(singles.map(({values}) => values), steepest(this.fit));
    steps.take(numbers.length);
    for (const [i, values] of numbers.entries()) {
      const of = less(values, regularisation);
      const equal = rows.near(of[rows.point], NEAR * largest(of), steps).filter((j) => same(rows.rows[j], of));
      const found = equal.length ? this.edited(values, singles) : [];
      if (found.length === 1) return [rewritings[i].diagnosis, ...found];
    }
    let pair = twoOf(numbers.map((x) => less(x, a)), less(g, a), steps);
    if (pair) return pair.map((i) => rewritings[i].diagnosis);
    pair = twoOf(singles.map(({values}) => less(values, this.fit)), less(rest, this.fit), steps,
      (i, j) => this.edits.apart(singles[i], singles[j]));
    if (pair) return pair.map((i) => singles[i].diagnosis);
    const together = alongAPath(this.edits, singles, rest);
    if (together) return together.map(({diagnosis}) => diagnosis);
    const match = withAFactor(singles, this.quantities, rest, steps);
    return match ? [match[0].diagnosis, this.factorSaid(match[1], match[2])] : [];
  }
}
