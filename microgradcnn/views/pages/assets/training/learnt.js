// What a network has learnt, in pictures: the plane with every hidden unit, or a row through its layers; all weights.

const MOST_UNITS = 32; // of a layer

const sizeOf = (shape) => shape.reduce((product, n) => product * n, 1);

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
    this.plane = null;
    /** @type {{canvas: any, place: number}[]} */
    this.units = [];
    /** @type {ArrayPictures[]} */
    this.layers = [];
    /** @type {HTMLCanvasElement[]} */
    this.boundaries = []; // of one run, and of a second
    /** @type {any} */
    this.told = null;
    /** @type {any} */
    this.other = null; // the plane of a second run
    this.views = Object.fromEntries(
      Object.entries(task.variants ?? {}).map(([name, {view}]) => [name, new RowProgram(view)]));
    this.isPlane = !task.replay && task.inputs === 2 && sizeOf(task.shown.at(-1).shape) <= 2; // numbers, or two classes
    this.weights = task.parameters.map(({name, shape}) => new ArrayPictures(name, this.placed(shape), task.image));
    const key = "Orange is below 0 and blue above; under each picture stands what its strongest colour is.";
    this.element = made("div", {class: "learnt"}, ...(this.isPlane ? this.planes() : this.layersOfRow()),
      heading("Weights"), made("div", {class: "row"}, ...this.weights.map(({element}) => element)),
      made("p", {class: "scale"}, key));
  }

  // Weights, one for each number of a layer of maps, lie as that layer does.
  placed(shape) {
    if (shape.length !== 1) return shape;
    return this.task.shown.find((layer) => layer.shape.length > 1 && sizeOf(layer.shape) === shape[0])?.shape ?? shape;
  }

  // Rows to show things of: {learn, test}.
  take(data) {
    this.data = data;
    if (this.isPlane) this.plane = planeOf(data.learn);
  }

  // What the network says of every place in the plane, and what each hidden unit does.
  planes() {
    this.boundaries = ["", "second run: "].map((whose) => made("canvas", {width: 360, height: 360, class: "plane",
      role: "img", "aria-label": `${whose}what the network says of every place in the plane, with the rows as dots`}));
    let place = 0;
    const layers = this.task.shown.slice(0, -1).map(({name, shape}) => {
      const size = sizeOf(shape), shown = Math.min(MOST_UNITS, size);
      const canvases = Array.from({length: shown}, (_, i) => made("canvas", {width: 72, height: 72, role: "img",
        "aria-label": `${name}, unit ${i + 1} over the plane`}));
      canvases.forEach((canvas, i) => this.units.push({canvas, place: place + i}));
      place += size;
      const words = `${name}, each unit${shown < size ? `, ${shown} of ${size}` : ""}`;
      return made("figure", {}, made("div", {class: "pictures"}, ...canvases), made("figcaption", {}, words));
    });
    const ringed = this.task.data.some(({test}) => test) ? "; dots with a dark ring are rows of the test" : "";
    const words = `ŷ over the plane${ringed}`;
    this.other = made("figure", {hidden: ""}, this.boundaries[1], made("figcaption", {}, "the second run"));
    const first = made("figure", {}, this.boundaries[0], made("figcaption", {}, words));
    return [made("div", {class: "planes"}, first, this.other,
      made("div", {class: "units"}, ...layers))];
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
    return [this.heading("A row through the network"),
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
    if (this.isPlane) {
      this.other.hidden = runs.length < 2;
      runs.forEach((each, i) => this.drawPlanes(each, activation, colour, this.boundaries[i], i === which));
    } else this.drawRow(parameters, activation, colour);
  }

  drawPlanes(parameters, activation, colour, boundary, units) {
    const program = this.views[activation], found = program.shown(parameters, this.plane);
    const width = program.told.outputs.length, {levels, threshold} = this.task;
    const column = (k) => Float64Array.from({length: this.plane.count}, (_, i) => found[i * width + k]);
    const half = Math.max(threshold - levels[0], levels[1] - threshold) || 1;
    const outputs = sizeOf(this.task.shown.at(-1).shape);
    const parts = [{rows: this.data.learn}, ...(this.data.test?.count ? [{rows: this.data.test, ringed: true}] : [])];
    const last = column(width - 1);
    const says = outputs === 2 ? column(width - 2).map((x, i) => Math.tanh((last[i] - x) / 2)) // of two logits
      : threshold === levels[0] ? last.map((x) => Math.tanh(x / 2)) : last.map((x) => (x - threshold) / half);
    paintPlane(boundary, this.plane, says, colour, parts, (levels[0] + levels[1]) / 2);
    if (!units) return;
    this.units.forEach(({canvas, place}) => {
      const numbers = column(place), low = numbers.reduce((a, b) => Math.min(a, b));
      const high = numbers.reduce((a, b) => Math.max(a, b)), middle = activation === "sigmoid" && low >= 0 ? 0.5 : 0;
      const reach = Math.max(high - middle, middle - low) || 1;
      paintPlane(canvas, this.plane, numbers.map((x) => (x - middle) / reach), colour);
    });
  }

  drawRow(parameters, activation, colour) {
    const {rows} = this, i = Math.min(this.example, rows.count - 1);
    const row = rows.columns.map((column) => column[i]), inputs = row.slice(0, rows.inputs);
    const found = this.views[activation].shown(parameters, {count: 1, columns: row.map((x) => [x])});
    this.paintRow(inputs, found, colour);
    const part = rows === this.data.test ? "the test" : "the training";
    this.told.textContent = `Row ${i + 1} of ${rows.count} of ${part}: ${this.said(found, row.slice(rows.inputs))}`;
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
