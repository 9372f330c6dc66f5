// A training on its page: what is chosen, the engine that runs it, and what is shown of it.

// Rows as the page has them, packed, as columns.
function unpacked({bytes, floats, over, shape}) {
  const raw = Uint8Array.from(atob(bytes ?? floats), (c) => c.charCodeAt(0));
  const flat = bytes ? Float64Array.from(raw, (x) => x / over) : new Float64Array(raw.buffer);
  const count = shape[0], width = count ? flat.length / count : 0;
  return {count, columns: Array.from({length: width},
    (_, k) => Float64Array.from({length: count}, (_, i) => flat[i * width + k]))};
}

function joinedRows({x, y}) {
  const [inputs, targets] = [unpacked(x), unpacked(y)];
  return {count: inputs.count, inputs: inputs.columns.length, columns: [...inputs.columns, ...targets.columns]};
}

// The rows with noise on their inputs, the same noise whenever it is asked for.
function noisy(rows, noise, generator) {
  if (!rows || !noise) return rows;
  return {...rows, columns: rows.columns.map((column, k) =>
    k < rows.inputs ? column.map((x) => x + noise * generator.normal()) : column)};
}

class TrainingPanel {
  constructor(root, task) {
    [this.root, this.task] = [root, task];
    this.sets = task.data.map(({name, learn, test}) =>
      ({name, learn: joinedRows(learn), test: test && joinedRows(test)}));
    const {schedule, lambda, activation} = task;
    this.chosen = {...schedule, lambda, activation, noise: 0, set: 0};
    this.second = null; // the rate of a second run
    this.speed = Infinity;
    this.at = null; // the epoch that is looked at, null for the newest
    this.which = 0; // of two runs, the one whose pictures are shown
    this.example = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.views = Object.fromEntries(
      Object.entries(task.variants).map(([name, {view}]) => [name, new RowProgram(view)]));
    this.build();
    this.connect();
    this.restart();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.later());
  }

  // The engine in a worker made of the page's own text; where there can be none, in slices of time on the page.
  connect() {
    const here = () => engine((frame) => this.take(frame), 12);
    try {
      const text = document.getElementById("engine").textContent;
      const worker = new Worker(URL.createObjectURL(new Blob([text], {type: "text/javascript"})));
      worker.onmessage = ({data}) => this.take(data);
      worker.onerror = (event) => {
        event.preventDefault();
        worker.terminate();
        this.send = here();
        this.restart();
      };
      this.send = (command) => worker.postMessage(command);
    } catch {
      this.send = here();
    }
  }

  // What each run is told: one, or with a second rate two.
  told() {
    const {learn, test} = this.sets[this.chosen.set], noise = this.chosen.noise;
    const generator = new Generator(this.task.generator);
    this.data = {learn: noisy(learn, noise, generator), test: noisy(test, noise, generator)};
    const rates = this.second === null ? [this.chosen.rate] : [this.chosen.rate, this.second];
    return rates.map((rate) => ({...this.chosen, rate, data: this.data}));
  }

  restart() {
    const {start, variants, measured, also, generator} = this.task;
    const chosen = this.told();
    this.runs = chosen.map(() => ({rows: [], snapshots: new Snapshots(), parameters: Float64Array.from(start), epoch: 0,
      status: "going", rate: this.chosen.rate, left: 0}));
    [this.at, this.playing] = [null, false];
    this.which = Math.min(this.which, chosen.length - 1);
    const {columns} = this.data.learn;
    this.plane = this.task.inputs === 2 ? planeOf({columns}) : null;
    this.send({do: "start", task: {start, variants, measured, also, generator}, chosen});
    this.later();
  }

  // A change that a training goes on with.
  change() {
    const rates = this.second === null ? [this.chosen.rate] : [this.chosen.rate, this.second];
    this.send({do: "change", chosen: rates.map((rate) => {
      const {decay, epochs, batch, lambda} = this.chosen;
      return {rate, decay, epochs, batch, lambda};
    })});
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

  // The parameters at the epoch that is looked at.
  get shown() {
    const run = this.runs[this.which];
    if (this.at === null) return run.parameters;
    return run.snapshots.list.findLast(({epoch}) => epoch <= this.at)?.parameters ?? run.parameters;
  }

  build() {
    const {root, task} = this;
    this.toggle = button("Play", () => this.play(), {class: "play"});
    this.counter = made("output", {class: "counter"});
    this.said = made("p", {class: "said", role: "status"});
    const bar = made("div", {class: "bar"}, this.toggle, button("One epoch", () => this.by("epoch")),
      button("One step", () => this.by("step")), button("Reset", () => this.restart()),
      choice("Speed", SPEEDS, this.speed, (speed) => {
        this.speed = speed;
        if (this.playing) this.send({do: "play", speed});
      }), this.counter);
    this.scrubber = made("input", {type: "range", min: 0, max: 0, step: 1, value: 0});
    this.scrubber.addEventListener("input", () => {
      this.send({do: "pause"});
      this.at = Number(this.scrubber.value);
      this.later();
    });
    const back = made("div", {class: "scrubber"}, labelled("Look back at epoch", this.scrubber));
    this.losses = new CurveChart("The loss", true);
    this.accuracies = task.also.includes("accuracy") ? new CurveChart("The accuracy") : null;
    const log = made("input", {type: "checkbox", checked: ""});
    log.addEventListener("change", () => {
      this.losses.logarithmic = log.checked;
      this.later();
    });
    this.key = made("p", {class: "key"});
    const charts = made("div", {class: "charts"}, made("h3", {}, "Loss"), this.losses.svg,
      made("label", {class: "tick"}, log, "logarithmic"), ...(this.accuracies
        ? [made("h3", {}, "Accuracy"), this.accuracies.svg] : []), this.key);
    this.pictures = made("div", {class: "learnt"});
    this.buildPictures();
    root.replaceChildren(bar, this.said, back,
      made("div", {class: "panes"}, this.pictures, charts, this.settings()));
  }

  settings() {
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
    const second = numberField("its rate", 4 * schedule.rate, (rate) => {
      this.second = rate;
      this.change();
    }, {halves: true});
    const tick = made("input", {type: "checkbox"}), field = second.querySelector("input");
    second.hidden = true;
    tick.addEventListener("change", () => {
      second.hidden = !tick.checked;
      this.second = tick.checked ? Number(field.value) : null;
      this.restart();
    });
    const shows = made("div", {class: "which", hidden: ""}, choice("Pictures of",
      [["the first run", 0], ["the second run", 1]], 0, (which) => {
        this.which = which;
        this.later();
      }));
    tick.addEventListener("change", () => (shows.hidden = !tick.checked));
    return made("form", {class: "settings"}, made("h3", {}, "Settings"), ...fields,
      made("label", {class: "tick"}, tick, "a second run beside it"), second, shows);
  }

  buildPictures() {
    const {task} = this;
    if (task.inputs === 2 && task.shown.at(-1).shape.length === 0) this.buildPlane();
    else this.buildExample();
    this.weights = task.parameters.map(({name, shape}) => new ArrayPictures(name, shape, task.image));
    this.scale = made("p", {class: "scale"});
    this.pictures.append(made("h3", {}, "Weights"), made("div", {class: "row"}, ...this.weights.map((w) => w.element)),
      this.scale);
  }

  // What the network says of every place in the plane, and what each hidden unit does.
  buildPlane() {
    const size = 320;
    this.boundary = made("canvas", {width: size, height: size, class: "plane", role: "img",
      "aria-label": "What the network says of every place in the plane, with the rows as dots"});
    const units = this.task.shown.slice(0, -1).flatMap(({name, shape}) =>
      Array.from({length: Math.min(32, shape.reduce((a, b) => a * b, 1))}, (_, i) => `${name} ${i + 1}`));
    this.units = units.map((name) => {
      const canvas = made("canvas", {width: 80, height: 80, role: "img", "aria-label": `unit ${name} over the plane`});
      return {canvas, element: made("figure", {}, canvas, made("figcaption", {}, name))};
    });
    this.pictures.append(made("div", {class: "planes"},
      made("figure", {}, made("figcaption", {}, "ŷ over the plane; rings are rows of the test"), this.boundary),
      made("div", {class: "units"}, ...this.units.map(({element}) => element))));
  }

  // One row as the network sees it, and what its layers make of it.
  buildExample() {
    const {task} = this;
    const step = (by) => () => {
      const {count} = this.exampleRows();
      this.example = (this.example + by + count) % count;
      this.later();
    };
    this.told_of = made("p", {class: "example", role: "status"});
    this.input = new ArrayPictures("the row", task.image ?? [task.inputs], null);
    this.layers = task.shown.map(({name, shape}) => new ArrayPictures(name, shape, null, 16));
    this.pictures.append(made("h3", {}, "A row through the network"),
      made("div", {class: "bar"}, button("Previous row", step(-1)), button("Next row", step(1)), this.told_of),
      made("div", {class: "row"}, this.input.element, ...this.layers.map((layer) => layer.element)));
  }

  exampleRows() {
    return this.data.test?.count ? this.data.test : this.data.learn;
  }

  draw() {
    const {task} = this, run = this.runs[this.which], colour = colourTable(this.root);
    const epoch = this.at ?? run.epoch;
    this.toggle.textContent = this.playing ? "Pause" : "Play";
    this.counter.textContent = `epoch ${epoch.toLocaleString("en")}${run.left ? `, ${run.left} steps to go` : ""}`;
    const most = Math.max(...this.runs.map((each) => each.epoch));
    this.scrubber.max = String(most);
    this.scrubber.value = String(this.at ?? most);
    this.say();
    this.drawCharts(epoch);
    const parameters = this.shown;
    let start = 0;
    const largest = largestOf(parameters);
    task.parameters.forEach(({shape}, i) => {
      const size = shape.reduce((a, b) => a * b, 1);
      this.weights[i].paint(parameters.slice(start, start + size), colour, largest);
      start += size;
    });
    this.scale.textContent = `Orange is below 0, blue above; the strongest colour is ±${readable(largest)}.`;
    if (this.boundary) this.drawPlane(parameters, colour);
    else this.drawExample(parameters, colour);
  }

  drawCharts(epoch) {
    const names = this.runs.length > 1 ? ["first ", "second "] : [""];
    const curves = (column) => this.runs.flatMap(({rows}, i) => ["", "test_"]
      .filter((part) => !part || rows[0]?.[part + column] !== undefined)
      .map((part) => [`run-${i + 1} ${part ? "test" : "learn"}`, `${names[i]}${part ? "test" : "training"}`,
        rows.map((row) => [row.epoch, row[part + column]])]));
    const losses = curves("loss");
    this.losses.draw(losses, epoch);
    this.accuracies?.draw(curves("accuracy"), epoch, [0, 1]);
    const last = (points) => points.findLast(([at]) => at <= epoch)?.[1];
    const shown = losses.map(([kind, name, points]) => `${kind}|${name}: ${readable(last(points) ?? NaN)}`).join("\n");
    if (shown === this.keyed) return;
    this.keyed = shown;
    this.key.replaceChildren(...losses.map(([kind, name, points]) => {
      const value = last(points);
      return made("span", {class: kind}, `${name}${value === undefined ? "" : ` ${readable(value)}`}`);
    }));
  }

  say() {
    const words = this.runs.map(({status, rows}, i) => {
      const whose = this.runs.length > 1 ? ["The first run: ", "The second run: "][i] : "";
      if (status === "diverged")
        return `${whose}the loss grew beyond all numbers: the rate is too large. Choose a smaller one, and Reset.`;
      if (status === "done") return `${whose}all epochs of the schedule are done; give it more to go on.`;
      const first = rows[0]?.gradient_norm, now = rows.at(-1)?.gradient_norm;
      if (!this.playing && rows.length > 1 && now <= 1e-3 * first)
        return `${whose}the gradient is a thousandth of what it was at the start: it has converged.`;
      return "";
    }).filter(Boolean).join(" ");
    if (this.said.textContent !== words) this.said.textContent = words;
  }

  drawPlane(parameters, colour) {
    const program = this.views[this.chosen.activation], found = program.shown(parameters, this.plane);
    const width = program.told.outputs.length, {levels, threshold} = this.task;
    const column = (k) => Float64Array.from({length: this.plane.count}, (_, i) => found[i * width + k]);
    const half = Math.max(threshold - levels[0], levels[1] - threshold) || 1;
    const parts = [{rows: this.data.learn}, ...(this.data.test?.count ? [{rows: this.data.test, ringed: true}] : [])];
    const mean = (levels[0] + levels[1]) / 2;
    paintPlane(this.boundary, this.plane, column(width - 1).map((x) => (x - threshold) / half), colour, parts, mean);
    this.units.forEach(({canvas}, k) => {
      const numbers = column(k), low = numbers.reduce((a, b) => Math.min(a, b));
      const high = numbers.reduce((a, b) => Math.max(a, b));
      const middle = low < 0 ? 0 : this.chosen.activation === "sigmoid" ? 0.5 : 0;
      const reach = Math.max(high - middle, middle - low) || 1;
      paintPlane(canvas, this.plane, numbers.map((x) => (x - middle) / reach), colour);
    });
  }

  drawExample(parameters, colour) {
    const rows = this.exampleRows(), i = Math.min(this.example, rows.count - 1), {classes, shown} = this.task;
    const one = {count: 1, columns: rows.columns.map((column) => column.subarray(i, i + 1))};
    const found = this.views[this.chosen.activation].shown(parameters, one);
    this.input.paint(one.columns.slice(0, rows.inputs).map(([x]) => x), colour);
    let start = 0;
    this.layers.forEach((layer, k) => {
      const size = shown[k].shape.reduce((a, b) => a * b, 1);
      layer.paint(found.slice(start, start + size), colour);
      start += size;
    });
    const target = one.columns.slice(rows.inputs).map(([y]) => y), output = found.slice(start - sizeOfLast(shown));
    const name = (k) => classes?.[k] ?? String(k);
    const part = rows === this.data.test ? "the test" : "the training";
    const says = output.length > 1 ? `it says ${name(output.indexOf(Math.max(...output)))}`
      : `ŷ = ${readable(output[0])}${classes ? `, so it says ${name(output[0] >= this.task.threshold ? 1 : 0)}` : ""}`;
    const wanted = classes && target.length === 1 ? name(Math.max(0, target[0])) : target.map(readable).join(", ");
    this.told_of.textContent = `Row ${i + 1} of ${rows.count} of ${part}: ${says}; right is ${wanted}.`;
  }
}

function sizeOfLast(shown) {
  return shown.at(-1).shape.reduce((a, b) => a * b, 1);
}
