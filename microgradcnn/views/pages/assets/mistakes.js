// Which mistake an answer has, and how exactly one is right, as views/answers/mistakes.py and precision.py tell it.
"use strict";

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
  return [regularisationTimes(evidence, (extra + decay) / decay)];
}

function regularisationTimes({label, decay}, k) {
  const words = `the regularisation gives 2λ${label}: you have ${inWords(k)} times that`;
  return regularised(words, [label], (k - 1) * decay);
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
  if (decay)
    targets.push([plus(a, regularisation), [missingRegularisation(evidence)]],
      [plus(a, scale(0.5, regularisation)), [regularisationTimes(evidence, 0.5)]]);
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

function rootOf({error, severalErrors, values, loss, decay}, alone = false) { // `alone` if nothing else is wrong
  const rest = alone ? "right only if you read √f as ŷ − y" : "write ŷ − y";
  const lost = `√f is |ŷ − y|, which has lost the sign where ŷ < y: ${rest}`;
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
    return same(b, g) ? [rootOf(evidence, true)] : [...explained(evidence, second, b), root];
  }
  if (error && same(a, times(g, error.map(Math.sign))))
    return [diagnosis("root", "|ŷ − y| has lost the sign of ŷ − y: it is wrong where ŷ < y", ["y_hat", "y"])];
  return explained(evidence, answer, a);
}
