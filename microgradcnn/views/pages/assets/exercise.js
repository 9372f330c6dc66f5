// "Check my answer" for every derivative of a problem, and training with the student's own formulas.
"use strict";

const times = (a, b) => a.map((x, i) => x * b[i]);
const sum = (numbers) => numbers.reduce((total, x) => total + x, 0);

function same(a, b) { // at all points, but for rounding and what finite differences leave
  const size = 1e-9 * Math.max(...b.map(Math.abs));
  return a.every((x, i) => Math.abs(x - b[i]) <= 1e-7 * Math.max(Math.abs(x), Math.abs(b[i])) + size);
}

function ratio(a, b) { // the number k for which a is k·b, 0 if there is none
  const k = sum(times(a, b)) / sum(times(b, b));
  return k && same(a, b.map((x) => k * x)) ? k : 0;
}

function fraction(k) { // in words, "" if it is none with a small denominator
  for (let below = 1; below <= 64; below++) {
    const above = Math.round(k * below);
    if (above && Math.abs(k - above / below) <= 1e-6 * Math.abs(k))
      return `${above}${below === 1 ? "" : `/${below}`}`.replace("-", "−");
  }
  return "";
}

function scaled(k, of, name = "") { // what to say of an answer that is k times what it should be
  const words = fraction(k) || k.toPrecision(4).replace("-", "−");
  if (words === "−1") return `the sign is wrong${name && `: it is −${name}`}`;
  return words === "1" ? "" : `a constant factor is wrong: it is ${words} times ${name || of}`;
}

// The tree with ŷ − y, under a name that no formula can use, in the place of every √f.
function withError(tree, f) {
  const roots = [["sqrt", {name: f}], ["power", {name: f}, 0.5], ["power", {name: f}, ["product", 1, ["inverse", 2]]]];
  if (roots.some((root) => JSON.stringify(root) === JSON.stringify(tree))) return {name: "ŷ − y"};
  return Array.isArray(tree) ? [tree[0], ...tree.slice(1).map((part) => withError(part, f))] : tree;
}

// The usual mistake in an answer whose numbers are `a` where `g` belong, as views/mistakes.py words it, or "".
function mistake({points, parameters, leaves, outputs, activation}, parameter, a, g, error) {
  const column = (name) => points.map(({values}) => values.get(name)), k = ratio(a, g);
  if (k) return scaled(k, "", `df/d${parameter}`);
  const gradient = (name) => points.map(({slopes}) => slopes[parameters.indexOf(name)]);
  const other = parameters.find((name) => name !== parameter && fraction(ratio(a, gradient(name))) === "1");
  if (other) return `this is df/d${other}, not df/d${parameter}`;
  const zs = outputs.filter((name) => /^z(_|$)/.test(name)), rest = (z) => column(z).map((x) => 1 - x);
  const factors = [...leaves, ...zs].map((name) => [`the factor ${name}`, column(name)]);
  if (error) factors.unshift(["the factor (ŷ − y)", error]);
  if (activation === "sigmoid")
    factors.push(...zs.map((z) => [`the inner derivative ${z}(1 − ${z})`, times(column(z), rest(z))]),
      ...zs.map((z) => [`the factor (1 − ${z})`, rest(z)]));
  for (const [name, q] of factors)
    for (const [how, found] of [["missing", ratio(times(a, q), g)], ["too much", ratio(a, times(g, q))]])
      if (fraction(found))
        return [`${name} is ${how}`, scaled(found, "what it should be")].filter(Boolean).join("; and ");
  return "";
}

