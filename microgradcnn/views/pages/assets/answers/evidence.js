// A gradient at random points and what it is made of, as views/answers/evidence.py finds it.
"use strict";

const atPoints = (values, chosen) => new Map([...values].map(([label, x]) => [label, chosen.map((i) => x[i])]));

class Evidence {
  constructor(graph, theta) {
    this.theta = graph.nodes.findIndex(([, , label]) => label === theta);
    const finitePoints = (close) => {
      const leaves = drawn(graph, theta, close), g = new Flow(new LossProgram(graph, leaves), this.theta).total;
      return {leaves, chosen: g.map((_, i) => i).filter((i) => Number.isFinite(g[i])).slice(0, COUNT)};
    };
    let {leaves, chosen} = finitePoints(false);
    if (chosen.length < COUNT) ({leaves, chosen} = finitePoints(true));
    this.program = new LossProgram(graph, atPoints(leaves, chosen));
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

  // The same with the derivatives that a formula names, dz_1/ds_1 and ∂z_1/∂s_1, among the values.
  speakingOf(tree) {
    const found = Object.create(this, {values: {value: new Map(this.values)}});
    for (const {name} of formula.parts(tree))
      if (name !== undefined && !found.values.has(name)) {
        const {program} = this, place = (label) => (label === this.loss ? program.root : this.names.get(label));
        const [above, below] = name.slice(1).split(`/${name[0]}`).map(place), direct = program.direct(above, below);
        const sent = program.sent(above, name[0] === "∂" && direct.has(below) ? direct : undefined)[below];
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
