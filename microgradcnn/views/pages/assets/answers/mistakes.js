// Which mistake an answer has, and how exactly one is right, as views/answers/mistakes.py and precision.py tell it.
"use strict";

function ratioOfRest(rest, b, size) {
  const k = nearest(rest, b), small = 1e-12 * largest(size);
  if (Math.abs(k) * largest(b) <= small) return null;
  return largest(less(rest, scale(k, b))) <= 1e-9 * largest(scale(k, b)) + 1e-3 * small ? k : null;
}

function ofRegularisation(evidence, a) {
  const {g, decay, regularisation, label, program, theta, penalised} = evidence, own = program.values[theta];
  const fit = less(g, regularisation);
  for (const [name, wrong] of decay ? [["λ alone", program.ones], ["λ and a square", times(own, own)]] : []) {
    const k = ratioOfRest(less(a, fit), wrong, fit);
    if (k !== null) return [said(name, [label], {q: label}, k)];
  }
  if (decay && same(a, regularisation)) return [said("λ only", [label], {q: label, df: evidence.name})];
  const extra = ratioOfRest(less(a, g), own, g);
  if (extra === null) {
    const k = penalised.length ? solved(penalised.map(([, n]) => program.values[n]), less(a, g)) : null;
    const names = k ? penalised.filter((_, i) => k[i]).map(([name]) => name) : [];
    return k ? [said("λ of others", names, {q: label, p: listed(names)})] : [];
  }
  if (!decay) return [said("λ of no loss", [label], {q: label}, extra)];
  if (near(extra / decay, -1)) return [missingRegularisation(evidence)];
  return [regularisationTimes(evidence, (extra + decay) / decay)];
}

const regularisationTimes = ({label, decay}, k) => said("λ times", [label], {q: label, k: inWords(k)}, (k - 1) * decay);
const missingRegularisation = ({label, decay}) => said("λ missing", [label], {q: label}, -decay);

function ofOther({others, label: theta, name, values, flow}, a) {
  const inner = [...flow.down].filter(([n]) => n !== flow.theta).map(([, down]) => down);
  for (const [label, gradient] of others) {
    const k = ratio(a, gradient);
    if (letter(label) !== letter(theta) && inner.some((down) => ratio(gradient, down)))
      continue; // as that by a bias, or by y, is: more likely the chain of θ was cut there
    if (!k || !(near(k, 1) || kin(theta, [...values.keys()]).includes(label))) continue;
    const turned = [letter(label), ...label.split("_").slice(1).reverse()].join("_") === theta;
    return [said(turned ? "turned" : "other", [label], {q: label, df: name}), ...scaled(k, `df/d${label}`)];
  }
  return [];
}

function explained(evidence, answer, a) { // what is wrong with an answer: one mistake, or two
  const {g, name: df} = evidence, search = new Search(evidence, answer);
  if (!g.some(Boolean) || !a.some(Boolean)) return [said(g.some(Boolean) ? "zero" : "nothing", [], {df})];
  const found = search.first(() => scaled(ratio(a, g), df), () => ofRegularisation(evidence, a),
    () => ofOther(evidence, a), () => searched(evidence, search, a));
  return found.length ? found : [unexplained(evidence, answer, a)];
}

function searched(evidence, search, a) {
  const {g, name, decay, regularisation} = evidence, targets = [[a, []]];
  if (decay)
    targets.push([plus(a, regularisation), [missingRegularisation(evidence)]],
      [plus(a, scale(0.5, regularisation)), [regularisationTimes(evidence, 0.5)]]);
  try {
    for (const find of ["one", "editedOrRewritten", "two"])
      for (const [target, besides] of targets) {
        const constant = besides.length && find === "one" ? scaled(ratio(target, g), name) : [];
        const found = constant.length ? constant : search[find](target);
        if (found.length) return [...found, ...besides];
      }
  } catch (error) {
    if (!(error instanceof OutOfSteps)) throw error;
  }
  return [];
}

function unexplained({g, name, values}, answer, a) {
  const i = Math.max(0, g.findIndex((x, p) => Math.abs(a[p] - x) > 1e-3 * Math.abs(x)));
  const used = [...answer.mentions.keys()].filter((label) => values.has(label)).sort().slice(0, 4);
  const at = used.map((label) => `${label} = ${rounded(values.get(label)[i], 3)}`).join(", ") || "a random point";
  return said("unknown", [], {at, a: rounded(a[i]), df: name, g: rounded(g[i])});
}

function rootOf({error, severalErrors, values, loss, decay}, alone = false) { // `alone` if nothing else is wrong
  if (!error) return said(severalErrors ? "root of several" : "root of no square");
  if (!same(values.get(loss), times(error, error))) return said("root of more");
  return said(decay ? "root beside λ" : alone ? "root alone" : "root");
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
  if (!finite(a)) return [said("undefined")];
  const read = withError(tree, loss);
  if (JSON.stringify(read) !== JSON.stringify(tree)) {
    const root = rootOf(evidence);
    if (!error) return [root];
    const second = new Written(read, new Map([...values, [ERROR, error]])), b = second.values.at(-1);
    return same(b, g) ? [rootOf(evidence, true)] : [...explained(evidence, second, b), root];
  }
  if (error && same(a, times(g, error.map(Math.sign)))) return [said("absolute", ["y_hat", "y"])];
  return explained(evidence, answer, a);
}
