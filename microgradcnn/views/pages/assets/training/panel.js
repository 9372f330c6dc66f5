// A training on its page: what is chosen, the engine that runs it, and what is shown of it.

class TrainingPanel {
  // `written` gives the gradient by the formulas that a student has written, where there are any.
  constructor(root, task, written = null) {
    [this.root, this.task, this.written] = [root, task, written];
    this.sets = task.replay ? [{learn: examplesOf(task.examples)}] : task.data.map(({name, learn, test}) =>
      ({name, learn: joinedRows(learn), test: test && joinedRows(test)}));
    /** @type {any[]} */
    this.runs = [];
    /** @type {any} */
    this.second = null; // {rate}, or {formulas}, of a second run beside the first
    /** @type {number | null} */
    this.at = null; // the epoch that is looked at, null for the newest
    /** @type {any} */
    this.engine = null;
    /** @type {any} */
    this.stop = null;
    /** @type {any} */
    this.starting = null; // the command that the engine begins with
    /** @type {any} */
    this.losses = null;
    /** @type {any} */
    this.accuracies = null;
    /** @type {any} */
    this.current = null;
    const {schedule, lambda, activation} = task;
    this.chosen = {...schedule, lambda, activation, noise: 0, set: 0};
    this.speed = task.replay ? 4 : 60; // epochs a second
    this.own = false; // whether the second run is to follow what is written
    this.which = 0; // of two runs, the one whose pictures are shown
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.heading = (words) => made(root.dataset.heading ?? "h2", {}, words);
    /** @type {any} */
    this.learnt = new (task.replay ? Recorded : Learnt)(task, this.heading, () => this.later());
    this.build();
    this.restart();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.later());
    new ResizeObserver(() => this.later()).observe(root); // the weights are drawn where the units are
  }

  // Sends a command to the engine, which is made when the first one comes.
  send(command) {
    if (!this.engine) {
      this.engine = this.made();
      this.engine(this.starting);
    }
    this.engine(command);
  }

  // The engine in a worker made of the page's own text; where there can be none, in slices of time on the page.
  made() {
    const mine = (this.current = {}), take = (frame) => this.current === mine && this.take(frame);
    const here = (receive) => {
      this.stop = () => receive({do: "pause"});
      return receive;
    };
    if (this.task.replay) return here(replayer(this.task, take));
    if (this.second?.formulas || this.alone) return here(engine(take, 12)); // no worker has a student's formulas
    try {
      const text = document.getElementById("engine").textContent;
      const worker = new Worker(URL.createObjectURL(new Blob([text], {type: "text/javascript"})));
      worker.onmessage = ({data}) => take(data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.alone = true;
        this.restart();
      };
      this.stop = () => worker.terminate();
      return (command) => worker.postMessage(command);
    } catch {
      this.alone = true;
      return here(engine(take, 12));
    }
  }

  // What each run is told: one, or with a second rate two.
  told() {
    const {learn, test} = this.sets[this.chosen.set], noise = this.chosen.noise;
    const generator = new Generator(this.task.generator);
    this.data = {learn: noisy(learn, noise, generator), test: noisy(test, noise, generator)};
    return this.both.map((each) => ({...this.chosen, ...each, data: this.data}));
  }

  // What differs between the runs: the rate, or whose gradient they follow.
  get both() {
    const {rate} = this.chosen;
    if (!this.second) return [{rate}];
    return [{rate}, this.second.formulas ? {rate, slopes: this.second.formulas} : {rate: this.second.rate}];
  }

  restart() {
    if (this.own) { // the formulas as they are now, which are about the network as it came
      const formulas = this.chosen.activation === this.task.activation ? this.written?.() : null;
      this.second = formulas && {formulas};
    }
    const {start = [], variants, measured, also, generator, schedule, begun} = this.task;
    const chosen = this.told();
    this.current = null; // frames of before are for nobody
    this.stop?.();
    [this.engine, this.stop] = [null, null];
    this.starting = {do: "start", task: {start, variants, measured, also, generator, schedule, begun}, chosen};
    const epoch = begun?.epoch ?? 0;
    this.runs = chosen.map(() => ({rows: this.before, snapshots: new Snapshots(epoch), epoch, status: "going",
      parameters: Float64Array.from(start), rate: this.chosen.rate, left: 0}));
    [this.at, this.playing] = [null, false];
    this.which = Math.min(this.which, chosen.length - 1);
    this.learnt.take(this.data);
    this.later();
  }

  // What Python had measured before, where it went on with a run, of the rows and the activation that it had.
  get before() {
    const {set, noise, activation} = this.chosen;
    const same = !set && !noise && activation === this.task.activation;
    return same ? [...(this.task.begun?.history ?? [])] : [];
  }

  // A change that a training goes on with.
  change() {
    const {decay, epochs, batch, lambda} = this.chosen;
    const chosen = this.both.map(({rate}) => ({rate, decay, epochs, batch, lambda}));
    this.starting.chosen = this.starting.chosen.map((each, i) => ({...each, ...chosen[i]}));
    if (this.engine) this.send({do: "change", chosen});
  }

  take({playing, runs}) {
    if (runs.length !== this.runs.length) return; // of before a restart
    this.playing = playing;
    runs.forEach(({rows, snapshots, ...now}, i) => {
      const run = this.runs[i];
      for (const row of rows) run.rows.push(row);
      for (const {epoch, parameters} of snapshots) run.snapshots.add(epoch, parameters);
      Object.assign(run, now);
    });
    this.later();
  }

  // Draws before the next frame, or where motion is to be reduced twice a second.
  later() {
    if (this.waiting) return;
    this.waiting = true;
    const draw = () => {
      this.waiting = false;
      this.draw();
    };
    if (this.still.matches && this.playing) setTimeout(draw, 500);
    else requestAnimationFrame(draw);
  }

  play() {
    this.at = null;
    this.send(this.playing ? {do: "pause"} : {do: "play", speed: this.speed});
  }

  by(what) {
    this.at = null;
    this.send({do: "pause"});
    this.send({do: what});
  }

  // A part of the schedule, or of the task, has another value; some values need a new start.
  set(name, value, again = false) {
    this.chosen[name] = value;
    if (again) this.restart();
    else this.change();
  }

  // The parameters of every run, or what was recorded of them, at the epoch that is looked at.
  get shown() {
    const {at, task} = this;
    return this.runs.map((run) => {
      if (task.replay) return this.learnt.at(at ?? run.epoch);
      if (at === null) return run.parameters;
      return run.snapshots.list.findLast(({epoch}) => epoch <= at)?.parameters ?? run.parameters;
    });
  }

  build() {
    const {root, task} = this;
    this.toggle = button("Play", () => this.play(), {class: "play"});
    this.counter = made("output", {class: "counter"});
    this.said = made("p", {class: "said", role: "status"});
    const steps = task.replay ? [] : [button("One step", () => this.by("step"))];
    const bar = made("div", {class: "bar"}, this.toggle, button("One epoch", () => this.by("epoch")),
      ...steps, button("Reset", () => this.restart()),
      choice("Speed", SPEEDS, this.speed, (speed) => {
        this.speed = speed;
        if (this.playing) this.send({do: "play", speed});
      }), this.counter);
    const first = task.begun?.epoch ?? 0; // there are no weights of before
    this.scrubber = made("input", {type: "range", min: first, max: first, step: 1, value: first});
    this.scrubber.addEventListener("input", () => {
      if (this.playing) this.send({do: "pause"});
      this.at = Number(this.scrubber.value);
      this.later();
    });
    const back = made("div", {class: "scrubber"}, labelled("Look back at epoch", this.scrubber));
    this.losses = new CurveChart("The loss", true);
    this.accuracies = task.accurate ? new CurveChart("The accuracy") : null;
    const log = made("input", {type: "checkbox", checked: ""});
    log.addEventListener("change", () => {
      this.losses.logarithmic = log.checked;
      this.later();
    });
    const part = (title, chart) => [this.heading(title), chart.svg, chart.key];
    const charts = made("div", {class: "charts"}, ...part("Loss", this.losses),
      made("label", {class: "tick"}, log, "logarithmic"),
      ...(this.accuracies ? part("Accuracy", this.accuracies) : []));
    root.replaceChildren(bar, this.said, back,
      made("div", {class: "panes"}, this.learnt.element, charts, this.settings(), this.learnt.weighed),
      ...task.notes.map((sentence) => made("p", {class: "note"}, sentence)));
  }

  settings() {
    if (this.task.replay) return made("p", {class: "settings"}, this.task.replay.why);
    const {task, chosen} = this, {schedule} = task, count = this.sets[0].learn.count;
    const again = (name) => (value) => this.set(name, value, true);
    const live = (name) => (value) => this.set(name, value);
    const batches = [null, 1, 8, 32, 128].filter((n) => n === null || n < count);
    const fields = [
      numberField("Rate η", schedule.rate, live("rate"), {halves: true}),
      choice("Schedule", DECAYS, schedule.decay, live("decay")),
      numberField("over epochs", schedule.epochs, live("epochs"), {least: 1, whole: true}),
      choice("Steps by", OPTIMISER_WORDS, schedule.optimiser, again("optimiser")),
      choice("Rows a step", [...new Set([...batches, schedule.batch])].sort((a, b) => (a ?? 1e9) - (b ?? 1e9))
        .map((n) => [n === null ? "all" : String(n), n]), schedule.batch, live("batch")),
      choice("λ, of λ Σ θ²", withGiven([0, 1e-4, 1e-3, 1e-2, 0.1], task.lambda), task.lambda, live("lambda")),
    ];
    const activations = Object.keys(task.variants);
    if (activations.length > 1)
      fields.push(choice("Activation", activations.map((a) => [a, a]), chosen.activation, again("activation")));
    if (this.sets.length > 1)
      fields.push(choice("Data", this.sets.map(({name}, i) => [name, i]), 0, again("set")));
    if (!task.whole)
      fields.push(choice("Noise on the rows", withGiven([0.05, 0.1, 0.2, 0.4], 0), 0, again("noise")));
    const form = made("form", {class: "settings"}, this.heading("Settings"), ...fields, ...this.beside());
    form.addEventListener("submit", (event) => event.preventDefault());
    return form;
  }

  // A second run: at another rate, or by the formulas that were written.
  beside() {
    const rate = numberField("Its rate", 4 * this.task.schedule.rate, (value) => {
      this.second = {rate: value};
      this.change();
    }, {halves: true});
    const shows = choice("Pictures of", [["the first run", 0], ["the second run", 1]], 0, (which) => {
      this.which = which;
      this.later();
    });
    rate.hidden = shows.hidden = true;
    const kinds = [["no other run", ""], ["a second rate", "rate"]];
    if (this.written) kinds.push(["your formulas", "own"]);
    const kind = choice("Beside it", kinds, "", (chosen) => {
      rate.hidden = chosen !== "rate";
      shows.hidden = !chosen;
      this.own = chosen === "own";
      this.second = chosen === "rate" ? {rate: Number(rate.querySelector("input").value)} : null;
      this.restart();
    });
    return [kind, rate, shows];
  }

  draw() {
    const run = this.runs[this.which], epoch = this.at ?? run.epoch;
    this.toggle.textContent = this.playing ? "Pause" : "Play";
    const left = run.left ? `, ${run.left} step${run.left === 1 ? "" : "s"} to go` : "";
    this.counter.textContent = `epoch ${epoch.toLocaleString("en")}${left}`;
    const most = Math.max(...this.runs.map((each) => each.epoch));
    this.scrubber.max = String(most);
    this.scrubber.value = String(this.at ?? most);
    this.say();
    this.drawCharts(epoch);
    this.learnt.draw(this.shown, this.which, this.chosen.activation, colourTable(this.root));
  }

  drawCharts(epoch) {
    const names = this.runs.length < 2 ? [""] : this.second?.formulas ? ["true gradient, ", "yours, "]
      : ["first, ", "second, "];
    const curves = (column) => this.runs.flatMap(({rows}, i) => ["", "test_"]
      .filter((part) => !part || rows.at(-1)?.[part + column] !== undefined)
      .map((part) => [`run-${i + 1} ${part ? "test" : "learn"}`, `${names[i]}${part ? "test" : "training"}`,
        rows.filter((row) => part + column in row).map((row) => [row.epoch, row[part + column]])]));
    this.losses.draw(curves("loss"), epoch);
    this.accuracies?.draw(curves("accuracy"), epoch, [0, 1]);
  }

  // What there is to say of the runs, in sentences.
  say() {
    const told = this.runs.map(({status, rows}) => {
      const [first, now] = [rows[0]?.gradient_norm, rows.at(-1)?.gradient_norm];
      if (status === "diverged") return "the loss grew beyond all numbers: choose a smaller rate, and Reset.";
      if (status === "done") return "all epochs of the schedule are done: give it more to go on.";
      if (this.playing || rows.length < 2 || !(now <= 1e-3 * first)) return "";
      return "it has converged: the gradient is a thousandth of what it was at the start.";
    });
    const whose = (words, i) => (this.runs.length > 1 ? `The ${["first", "second"][i]} run: ${words}`
      : words[0].toUpperCase() + words.slice(1));
    const alike = told.length > 1 && new Set(told).size === 1 && told[0];
    const {activation} = this.task, missing = this.chosen.activation === activation
      ? "Write a formula into a box first." : `Your formulas are about ${activation}: choose it, or no other run.`;
    const words = this.own && !this.second ? missing : alike ? `Both runs: ${alike}`
      : told.map((sentence, i) => sentence && whose(sentence, i)).filter(Boolean).join(" ");
    if (this.said.textContent !== words) this.said.textContent = words;
  }
}
