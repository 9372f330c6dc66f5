// One training: epochs of steps as training/loop.py has them, what they measure, and snapshots of the parameters.

const MOST_SNAPSHOTS = 240, MOST_KEPT = 1e6; // and numbers in all of them

// Parameters after some of the epochs: every one at first, every second when these are too many, and so on.
class Snapshots {
  constructor(first = 0) {
    [this.list, this.stride, this.first] = [[], 1, first];
  }

  add(epoch, parameters) {
    if (!this.due(epoch) || this.list.at(-1)?.epoch >= epoch) return;
    this.list.push({epoch, parameters: Float64Array.from(parameters)});
    while (this.list.length > Math.max(2, Math.min(MOST_SNAPSHOTS, MOST_KEPT / parameters.length))) {
      this.stride *= 2;
      this.list = this.list.filter((kept) => this.due(kept.epoch));
    }
  }

  due(epoch) {
    return (epoch - this.first) % this.stride === 0;
  }
}

// `task` has the programs, the start and what Python was told; `chosen` the schedule, λ, the activation, and the data,
// {learn, test}, in columns; perhaps also `slopes`, a student's, which take the place of the gradient.
class Run {
  constructor(task, chosen) {
    [this.task, this.chosen] = [task, chosen];
    this.program = new RowProgram(task.variants[chosen.activation].loss);
    const numbers = numbersOf(this.program.told), {begun, schedule} = task;
    this.parameters = numbers.from(task.start);
    this.optimiser = new Optimiser(chosen.optimiser, numbers, task.start.length,
      chosen.optimiser === schedule.optimiser ? begun : null);
    this.generator = new Generator(task.generator);
    /** @type {Record<string, number>[]} */
    this.history = [];
    /** @type {(Int32Array | null)[]} */
    this.pending = []; // batches of the epoch that is under way; null is all rows, measured already
    /** @type {any} */
    this.found = null; // of all rows
    /** @type {number[] | null} */
    this.totals = null; // of the epoch's batches
    this.epoch = begun?.epoch ?? 0;
    this.status = this.epoch < chosen.epochs ? "going" : "done";
    this.snapshots = new Snapshots(this.epoch);
    this.snapshots.add(this.epoch, this.parameters);
  }

  get rate() {
    const {rate, decay, epochs} = this.chosen;
    return rate * SHARES[decay](this.epoch, epochs);
  }

  // The loss over rows of `data`, with λ Σ θ², what else the program gives, and where wanted the gradient.
  /** @param {Int32Array | null} order */
  measure(data, order = null, wanted = true) {
    const {gradients, also} = this.program.told, p = this.parameters, λ = this.chosen.lambda;
    const numbers = this.program.means(p, data, order);
    const rest = numbers.slice(numbers.length - also);
    const squares = λ ? λ * p.reduce((sum, x) => sum + x * x, 0) : 0;
    const found = gradients ? numbers.slice(1, numbers.length - also) : wanted ? this.differences(data, order) : [];
    const slopes = wanted && this.chosen.slopes ? this.chosen.slopes(p, data, order) : found;
    const gradient = λ ? slopes.map((g, i) => g + 2 * λ * p[i]) : slopes;
    return {loss: numbers[0] + squares, gradient, rest};
  }

  // The gradient by central differences, for a page whose source is to have no derivative.
  differences(data, order) {
    const p = Float64Array.from(this.parameters);
    return Array.from(p, (x, i) => {
      const [above, below] = [1e-5, -1e-5].map((by) => {
        p[i] = x + by;
        return this.program.means(p, data, order)[0];
      });
      p[i] = x;
      return (above - below) / 2e-5;
    });
  }

  named(rest, before = "") {
    return Object.fromEntries(this.task.also.map((name, i) => [before + name, rest[i]]));
  }

  tested() {
    if (!this.chosen.data.test?.count) return {};
    const {loss, rest} = this.measure(this.chosen.data.test, null, false);
    return {test_loss: loss, ...this.named(rest, "test_")};
  }

  diverged(loss) {
    if (Number.isFinite(loss)) return false;
    this.status = "diverged";
    this.pending = [];
    return true;
  }

  // The epoch's batches; where it is measured before its steps, over all rows, its row in the history.
  begin() {
    const {batch, data} = this.chosen, {learn} = data;
    this.totals = null;
    if (this.task.measured === "before") {
      this.found = this.measure(learn);
      if (this.diverged(this.found.loss)) return;
      const gradient_norm = norm(this.found.gradient), rest = this.named(this.found.rest);
      this.history.push(
        {epoch: this.epoch, rate: this.rate, loss: this.found.loss, gradient_norm, ...rest, ...this.tested()});
      this.pending = batch ? this.generator.batches(learn.count, batch) : [null];
    } else {
      this.pending = this.generator.batches(learn.count, batch ?? learn.count);
      this.totals = [];
    }
  }

  // One step of the optimiser.
  step() {
    if (this.status !== "going") return;
    if (!this.pending.length) this.begin();
    if (this.status !== "going") return;
    const batch = this.pending.shift();
    const found = batch === null ? this.found : this.measure(this.chosen.data.learn, batch);
    if (this.diverged(found.loss)) return;
    const {totals} = this;
    if (totals && batch)
      [found.loss, ...found.rest].forEach((x, i) => (totals[i] = (totals[i] ?? 0) + batch.length * x));
    this.optimiser.step(this.parameters, found.gradient, this.rate, this.chosen);
    if (!this.pending.length) this.end();
  }

  end() {
    const rate = this.rate;
    this.epoch++;
    if (this.totals) {
      const [loss, ...rest] = this.totals.map((total) => total / this.chosen.data.learn.count);
      this.history.push({epoch: this.epoch, rate, loss, ...this.named(rest), ...this.tested()});
    }
    if (this.epoch >= this.chosen.epochs) this.status = "done";
    this.snapshots.add(this.epoch, this.parameters);
  }

  oneEpoch() {
    do this.step();
    while (this.pending.length);
  }
}
