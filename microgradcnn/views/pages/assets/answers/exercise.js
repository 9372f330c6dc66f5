// "Check my answer" for every derivative of a problem, and training with the student's own formulas.
"use strict";

// The verdict on an answer for df/d(parameter): {right, words, diagnoses}. Throws a FormulaError for no formula.
function verdict(task, parameter, text) {
  const known = task.known(parameter), tree = formula.parse(text, known);
  const {right, digits, diagnoses} = judged(task.evidence(parameter), tree);
  for (const found of diagnoses) found.columns = columnsOf(found, text, known);
  const times = [...grouped(diagnoses, ({clause}) => clause)];
  const clauses = times.map(([clause, {length}]) => (length === 1 ? clause : `${clause}, in ${length} places`));
  const good = digits ? `Right, but rounded: right to ${digits} digits.` : `Right: this is df/d${parameter}.`;
  return {right, diagnoses, words: right ? good : `Not quite: ${clauses.join("; and ")}.`};
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
  const slope = /\bd[A-Za-z]\w*\/d\w+(?:\.\w+)*/, long = /\b[A-Za-z]+(?:_[A-Za-z0-9]+)+/, short = /\b[A-Za-z]\b(?= = )/;
  const pieces = words.split(new RegExp(`(${slope.source}|${long.source}|${short.source})`));
  return pieces.map((piece, i) => i % 2 === 0 ? piece
    : made("math", piece.includes("/") ? made("mfrac", ...piece.split("/").map(side)) : symbol(piece)));
}

// Folds all boxes but one into a list of the parameters, with a tick for every one that is right. What is typed stays
// in its box, and is kept while the window is open, so that it is there after a reload too.
function folded(boxes, render) {
  const kept = `answers in ${location.pathname}`;
  const list = document.createElement("ol"), next = document.createElement("button");
  const store = { // a page in a frame, or a reader, may not allow it
    read: () => {
      try {
        return JSON.parse(sessionStorage.getItem(kept) ?? "{}");
      } catch {
        return {};
      }
    },
    write: (texts) => {
      try {
        sessionStorage.setItem(kept, JSON.stringify(texts));
      } catch { /* then it lasts as long as the page */ }
    },
  };
  const input = (box) => box.elements.answer, isRight = (box) => box.querySelector("output").dataset.state === "right";
  const buttons = boxes.map((box) => {
    const [button, item, state] = ["button", "li", "span"].map((tag) => document.createElement(tag));
    state.className = "hidden";
    Object.assign(button, {type: "button", onclick: () => open(box, true)});
    const shown = box.querySelector("label math").cloneNode(true);
    shown.setAttribute("aria-hidden", "true"); // the words beside it say it
    button.append(shown, state);
    button.dataset.parameter = box.dataset.parameter;
    item.append(button);
    list.append(item);
    return button;
  });

  function open(box, focus = false) {
    for (const each of boxes) each.classList.toggle("open", each === box);
    boxes.forEach((each, i) => buttons[i].setAttribute("aria-current", String(each === box)));
    if (focus) input(box).focus();
  }

  function mark() { // ticks, and what is kept
    boxes.forEach((box, i) => {
      const right = isRight(box), written = input(box).value.trim() !== "";
      buttons[i].dataset.state = right ? "right" : written ? "begun" : "";
      buttons[i].querySelector("span").textContent =
        `the derivative by ${box.dataset.parameter}${right ? ", solved" : written ? ", begun" : ""}`;
    });
    next.disabled = boxes.every(isRight);
    store.write(Object.fromEntries(boxes.map((box) => [box.dataset.parameter, input(box).value])));
  }

  Object.assign(next, {type: "button", textContent: "Next unsolved", onclick: () => {
    const at = boxes.findIndex((box) => box.classList.contains("open"));
    const found = [...boxes.slice(at + 1), ...boxes.slice(0, at + 1)].find((box) => !isRight(box));
    if (found) open(found, true);
  }});
  list.className = "asked";
  render(list, next);
  const texts = store.read();
  for (const box of boxes) {
    input(box).value = texts[box.dataset.parameter] ?? input(box).value;
    input(box).addEventListener("input", mark);
  }
  open(boxes[0]);
  mark();
  return {open, mark};
}

