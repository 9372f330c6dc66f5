// The first scene: a number is changed with the slider or dragged in the drawing, and all that follows changes with it.
"use strict";

const REACH = 3; // of the slider, around 0
const DRAGGED = 0.02; // for a pixel
const ROOMY = 10; // names of weights, beside which their numbers have a place
const MIDDLE = 12; // of a number below the middle of its circle, nearly its lower edge

// Writes a number in three digits, or in two, set narrower if there is still no room: with fewer, −0.5 would be −1.
function write(number, x, room, wide) {
  const texts = [3, 2].map((digits) => figures(x, digits)), text = texts.find((each) => wide(each) <= room) ?? texts[1];
  number.textContent = text;
  if (wide(text) > room) Object.entries({textLength: room, lengthAdjust: "spacingAndGlyphs"})
    .forEach(([name, value]) => number.setAttribute(name, value));
  else number.removeAttribute("textLength");
}

// Numbers in a drawing of the network: beside every name, as a tint of what is drawn for it, as the width of an arrow.
class LiveDrawing {
  constructor(svg, live) {
    const {x, y, width, height} = svg.viewBox.baseVal;
    Object.assign(this, {svg, live});
    this.drawn = {x, y, width, height};
    this.shapes = [...svg.querySelectorAll(":is(rect, circle)[data-of]")];
    this.lines = [...svg.querySelectorAll("line[data-weight]")];
    const circles = this.shapes.filter((each) => Number(each.getAttribute("r") ?? 17) < 17);
    const small = circles.map(({dataset}) => dataset.of); // without room for a number
    const texts = [...svg.querySelectorAll("text[data-of]")];
    const last = new Map(texts.map((text) => [text.dataset.of, text])); // of two alike the small one is the last
    this.texts = texts.filter((text) => !(small.includes(text.dataset.of) && last.get(text.dataset.of) === text))
      .map((text) => [text.dataset.of, this.numberBeside(text), this.around(text)]);
    this.pen = created("canvas").getContext("2d");
    svg.classList.toggle("crowded", svg.querySelectorAll("text.weight").length > ROOMY); // the chosen one is told
    this.known = new Set(live.graph.nodes.map(([, , label]) => label));
    this.means = new Map(this.shapes.map(({dataset: {of, mean}}) => [of, mean?.split(" ") ?? []]));
  }

  of(label) { // a number of the graph, or a mean that has no name there, else NaN
    const {live} = this, parts = this.means.get(label) ?? [];
    return this.known.has(label) ? live.of(label) : parts.reduce((sum, z) => sum + live.of(z), 0) / parts.length;
  }

  widen() { // for numbers that would stick out
    const {x, width} = this.svg.getBBox(), {drawn} = this;
    const [left, right] = [Math.min(drawn.x, x - 4), Math.max(drawn.x + drawn.width, x + width + 4)];
    if (width) this.svg.setAttribute("viewBox", `${left} ${drawn.y} ${right - left} ${drawn.height}`);
  }

  around(text) { // the circle or cell that a name is in
    const [x, y] = ["x", "y"].map((name) => Number(text.getAttribute(name)));
    const within = (low, size, at) => low <= at && at <= low + size;
    return this.shapes.find((each) => {
      const [left, top, width, height, cx, cy, r] = ["x", "y", "width", "height", "cx", "cy", "r"]
        .map((name) => Number(each.getAttribute(name)));
      return each.dataset.of === text.dataset.of && (r ? within(cx - r, 2 * r, x) && within(cy - r, 2 * r, y)
        : within(left, width, x) && within(top, height, y));
    });
  }

  room(shape) { // for a number in it
    if (!shape) return Infinity;
    const r = Number.parseFloat(getComputedStyle(shape).getPropertyValue("r"));
    return r ? 2 * Math.sqrt(r * r - MIDDLE * MIDDLE) : Number(shape.getAttribute("width")) - 8;
  }

