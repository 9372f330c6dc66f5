// Which mistake an answer has, as views/answers/mistakes.py and edits/search.py find it, in the same order and words.
"use strict";

const MOST_TRIES = 100_000, MOST_QUANTITIES = 200, FEW_PATHS = 8;
const diagnosis = (kind, clause, names = [], factor = null) => ({kind, clause, factor, names});
const atPoints = (values, chosen) => new Map([...values].map(([label, x]) => [label, chosen.map((i) => x[i])]));

// A gradient at random points, and what it is made of.
class Evidence {
  constructor(graph, theta) {
    for (const close of [false, true]) {
      const leaves = drawn(graph, theta, close), place = graph.nodes.findIndex(([, , label]) => label === theta);
      const g = new Flow(new LossProgram(graph, leaves), place).total;
      const chosen = g.map((_, i) => i).filter((i) => Number.isFinite(g[i])).slice(0, COUNT);
      if (chosen.length < COUNT && !close) continue;
      this.program = new LossProgram(graph, atPoints(leaves, chosen));
      this.theta = place;
      break;
    }
    const {program} = this, {nodes, values} = program, full = new Flow(program, this.theta);
    Object.assign(this, {g: full.total, name: `df/d${theta}`, label: theta});
    const penalty = this.penalty(full);
    this.decay = [...penalty.values()].reduce((sum, k) => sum + k, 0);
    this.flow = new Flow(program, this.theta, new Set(penalty.keys()));
    this.regularisation = scale(this.decay, values[this.theta]);
    this.sent = program.sent(program.root);
    const labels = nodes.map(({label}) => label), once = (label) => labels.indexOf(label) === labels.lastIndexOf(label);
    this.names = new Map(nodes.flatMap(({label}, n) => (label !== null && once(label) ? [[label, n]] : [])));
    this.loss = this.names.has(labels[program.root]) ? labels[program.root] : "f";
    this.values = new Map([...this.names].map(([label, n]) => [label, values[n]]));
    if (!this.values.has(this.loss)) this.values.set(this.loss, values[program.root]);
    if (this.decay && !this.values.has("lambda"))
      this.values.set("lambda", scale(Number((this.decay / 2).toPrecision(12)), program.ones));
    const errors = nodes.map((_, n) => n).filter((n) => this.isError(nodes[n]));
    this.severalErrors = errors.length > 1;
    this.error = errors.length === 1
      ? scale(this.isTarget(nodes[nodes[errors[0]].parents[1]]) ? 1 : -1, values[errors[0]]) : null;
  }

  isTarget({op, label}) {
    return op < 0 && label !== null && letter(label) === "y" && label !== "y_hat";
  }

  isError({name, parents}) {
    const inputs = parents.map((p) => this.program.nodes[p]);
    return name === "sub" && inputs.some((x) => this.isTarget(x)) && !inputs.some((x) => x.constant);
  }

  penalty(flow) { // the edges at θ along which a constant times θ comes, with that constant
    if (!this.program.nodes.some((node) => this.isTarget(node))) return new Map();
    const own = flow.edges.filter((e) => flow.parent(e) === flow.theta);
    const found = own.map((e) => [e, ratio(flow.along(e), this.program.values[flow.theta])]).filter(([, k]) => k);
    return found.length < own.length ? new Map(found) : new Map();
  }

  // The same with the derivatives that a formula names, dz_1/ds_1, among the values.
  speakingOf(tree) {
    const found = Object.create(this, {values: {value: new Map(this.values)}});
    for (const {name} of formula.parts(tree))
      if (name !== undefined && !found.values.has(name)) {
        const [above, below] = name.slice(1).split(`/${name[0]}`).map((label) => this.names.get(label));
        const sent = this.program.sent(above)[below];
        found.values.set(name, sent ?? scale(0, this.g));
      }
    return found;
  }

  get leaves() { // the other leaves with names
    return [...this.names].filter(([, n]) => this.program.nodes[n].op < 0 && n !== this.theta);
  }

  get others() { // the gradients with respect to them
    return this.leaves.filter(([, n]) => this.sent[n]).map(([label, n]) => [label, this.sent[n]]);
  }