// The verdict on the text of an answer for df/d(parameter): {right, words}. Throws a FormulaError for no formula.
function verdict(task, parameter, text, known) {
  const {points, parameters, outputs: [f]} = task, tree = formula.parse(text, known);
  const column = (name) => points.map(({values}) => values.get(name));
  const g = points.map(({slopes}) => slopes[parameters.indexOf(parameter)]);
  const e = column("y_hat").map((x, i) => x - column("y")[i]), error = same(times(e, e), column(f)) ? e : null;
  const numbers = (each) => {
    const value = formula.evaluator(each);
    return points.map(({values}, i) => value(new Map([...values, ["ŷ − y", e[i]]])));
  };
  const no = (...words) => ({right: false, words: `Not quite: ${words.filter(Boolean).join("; and ")}.`});
  const a = numbers(tree), read = withError(tree, f);
  if (!a.every(Number.isFinite)) return no("your answer is not a number at some points where the gradient is one");
  if (same(a, g)) return {right: true, words: `Right: this is df/d${parameter}.`};
  if (error && JSON.stringify(read) !== JSON.stringify(tree)) {
    const lost = "√f is |ŷ − y|, which has lost the sign where ŷ < y: right only if you read √f as ŷ − y";
    return no(same(numbers(read), g) ? "" : mistake(task, parameter, numbers(read), g, error), lost);
  }
  if (error && same(a, times(g, e.map(Math.sign))))
    return no("|ŷ − y| has lost the sign of ŷ − y: it is wrong where ŷ < y");
  const names = [...new Set(formula.parts(tree).filter((x) => x.name).map((x) => x.name))].slice(0, 4);
  const where = names.map((name) => `${name} = ${column(name)[0].toPrecision(3)}`).join(", ") || "a random point";
  const values = `it gives ${a[0].toPrecision(4)} where df/d${parameter} is ${g[0].toPrecision(4)}`;
  return no(mistake(task, parameter, a, g, error) || `none of the usual mistakes explains it; at ${where} ${values}`);
}

// The boxes and the training in `section`, as views/exercise.py writes them.
function exercise(section, task, fills) {
  const known = formula.names([...task.leaves, ...task.outputs], task.activation), STEPS = 200;
  const $ = (selector) => section.querySelector(selector), boxes = [...section.querySelectorAll("form.answer")];

  function say(output, words, state = "") {
    output.textContent = words;
    output.dataset.state = state;
  }

  function check(box) {
    const text = box.elements.answer.value, output = box.querySelector("output");
    if (!text.trim()) return say(output, "");
    try {
      const {right, words} = verdict(task, box.dataset.parameter, text, known);
      return say(output, words, right ? "right" : "wrong");
    } catch (error) {
      if (!(error instanceof formula.FormulaError)) throw error;
      return say(output, `This cannot be read: ${error.message}.`, "wrong");
    }
  }

  function told(who, losses) {
    const end = losses.at(-1), last = losses.length - 1;
    const words = Number.isNaN(end) ? `the loss is not a number any more at step ${last}`
      : end > 10 * losses[0] ? `the loss runs away, ${end.toPrecision(3)} at step ${last}`
      : `loss ${losses[0].toFixed(3)} → ${end.toFixed(3)}${end > task.guessing ? ", no better than guessing" : ""}`;
    return `${who}: ${words}. `;
  }

  function train() {
    const rate = 10 ** $("[name=rate]").value, formulas = new Map();
    for (const box of boxes) {
      try {
        const text = box.elements.answer.value;
        if (text.trim()) formulas.set(box.dataset.parameter, formula.evaluator(formula.parse(text, known)));
      } catch (error) {
        if (!(error instanceof formula.FormulaError)) throw error; // its box says what is wrong; it drives nothing
      }
    }
    const run = (own) => task.descend(task.start, rate, STEPS, {formulas: own}).map(({loss}) => loss);
    const runs = [["true", run(new Map())], ["yours", formulas.size ? run(formulas) : []]];
    const own = formulas.size ? told(`Your ${formulas.size === 1 ? "formula" : "formulas"} for ` +
      [...formulas.keys()].join(", "), runs[1][1]) : "Yours: fill a box first.";
    $("[name=rate] + output").textContent = rate.toPrecision(2);
    say($(".told"), told("The true gradient", runs[0][1]) + own);
    chart($("svg.chart"), runs, task.guessing);
  }

  function fill(formulas) {
    for (const box of boxes) {
      box.elements.answer.value = formulas[box.dataset.parameter] ?? "";
      check(box);
    }
    train();
  }

  for (const box of boxes)
    box.addEventListener("submit", (event) => {
      event.preventDefault();
      check(box);
      train();
    });
  for (const button of section.querySelectorAll("button[data-fill]"))
    button.addEventListener("click", () => fill(fills[button.dataset.fill] ?? {}));
  $("[name=rate]").addEventListener("change", train);
  train();
}