  numberBeside(text) { // after the name of a weight on its line, below all other names
    if (text.classList.contains("weight")) {
      const number = shape("tspan", {class: "number"}), raised = text.querySelector("[dy]") ? -4 : 0;
      text.append(shape("tspan", {class: "number", dy: raised}, ["=", number]));
      return number;
    }
    const [x, y] = ["x", "y"].map((name) => Number(text.getAttribute(name)));
    const number = shape("text", {class: "number", x, y: y + 9});
    text.setAttribute("y", y - 5);
    text.after(number);
    return number;
  }

  show(chosen) {
    const rooms = this.texts.map(([, number, shape]) => [getComputedStyle(number).font, this.room(shape)]);
    const most = Math.max(1e-9, ...this.shapes.map(({dataset: {of}}) => Math.abs(this.of(of))).filter(Number.isFinite));
    for (const each of this.shapes) {
      each.style.fill = tint(this.of(each.dataset.of), most);
      each.classList.toggle("chosen", each.dataset.of === chosen);
    }
    for (const line of this.lines) {
      const x = this.of(line.dataset.weight);
      Object.assign(line.style, {strokeWidth: Math.min(6, 0.8 + 2 * Math.abs(x)),
        stroke: `var(--${x < 0 ? "two" : "one"})`, strokeDasharray: x < 0 ? "6 3" : "none", opacity: 0.8});
    }
    const wide = (text) => this.pen.measureText(text).width;
    for (const [i, [label, number]] of this.texts.entries()) {
      const x = this.of(label), [font, room] = rooms[i];
      this.pen.font = font;
      if (!Number.isNaN(x) || this.known.has(label)) write(number, x, room, wide);
      for (const each of [number, number.parentElement])
        if (each.matches(".number")) each.classList.toggle("chosen", label === chosen);
    }
    this.widen();
  }
}

// `section` has a list of the leaves, a slider, readings and a drawing.
function opening(section, live) {
  const $ = (selector) => section.querySelector(selector), select = $("[name=which]"), slider = $("[name=number]");
  const svg = $("figure svg"), drawing = svg && new LiveDrawing(svg, live), figure = $("figure.paths");
  const bar = $(".loss i"), first = Math.abs(live.loss) || 1;

  live.watch(() => {
    const x = live.numbers.get(select.value), reach = Math.max(REACH, Math.abs(live.start.get(select.value)) * 2);
    if (!(Number(slider.max) >= Math.abs(x)) || Number(slider.max) > 2 * reach)
      Object.assign(slider, {min: -Math.max(reach, 1.5 * Math.abs(x)), max: Math.max(reach, 1.5 * Math.abs(x))});
    if (Number(slider.value) !== x) slider.value = x;
    slider.nextElementSibling.textContent = figures(x);
    for (const read of section.querySelectorAll("[data-read]")) read.textContent = figures(live.of(read.dataset.read));
    bar.style.inlineSize = `${Math.min(12, 6 * Math.abs(live.loss) / first)}rem`;
    drawing?.show(select.value);
    if (figure) drawStations(figure, live, select.value);
  });
  select.addEventListener("change", () => live.changed());
  slider.addEventListener("input", () => live.set(select.value, slider.valueAsNumber));
  $("[name=reset]").addEventListener("click", () => live.reset());
  addEventListener("resize", () => live.changed()); // there may be room for other digits

  let held = null; // the leaf that a pointer drags
  const leafAt = (target) => {
    const {of, weight} = target.closest?.("[data-of], [data-weight]")?.dataset ?? {}, label = of ?? weight;
    return live.numbers.has(label) ? label : null;
  };
  const picture = $("figure");
  for (const each of picture.querySelectorAll("[data-of], [data-weight]"))
    each.classList.toggle("drags", leafAt(each) !== null);
  picture.addEventListener("pointerdown", (event) => {
    const label = leafAt(event.target);
    if (label === null || event.button) return;
    held = {label, x: event.clientX, from: live.numbers.get(label)};
    select.value = label;
    live.changed();
  });
  picture.addEventListener("pointermove", (event) => {
    if (!held || !event.buttons) return;
    event.preventDefault();
    if (!picture.hasPointerCapture(event.pointerId)) picture.setPointerCapture(event.pointerId);
    live.set(held.label, Number((held.from + DRAGGED * (event.clientX - held.x)).toFixed(3)));
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => (held = null));
}
