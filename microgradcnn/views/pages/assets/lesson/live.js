// The numbers that the scenes of a page share: those of the leaves, and all that the graph computes from them.
"use strict";

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