  get penalised() {
    return this.decay ? this.leaves.filter(([, n]) => this.penalty(new Flow(this.program, n)).size) : [];
  }
}

// A student's formula as nodes in order, so that parts of it can have other numbers.
class Written {
  constructor(tree, values) {
    this.nodes = [];
    this.add(tree);
    this.count = values.values().next().value.length;
    this.values = [];
    this.values = this.computed((node) => (node.name === undefined ? Array(this.count).fill(node.number)
      : values.get(node.name)), new Map());
  }

  add(tree) {
    const push = (node) => this.nodes.push(node) - 1;
    if (typeof tree === "number") return push({number: tree, parents: []});
    if (!Array.isArray(tree)) return push({name: tree.name, parents: []});
    const [head, ...terms] = tree, [first, ...rest] = terms.map((term) => {
      const minus = head === "sum" && term[0] === "negative" && term !== terms[0];
      return {minus, inverse: term[0] === "inverse", place: this.add(minus ? term[1] : term)};
    });
    if (head !== "sum" && head !== "product") {
      const parents = [first, ...rest].map(({place}) => place);
      return push({head, parents, apply: Written.applied(head, parents.length)});
    }
    return rest.reduce((before, {minus, inverse, place}) => push({head: minus ? "sub" : head, inverse,
      parents: [before, place], apply: Written.applied(minus ? "sub" : head, 2)}), first.place);
  }

