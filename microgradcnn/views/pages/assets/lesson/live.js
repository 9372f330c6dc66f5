// The numbers that the scenes of a page share: those of the leaves, and all that the graph computes from them.
"use strict";

// A name as an element: a letter with its accent, and its index low.
function nameOf(label) {
  if (!/^[A-Za-z]+(_[A-Za-z0-9]+)*$/.test(label)) return created("span", {}, label);
  const {letter: base, accent, index} = spelt(label);
  const low = index ? [created("sub", {}, index)] : [];
  return created("span", {className: "name"}, created("var", {}, base + accent), ...low);
}

// The graph of the loss at the numbers of this moment. `told` has the leaves' numbers by label, the labels of the
// weights, what the loss is called, a weight to begin with, and whether gradients are shown at once.
class Live {
  /** @type {LossProgram | undefined} */ found;
  frame = 0;

  constructor(told, graph) {
    Object.assign(this, told);
    this.graph = graph;
    this.start = new Map(Object.entries(told.numbers));
    this.numbers = new Map(this.start);
    this.watchers = [];
  }

  get program() { // with every value and local derivative, found when somebody first asks
    return (this.found ??= new LossProgram(this.graph, new Map([...this.numbers].map(([label, x]) => [label, [x]]))));
  }

  get loss() {
    return this.value(this.program.root);
  }

  place(label) { // of a node
    const at = this.graph.nodes.findIndex(([, , its]) => its === label);
    return at < 0 ? this.graph.root : at;
  }

  value(place) {
    return this.program.values[place][0];
  }

  of(label) {
    return this.numbers.get(label) ?? this.value(this.place(label));
  }

  gradient(label) { // from the local derivatives, when it is asked for
    return this.program.sent(this.program.root)[this.place(label)]?.[0] ?? 0;
  }

  losses(label, numbers) { // the loss with other numbers for one leaf
    const leaves = new Map([...this.numbers].map(([its, x]) => [its, its === label ? numbers : numbers.map(() => x)]));
    return new LossProgram(this.graph, leaves).values[this.graph.root];
  }

  words(place) { // what a node is called
    return this.graph.nodes[place][2] ?? (place === this.graph.root ? this.f : this.graph.nodes[place][3]);
  }

  watch(show) {
    this.watchers.push(show);
    show();
  }

  changed() {
    this.found = undefined;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.watchers.forEach((show) => show()));
  }

  set(label, x) {
    this.numbers.set(label, x);
    this.changed();
  }

  reset() {
    this.numbers = new Map(this.start);
    this.changed();
  }

  choose(weight) { // the one that all scenes speak of
    this.weight = weight;
    this.changed();
  }
}

// A choice among the weights, the same in all scenes.
function weightChoice(live, words) {
  const select = created("select", {onchange: () => live.choose(select.value)},
    ...live.weights.map((label) => created("option", {value: label}, plainName(label))));
  live.watch(() => (select.value = live.weight));
  return created("label", {}, `${words} `, select);
}

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
function plainName(label) { // as text alone: c₁, ŷ
  if (!/^[A-Za-z]+(_[A-Za-z0-9]+)*$/.test(label)) return label;
  const {letter: base, accent, index} = spelt(label);
  const low = /^\d*$/.test(index) ? [...index].map((digit) => SUBSCRIPTS[digit]).join("") : `_${index}`;
  return (base + accent).normalize("NFC") + low;
}

// A gradient that is to be guessed before it is shown: within half of a percent, or 0.0005, it is found. `wanted` gives
// what it is called, as elements, and the number; `shown` is called with whether it may be seen.
class Guess {
  /** @type {string | undefined} */ asked;

  constructor(live, place, wanted, shown) {
    Object.assign(this, {live, place, wanted, shown, open: live.open, about: ""});
    this.input = created("input", {inputMode: "decimal", autocomplete: "off", size: 8});
    this.verdict = created("p", {role: "status"});
    this.name = created("label");
    this.form = created("form", {className: "guess", onsubmit: (event) => this.check(event)}, this.name,
      created("button", {}, "Check"), this.button("Show it", true));
    this.hide = created("p", {className: "buttons"}, this.button("Hide it, to guess", false));
    place.append(this.form, this.verdict, this.hide);
    live.watch(() => this.show());
  }

  button(words, open) {
    return created("button", {type: "button", onclick: () => this.set(open, "")}, words);
  }

  set(open, words) {
    this.open = open;
    this.input.value = "";
    this.verdict.textContent = words;
    this.show();
  }

  check(event) {
    event.preventDefault();
    const text = this.input.value.trim().replace("−", "-").replace(",", "."), guess = Number(text || NaN);
    const {number} = this.wanted();
    const near = (k) => Math.abs(guess - k * number) <= Math.max(5e-4, 5e-3 * Math.abs(k * number));
    if (near(1)) return this.set(true, "✓ Right.");
    const factor = [2, 4, 0.5, 0.25].find(near);
    this.verdict.textContent = Number.isNaN(guess) ? "A number, please." : near(-1) ? "The sign is the other one."
      : factor ? `That is ${factor} times it.` : "Not yet.";
  }

  show() {
    const {name, about} = this.wanted();
    if (about !== this.about) Object.assign(this, {about, open: this.live.open}); // another question
    if (about !== this.asked) this.name.replaceChildren(...name, " = ", this.input);
    this.asked = about;
    this.form.hidden = this.open;
    this.hide.hidden = !this.open;
    this.shown(this.open);
  }
}
