// "Check my answer" for every derivative of a problem, and training with the student's own formulas.
"use strict";

// The verdict on an answer for df/d(parameter): {right, words, diagnoses}. Throws a FormulaError for no formula.
function verdict(task, parameter, text) {
  const known = task.known(parameter), tree = formula.parse(text, known);
  const {right, digits, diagnoses} = judged(task.evidence(parameter), tree);
  for (const found of diagnoses) found.columns = columnsOf(found, text, known);
  const clauses = diagnoses.map(({clause}) => clause).join("; and ");
  const good = digits ? `Right, but rounded: right to ${digits} digits.` : `Right: this is df/d${parameter}.`;
  return {right, diagnoses, words: right ? good : `Not quite: ${clauses}.`};
}

// A name in its parts: y_hat_1 has the letter y, a hat to put over it, and the index 1.
const GREEK = new Map(Object.entries(NOTATION.tables.GREEK).map(([letter, name]) => [name, letter]));
function spelt(name) {
  const [base, ...parts] = name.split("_"), accent = {hat: "\u0302", bar: "\u0304"}[parts[0]] ?? "";
  return {letter: GREEK.get(base) ?? base, accent, index: parts.slice(accent ? 1 : 0).join(",")};
}

// The words of a verdict with the names in them as mathematics, dh_2/da_1 and z_4.
function typeset(words) {
  const made = (tag, ...inside) => {
    const element = document.createElementNS("http://www.w3.org/1998/Math/MathML", tag);
    element.append(...inside);
    return element;
  };
  const symbol = (name) => {
    const {letter: base, accent, index} = spelt(name), plain = made("mi", base);
    const whole = accent ? made("mover", plain, made("mo", accent === "\u0302" ? "^" : "¯")) : plain;
    return index ? made("msub", whole, made("mn", index)) : whole;
  };
  const side = (name) => made("mrow", made("mi", "d"), symbol(name.slice(1)));
  const slope = /\bd[A-Za-z]\w*\/d[A-Za-z]\w*/, long = /\b[A-Za-z]+(?:_[A-Za-z0-9]+)+/, short = /\b[A-Za-z]\b(?= = )/;
  const pieces = words.split(new RegExp(`(${slope.source}|${long.source}|${short.source})`));
  return pieces.map((piece, i) => i % 2 === 0 ? piece
    : made("math", piece.includes("/") ? made("mfrac", ...piece.split("/").map(side)) : symbol(piece)));
}

// The boxes and the training in `section`, as views/exercise.py writes them.
function exercise(section, task, fills) {
  const STEPS = 200;
  const $ = (selector) => section.querySelector(selector), boxes = [...section.querySelectorAll("form.answer")];
  const figure = $("figure.paths");

  function say(output, words, state = "", shown = [words]) {
    output.replaceChildren(...shown);
    output.dataset.state = state;
  }

  function check(box) { // the mistakes that are about nodes of the graph
    const text = box.elements.answer.value, output = box.querySelector("output");
    say(output, "");
    if (!text.trim()) return [];
    try {
      const {right, words, diagnoses} = verdict(task, box.dataset.parameter, text);
      const places = diagnoses.filter(({columns}) => columns.length)
        .map(({names, columns}) => ` ${names[0]} is in column ${listed(columns.map(String))}.`);
      say(output, words, right ? "right" : "wrong", right ? [words] : typeset(words + places.join("")));
      return diagnoses.filter(({nodes}) => nodes?.length);
    } catch (error) {
      if (!(error instanceof formula.FormulaError)) throw error;
      say(output, `This cannot be read: ${error.message}.`, "wrong");
      return [];
    }
  }

  // Lights up the paths that mistakes are about, under their box; without such mistakes there is no picture.
  function light(box, mistakes) {
    figure.hidden = !mistakes.length;
    if (figure.hidden) return;
    drawPaths(figure, task.evidence(box.dataset.parameter).program, box.dataset.parameter, mistakes);
    box.append(figure);
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
        const text = box.elements.answer.value, {parameter} = box.dataset;
        if (text.trim()) formulas.set(parameter, task.evaluator(parameter, text));
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
    for (const box of boxes) box.elements.answer.value = formulas[box.dataset.parameter] ?? "";
    const found = boxes.map((box) => [box, check(box)]);
    light(...(found.find(([, mistakes]) => mistakes.length) ?? found[0]));
    train();
  }

  for (const box of boxes)
    box.addEventListener("submit", (event) => {
      event.preventDefault();
      light(box, check(box));
      train();
    });
  for (const button of section.querySelectorAll("button[data-fill]"))
    button.addEventListener("click", () => fill(fills[button.dataset.fill] ?? {}));
  $("[name=rate]").addEventListener("change", train);
  train();
}