// Mistakes that every gradient can have, by what they are called.
const BENT = {
  "the sign of all is turned": (g) => g.map((x) => -x),
  "the sign of the first is turned": (g) => g.with(0, -g[0]),
  "each takes the next one's": (g) => g.map((_, i) => g[(i + 1) % g.length]),
  "all are half of what they are": (g) => g.map((x) => x / 2),
  "the last is forgotten": (g) => g.with(-1, 0),
};

// The boxes in `section`, and in `practice` the training with them, as views/pages/exercise.py writes both.
function exercise(section, task, fills, practice = section) {
  const STEPS = 200;
  const $ = (selector) => section.querySelector(selector) ?? practice.querySelector(selector);
  const boxes = [...section.querySelectorAll("form.answer")], figure = $("figure.paths"), choice = $("[name=mistake]");
  const fold = folded(boxes, (list, next) => {
    $(".boxes").before(list);
    $(".boxes").after(next);
  });

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
    if (!$("[name=rate]")) return; // they train elsewhere
    const rate = 10 ** $("[name=rate]").value, formulas = new Map();
    for (const box of boxes) {
      try {
        const text = box.elements.answer.value, {parameter} = box.dataset;
        if (text.trim()) formulas.set(parameter, task.evaluator(parameter, text));
      } catch (error) {
        if (!(error instanceof formula.FormulaError)) throw error; // its box says what is wrong; it drives nothing
      }
    }
    const run = (own) => task.descend(task.start, rate, STEPS, own).map(({loss}) => loss);
    const bent = BENT[$("[name=mistake]")?.value], other = bent ? {bent} : formulas.size ? {formulas} : null;
    const runs = [["true", run({})], ["yours", other ? run(other) : []]];
    const whose = bent ? "With the mistake" : formulas.size === boxes.length ? "Your formulas"
      : `Your ${formulas.size === 1 ? "formula" : "formulas"} for ${[...formulas.keys()].join(", ")}`;
    const own = other ? told(whose, runs[1][1]) : "Yours: fill a box first.";
    $("[name=rate] + output").textContent = figures(rate, 2);
    say($(".told"), told("The true gradient", runs[0][1]) + own);
    $(".legend .yours").textContent = bent ? "with the mistake" : "your formulas";
    chart($("svg.chart"), runs, task.guessing);
  }

  function fill(formulas) {
    for (const box of boxes) box.elements.answer.value = formulas[box.dataset.parameter] ?? "";
    const found = boxes.map((each) => [each, check(each)]);
    const [box, mistakes] = found.find(([, each]) => each.length) ?? found[0];
    light(box, mistakes);
    if (mistakes.length) fold.open(box);
    fold.mark();
    follow();
  }

  function follow() { // the boxes, and no mistake that was chosen before
    if (choice) choice.value = "";
    train();
  }

  for (const box of boxes.filter(({elements}) => elements.answer.value)) check(box);
  fold.mark();
  for (const box of boxes)
    box.addEventListener("submit", (event) => {
      event.preventDefault();
      light(box, check(box));
      fold.mark();
      follow();
    });
  for (const button of new Set([section, practice].flatMap((part) => [...part.querySelectorAll("button[data-fill]")])))
    button.addEventListener("click", () => fill(fills[button.dataset.fill] ?? {}));
  $("[name=rate]")?.addEventListener("change", train);
  choice?.append(...["", ...Object.keys(BENT)].map((kind) => new Option(kind || "your formulas", kind)));
  choice?.addEventListener("change", train);
  train();
}