  static applied(head, count) { // an operation on numbers
    const own = {sum: (a, b) => a + b, sub: (a, b) => a - b, product: (a, b) => a * b}[head];
    if (own) return own;
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

  get mentions() {
    const found = new Map();
    this.nodes.forEach(({name}, i) => name !== undefined && found.set(name, [...(found.get(name) ?? []), i]));
    return found;
  }

  rewritings(values) { // [diagnosis, numbers] with another name or another operation in it
    const {mentions} = this, labels = [...values.keys()], used = [...mentions.keys()].sort(), found = [];
    let tries = 0;
    const add = (told, changed) => {
      if ((tries += this.nodes.length) <= MOST_TRIES) found.push({diagnosis: told, values: this.instead(changed)});
    };
    const all = (name, right) => mentions.get(name).map((i) => [i, values.get(right)]);
    for (const name of used)
      for (const right of kin(name, labels)) {
        const replaced = all(name, right);
        add(diagnosis("index", `${name} stands where ${right} belongs`, [name, right]), new Map(replaced));
        if (mentions.has(right))
          add(diagnosis("index", `${name} and ${right} are exchanged`, [name, right]),
            new Map([...replaced, ...all(right, name)]));
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
          add({...diagnosis("index", `${name} stands once where ${right} belongs`, [name, right]), mention},
            new Map([[i, values.get(right)]]));
    this.nodes.forEach(({head, inverse, parents: [a, b]}, i) => {
      if (b === undefined || inverse || !["sum", "sub", "product"].includes(head)) return;
      const product = head === "product", apply = product ? plus : times;
      add(said(product ? "multiplied" : "added", [], {}), new Map([[i, apply(this.values[a], this.values[b])]]));
    });
    return found;
  }
}

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
      () => this.rewritten(a, false), () => this.terms.extra(a), () => this.added(a));
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
    const {values, error, loss, names, program} = this.evidence;
    const varied = [...values].filter(([label, x]) => label !== loss && x.some((each) => each !== x[0]));
    const found = varied.map(([label, x]) => ({text: label, values: x, family: letter(label), z: ""}));
    if (error) found.unshift({text: "(ŷ − y)", values: error, family: "error", z: ""});
    for (const [z, [text, own]] of this.inner) found.push({text, values: own, family: "inner", z});
    for (const [label, x] of values)
      if (letter(label) === "z" || program.nodes[names.get(label)]?.name === "sigmoid")
        found.push({text: `(1 − ${label})`, values: x.map((v) => 1 - v), family: "one minus", z: label});
    return found.filter((q) => finite(q.values)).slice(0, MOST_QUANTITIES);
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
    if (q.family === "inner") return diagnosis("inner derivative", `the inner derivative ${q.text} is missing`, [z]);
    const words = `the inner derivative of ${z} is ${this.inner.get(z)[0]}: ${q.text} is missing`;
    return diagnosis("inner derivative", words, [z]);
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

const regularised = (told, names, factor = null) => diagnosis("regularisation", told, names, factor);

function ratioOfRest(rest, b, size) {
  const k = nearest(rest, b), small = 1e-12 * largest(size);
  if (Math.abs(k) * largest(b) <= small) return null;
  return largest(less(rest, scale(k, b))) <= 1e-9 * largest(scale(k, b)) + 1e-3 * small ? k : null;
}

function ofRegularisation(evidence, a) {
  const {g, decay, regularisation, label, program, theta, penalised} = evidence, own = program.values[theta];
  const fit = less(g, regularisation), gives = `the regularisation gives 2λ${label}`;
  for (const [wrong, words] of decay ? [[program.ones, `without its ${label}`],
    [times(own, own), `as λ${label}², which is not derived`]] : []) {
    const k = ratioOfRest(less(a, fit), wrong, fit);
    if (k !== null) return [regularised(`${gives}: it stands there ${words}`, [label], k)];
  }
  const extra = ratioOfRest(less(a, g), own, g);
  if (extra === null) {
    const k = penalised.length ? solved(penalised.map(([, n]) => program.values[n]), less(a, g)) : null;
    const names = k ? penalised.filter((_, i) => k[i]).map(([name]) => name) : [];
    return k ? [regularised(`${gives} alone: ${listed(names)} stand there too`, names)] : [];
  }
  if (!decay)
    return [regularised(`there is no regularisation in this f: leave out the term with ${label} alone`, [label],
      extra)];
  if (near(extra / decay, -1)) return [missingRegularisation(evidence)];
  return [regularised(`${gives}: you have ${inWords((extra + decay) / decay)} times that`, [label], extra)];
}

function missingRegularisation({label, decay}) {
  return regularised(`the term 2λ${label} of the regularisation is missing`, [label], -decay);
}

function ofOther({others, label: theta, name, values}, a) {
  for (const [label, gradient] of others) {
    const k = ratio(a, gradient);
    if (!k || !(near(k, 1) || kin(theta, [...values.keys()]).includes(label))) continue;
    const turned = [letter(label), ...label.split("_").slice(1).reverse()].join("_");
    const words = `this is df/d${label}, not ${name}${turned === theta ? ": the indices are exchanged" : ""}`;
    return [diagnosis("other parameter", words, [label]), ...scaled(k, `df/d${label}`)];
  }
  return [];
}

function explained(evidence, answer, a) { // what is wrong with an answer: one mistake, or two
  const {g, name, decay, regularisation} = evidence;
  const zero = !g.some(Boolean) ? `${name} is 0 at every point, and your answer is not`
    : !a.some(Boolean) ? `your answer is 0 at every point, and ${name} is not` : "";
  if (zero) return [diagnosis("zero", zero)];
  for (const found of [scaled(ratio(a, g), name), ofRegularisation(evidence, a), ofOther(evidence, a)])
    if (found.length) return found;
  const search = new Search(evidence, answer), targets = [[a, []]];
  if (decay) targets.push([plus(a, regularisation), [missingRegularisation(evidence)]]);
  for (const find of ["one", "editedOrRewritten"])
    for (const [target, besides] of targets) {
      const constant = besides.length ? scaled(ratio(target, g), name) : [];
      const found = constant.length ? constant : search[find](target);
      if (found.length) return [...found, ...besides];
    }
  const found = search.two(targets);
  return found.length ? found : [unexplained(evidence, answer, a)];
}

function unexplained({g, name, values}, answer, a) {
  const i = Math.max(0, g.findIndex((x, p) => Math.abs(a[p] - x) > 1e-3 * Math.abs(x)));
  const used = [...answer.mentions.keys()].filter((label) => values.has(label)).sort().slice(0, 4);
  const where = used.map((label) => `${label} = ${rounded(values.get(label)[i], 3)}`).join(", ") || "a random point";
  const numbers = `it gives ${rounded(a[i])} where ${name} is ${rounded(g[i])}`;
  return diagnosis("unknown", `none of the usual mistakes explains it; at ${where} ${numbers}`);
}

function rootOf({error, severalErrors, values, loss, decay}) {
  const lost = "√f is |ŷ − y|, which has lost the sign where ŷ < y: right only if you read √f as ŷ − y";
  const words = !error ? severalErrors ? "√f is not ŷ − y: over several rows it is no single difference"
    : "√f does not belong here: this f is no square"
    : !same(values.get(loss), times(error, error)) ? "√f is not |ŷ − y| here, for f is not (ŷ − y)² alone: write ŷ − y"
    : decay ? "√f is not |ŷ − y| where λ > 0, and never negative: write ŷ − y" : lost;
  return diagnosis("root", words);
}

// The tree with ŷ − y, under a name that no formula can use, in the place of every √f.
const ERROR = "ŷ − y";
function withError(tree, f) {
  const roots = [["sqrt", {name: f}], ["power", {name: f}, 0.5], ["power", {name: f}, ["product", 1, ["inverse", 2]]]];
  if (roots.some((root) => JSON.stringify(root) === JSON.stringify(tree))) return {name: ERROR};
  return Array.isArray(tree) ? [tree[0], ...tree.slice(1).map((part) => withError(part, f))] : tree;
}

// The columns of the name that is wrong in an answer, or too much.
function columnsOf({kind, names, mention}, text, known) {
  if (!["index", "extra factor"].includes(kind)) return [];
  let tokens = [];
  try {
    tokens = formulaWords.tokenize(text, known);
  } catch (error) {
    if (!(error instanceof formula.FormulaError)) throw error; // what stands around a formula is no part of it
  }
  const found = tokens.filter((token) => token.kind === "name" && token.text === names[0]).map(({column}) => column);
  return mention < found.length ? [found[mention]] : found;
}

// To how many digits an answer with rounded numbers is right, 0 if it is not: as answers/edits/precision.py has it.
const significant = (x) =>
  (Number.isInteger(x) ? 0 : String(x).split("e")[0].replace(".", "").replace(/^0+/, "").length);

function halfAUnit(x) {
  const [mantissa, exponent = "0"] = String(x).split("e");
  return 0.5 * 10 ** (Number(exponent) - (mantissa.split(".")[1] ?? "").length);
}

function roundedTo({g}, answer) {
  const values = answer.values.at(-1), found = [...answer.nodes.entries()]
    .filter(([, {number = 0}]) => significant(Math.abs(number)) >= 3);
  let allowed = g.map(() => 1e-12 * largest(g));
  for (const [i, {number}] of found) {
    const moved = answer.instead(new Map([[i, g.map(() => number + halfAUnit(Math.abs(number)))]]));
    allowed = plus(allowed, less(moved, values).map(Math.abs));
  }
  const right = found.length && values.every((x, p) => Math.abs(x - g[p]) <= 1.001 * allowed[p]);
  return right ? Math.min(...found.map(([, {number}]) => significant(Math.abs(number)))) : 0;
}

// What is found of an answer: {right, digits, diagnoses}, digits for one with rounded numbers.
function judged(known, tree) {
  const evidence = known.speakingOf(tree), answer = new Written(tree, evidence.values);
  if (same(answer.values.at(-1), evidence.g)) return {right: true, digits: 0, diagnoses: []};
  const digits = roundedTo(evidence, answer);
  return digits ? {right: true, digits, diagnoses: []}
    : {right: false, digits, diagnoses: diagnosed(evidence, tree, answer)};
}

function diagnosed(evidence, tree, answer) { // the mistakes in a wrong answer
  const {g, error, values, loss} = evidence, a = answer.values.at(-1);
  if (!finite(a))
    return [diagnosis("undefined", "your answer is not a number at some points where the gradient is one")];
  const read = withError(tree, loss);
  if (JSON.stringify(read) !== JSON.stringify(tree)) {
    const root = rootOf(evidence);
    if (!error) return [root];
    const second = new Written(read, new Map([...values, [ERROR, error]])), b = second.values.at(-1);
    return same(b, g) ? [root] : [...explained(evidence, second, b), root];
  }
  if (error && same(a, times(g, error.map(Math.sign))))
    return [diagnosis("root", "|ŷ − y| has lost the sign of ŷ − y: it is wrong where ŷ < y", ["y_hat", "y"])];
  return explained(evidence, answer, a);
}
