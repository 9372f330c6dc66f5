// The search for the edits that explain an answer, as views/answers/edits/search.py goes through them.
"use strict";

const MOST_QUANTITIES = 200, FEW_PATHS = 8;

class Search {
  constructor(evidence, answer) {
    Object.assign(this, {evidence, answer, flow: evidence.flow, terms: new Terms(evidence, evidence.flow)});
    this.edits = new Edits(this.flow, this.terms);
    const {program} = evidence;
    this.inner = new Map(this.edits.inner.filter((e) => nodeOf(e) < program.root)
      .filter((e) => program.nodes[nodeOf(e)].label !== null)
      .map((e) => [program.nodes[nodeOf(e)].label, [innerWords(program, [e]).inner, this.flow.slope(e)]]));
    this.quantities = this.listQuantities();
    this.rest = less(evidence.g, evidence.regularisation);
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
      () => this.terms.innerMistake(a), () => this.edited(a, (this.functions ??= this.edits.ofFunctions())),
      () => this.tooLong(a), () => this.rewritten(a, false), () => this.terms.extra(a), () => this.added(a));
  }

  tooLong(a) { // a term too much in a sum: what it is, if it is known
    const besides = less(a, this.answer.values.at(-1));
    const [shorter] = this.answer.shortened().filter(({values}) => same(plus(values, besides), this.evidence.g));
    if (!shorter) return [];
    const found = this.first(() => this.terms.extra(a), () => this.added(a));
    return found[0]?.kind === "extra path" ? found : [shorter.diagnosis];
  }

  editedOrRewritten(a) {
    return this.first(() => this.edited(a), () => this.rewritten(a, true));
  }

  added(a) {
    const found = this.evidence.others.find(([, gradient]) => same(less(a, this.evidence.g), gradient, 1e-7));
    if (!found) return [];
    const [label] = found, words = `the paths from ${label} to f are too much: they belong to df/d${label}`;
    return [diagnosis("extra path", words, [label])];
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
    return found.filter((q) => finite(q.values)).slice(0, MOST_QUANTITIES);
  }

  isShare(label, x) { // a value of σ, or of a softmax, which are between 0 and 1
    const {names, program} = this.evidence, name = program.nodes[names.get(label)]?.name;
    return ["sigmoid", "div"].includes(name) && x.every((each) => Math.abs(each - 0.5) < 0.5);
  }

  oneFactor(a) {
    const {g, decay, regularisation, name} = this.evidence, found = this.factorOf(a, g);
    if (found.length || !decay) return found;
    const rest = less(a, regularisation);
    return this.first(() => scaled(ratio(rest, this.rest), name), () => this.factorOf(rest, this.rest));
  }

  factorOf(a, g) {
    for (const exactly of [true, false])
      for (const q of this.quantities)
        for (const [missing, k] of [[true, ratio(times(a, q.values), g)], [false, ratio(a, times(g, q.values))]])
          if (k && (near(k, 1) || (!exactly && tidy(k))) && (missing || !this.valueAlone(q)))
            return [this.factorDiagnosis(q, missing), ...scaled(k)];
    const used = this.answer.mentions;
    for (const q of this.quantities)
      for (const p of used.has(q.z || q.text) ? this.quantities : []) {
        if (p.family !== q.family || p === q) continue;
        const k = ratio(times(a, p.values), times(g, q.values));
        if (k && tidy(k))
          return [diagnosis("index", `${q.text} stands where ${p.text} belongs`, [q.z || q.text, p.z || p.text]),
            ...scaled(k)];
      }
    return [];
  }

  valueAlone(q) {
    const {values} = this.evidence;
    return [...this.inner].some(([z, [, own]]) => values.has(z) && same(times(own, q.values), values.get(z)));
  }

  factorDiagnosis(q, missing) {
    if (!missing) return diagnosis("extra factor", `the factor ${q.text} is too much`, [q.text]);
    const z = q.z || q.text;
    if (!this.inner.has(z)) return diagnosis("missing factor", `the factor ${q.text} is missing`, [q.text]);
    const words = q.family === "inner" ? `the inner derivative ${q.text} is missing`
      : `the inner derivative of ${z} is ${this.inner.get(z)[0]}: ${q.text} is missing`;
    return diagnosis("inner derivative", words, [z], null, [z]);
  }

  twoFactors(a) { // two factors of a kind that are missing in all paths
    const rest = less(a, this.evidence.regularisation);
    for (const [i, p] of this.quantities.entries())
      for (const q of this.quantities.slice(i + 1))
        if (p.family === q.family && same(times(times(rest, p.values), q.values), this.rest))
          return [said("two factors", [p.text, q.text], {p: p.text, q: q.text})];
    return [];
  }

  get differences() { // what the loss sends down to a node, where that is ŷ − y, or q − 1
    if (this.foundDifferences) return this.foundDifferences;
    const {values, program} = this.evidence, found = new Map();
    const targets = [...values].filter(([x]) => letter(x) === "y" && x !== "y_hat");
    for (const n of this.flow.on)
      for (const [q, value] of values)
        for (const [y, own] of [...targets, ["1", program.ones]])
          if (q !== y && ratio(this.flow.down[n], less(value, own))) found.set(`${q} ${y}`, [q, y, value, own]);
    return (this.foundDifferences = [...found.values()]);
  }

  difference(a) { // ŷ or y for ŷ − y, ŷ + y for it
    const rest = less(a, this.evidence.regularisation);
    for (const [q, y, value, own] of this.differences) {
      const fit = this.rest.map((x, i) => x / (value[i] - own[i])), one = y === "1";
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
    return (this.foundSingles ??= [...this.edits.all(), ...this.inOnePath().filter(({values}) => finite(values))]);
  }

  inOnePath() { // a factor that is missing in one of the paths, or too much
    const {own} = this.terms, all = this.flow.total, changed = new Map();
    return (own.length > 1 && own.length <= FEW_PATHS ? own : []).flatMap(({z, total: path}) =>
      this.quantities.flatMap((q) => [["factor", (x) => 1 / x], ["factor more", (x) => x]].map(([name, of]) => ({
        diagnosis: said(name, [q.z || q.text, z], {q: q.text, n: z}), changed,
        values: all.map((x, i) => x + path[i] * (of(q.values[i]) - 1)),
      }))));
  }

  edited(a, edits = this.singles) {
    const match = firstMatch(edits, less(a, this.evidence.regularisation));
    return match ? [match[0].diagnosis, ...scaled(match[1])] : [];
  }

  get rewritings() {
    return (this.foundRewritings ??= this.answer.rewritings(this.evidence.values));
  }

  rewritten(a, scale_) {
    const {g, name} = this.evidence, besides = less(a, this.answer.values.at(-1));
    for (const {diagnosis: told, values} of this.rewritings) {
      const numbers = plus(values, besides);
      if (!scale_ && same(numbers, g)) return [told];
      const k = scale_ ? ratio(numbers, g) : 0, found = k && tidy(k) ? scaled(k, name) : [];
      if (found.length) return [told, ...found];
    }
    return [];
  }

  two(targets) {
    const {g, regularisation} = this.evidence;
    for (const [target, besides] of targets) {
      const both = this.twoFactors(target);
      if (both.length) return [...both, ...besides];
      const offset = less(target, this.answer.values.at(-1));
      const numbers = this.rewritings.map(({values}) => plus(values, offset));
      for (const [i, values] of numbers.entries()) {
        const found = finite(values) ? this.edited(values) : [];
        if (found.length === 1) return [this.rewritings[i].diagnosis, ...found, ...besides];
      }
      let pair = twoOf(numbers.map((x) => less(x, target)), less(g, target));
      if (pair) return [...pair.map((i) => this.rewritings[i].diagnosis), ...besides];
      const rest = less(target, regularisation);
      pair = twoOf(this.singles.map(({values}) => less(values, this.rest)), less(rest, this.rest));
      if (pair) return [...pair.map((i) => this.singles[i].diagnosis), ...besides];
      const together = alongAPath(this.singles, this.flow, rest);
      if (together) return [...together.map((edit) => edit.diagnosis), ...besides];
      const match = withAFactor(this.singles, this.quantities, rest);
      if (match) return [match[0].diagnosis, this.factorDiagnosis(match[1], match[2]), ...besides];
    }
    return [];
  }
}
