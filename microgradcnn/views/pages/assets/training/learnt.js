// What a network has learnt, in pictures: the plane or the line of inputs, or a row through its layers; all weights.

// The numbers of an array, of those of all parameters.
function among({at, places, shape}, parameters) {
  return places ? Float64Array.from(places, (k) => parameters[k]) : parameters.slice(at, at + sizeOf(shape));
}

class Learnt {
  constructor(task, heading, later) {
    [this.task, this.heading, this.later, this.example] = [task, heading, later, 0];
    /** @type {any} */
    this.data = null; // {learn, test}
    /** @type {any} */
    this.places = null; // of the plane or the line
    /** @type {ArrayPictures[]} */
    this.layers = [];
    /** @type {any} */
    this.told = null;
    /** @type {any} */
    this.fit = null; // what the network says against what is right
    this.programs = Object.fromEntries(
      Object.entries(task.variants ?? {}).map(([name, {view}]) => [name, new RowProgram(view)]));
    /** @type {any} */
    this.view = task.view === "plane" ? new PlaneView(task) : task.view === "line" ? new LineView(task) : null;
    this.weights = task.parameters.map(({name, shape}) => new ArrayPictures(name, this.placed(shape), task.image));
    const tied = task.ties?.some(Boolean) ? " The curves between units are weights, wide where these are large." : "";
    const key = `Orange is below 0 and blue above; under each picture stands what its strongest colour is.${tied}`;
    this.element = made("div", {class: "learnt"}, ...(this.view ? [this.view.element] : this.layersOfRow()));
    this.weighed = made("div", {class: "learnt weighed"}, heading("Weights"),
      made("div", {class: "row"}, ...this.weights.map(({element}) => element)), made("p", {class: "scale"}, key));
  }

  // Weights, one for each number of a layer of maps, lie as that layer does.
  placed(shape) {
    if (shape.length !== 1) return shape;
    return this.task.shown.find((layer) => layer.shape.length > 1 && sizeOf(layer.shape) === shape[0])?.shape ?? shape;
  }

  // Rows to show things of: {learn, test}.
  take(data) {
    this.data = data;
    const ofTest = data.test?.count ? ", of the test in orange" : "";
    this.fitTold?.replaceChildren(`ŷ against y of the rows${ofTest}; on the line they are equal`);
    if (!this.view) return;
    this.places = this.task.view === "plane" ? planeOf(data.learn, this.task.plane) : lineOf(data.learn);
    this.view.take(this.places, data);
  }

  // One row as the network sees it, and what its layers make of it.
  layersOfRow() {
    const {task} = this;
    const step = (by) => () => {
      const {count} = this.rows;
      this.example = (this.example + by + count) % count;
      this.later();
    };
    this.told = made("p", {class: "example", role: "status"});
    /** @type {any} */
    this.input = new ArrayPictures("the row", task.row, null);
    this.layers = task.shown.map(({name, shape}) => new ArrayPictures(name, shape, null, 16));
    const shown = this.layers.filter((_, k) => task.shown[k].shape.length).map(({element}) => element);
    const numbers = !task.replay && !task.accurate && sizeOf(task.shown.at(-1).shape) === 1;
    if (numbers) this.fit = new DotChart("What the network says of the rows, ŷ, against what is right, y", "y", "ŷ");
    this.fitTold = made("figcaption", {});
    const fit = made("figure", {class: "said-of"}, ...(numbers ? [this.fit.svg] : []), this.fitTold);
    return [...(numbers ? [fit] : []), this.heading("A row through the network"),
      made("div", {class: "bar"}, button("Previous row", step(-1)), button("Next row", step(1)), this.told),
      made("div", {class: "row"}, this.input.element, ...shown)];
  }

  get rows() {
    return this.data.test?.count ? this.data.test : this.data.learn;
  }

  // Of the parameters of all runs those that are number `which` are shown in full.
  draw(runs, which, activation, colour) {
    const parameters = runs[which];
    this.task.parameters.forEach((array, i) => this.weights[i].paint(among(array, parameters), colour));
    const program = this.programs[activation];
    if (!this.view) {
      this.drawRow(parameters, program, colour);
      return;
    }
    const found = runs.map((each) => program.shown(each, this.places));
    this.view.draw(found, which, parameters, activation, colour);
  }

  drawRow(parameters, program, colour) {
    const {rows} = this, i = Math.min(this.example, rows.count - 1);
    const row = rows.columns.map((column) => column[i]), inputs = row.slice(0, rows.inputs);
    const found = program.shown(parameters, {count: 1, columns: row.map((x) => [x])});
    this.paintRow(inputs, found, colour);
    if (this.fit) this.drawFit(parameters, program);
    const part = rows === this.data.test ? "the test" : "the training";
    this.told.textContent = `Row ${i + 1} of ${rows.count} of ${part}: ${this.said(found, row.slice(rows.inputs))}`;
  }

  // What the network says of the rows against what is right: dots on a line from corner to corner are right.
  drawFit(parameters, program) {
    const width = program.told.outputs.length, {learn, test} = this.data;
    const dots = [["learn", learn], ["test", test]].filter(([, part]) => part?.count).map(([kind, part]) => {
      const rows = someOf(part), found = program.shown(parameters, rows);
      const says = Float64Array.from({length: rows.count}, (_, i) => found[(i + 1) * width - 1]);
      return [kind, rows.columns[rows.inputs], says];
    });
    const right = widened(ends(Float64Array.from(dots.flatMap(([, ys]) => Array.from(ys)))));
    this.fit.draw(dots, [["equal", right, right]], [right, right]);
  }

  // The numbers of a row, and what is shown of it, layer by layer.
  paintRow(inputs, found, colour) {
    let start = 0;
    this.input.paint(inputs, colour);
    this.layers.forEach((layer, k) => {
      const size = sizeOf(this.task.shown[k].shape);
      layer.paint(found.slice(start, start + size), colour);
      start += size;
    });
  }

  // What the network says of a row, and what is right, in words.
  said(found, target) {
    const {classes, threshold, shown} = this.task, output = found.slice(found.length - sizeOf(shown.at(-1).shape));
    const name = (k) => classes?.[k] ?? String(k);
    const says = output.length > 1 ? `it says ${name(output.indexOf(Math.max(...output)))}`
      : `ŷ = ${readable(output[0])}${classes ? `, so it says ${name(output[0] >= threshold ? 1 : 0)}` : ""}`;
    const right = target.length > 1 || !(classes || output.length > 1) ? target.map(readable).join(", ")
      : name(Math.max(0, target[0]));
    return `${says}; right is ${right}.`;
  }
}
