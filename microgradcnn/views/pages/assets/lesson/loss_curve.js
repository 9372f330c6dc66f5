// The loss over one weight, all other numbers as they are, with the slope where the weight is.
"use strict";

function lossCurve(section, live) {
  const $ = (selector) => section.querySelector(selector), svg = $("svg.chart"), slider = $("[name=number]");
  const POINTS = 121, LEFT = 56, RIGHT = 616, TOP = 20, BOTTOM = 230;
  $(".choice").prepend(weightChoice(live, "over the weight"));

  new Guess(live, $(".ask"), () => ({
    about: live.weight, number: live.gradient(live.weight),
    name: ["the slope, d", created("var", {}, live.f), "/d", nameOf(live.weight)]}), draw);

  function draw(open) {
    const weight = live.weight, x = live.numbers.get(weight), reach = Math.max(REACH, 1.5 * Math.abs(x));
    const across = Array.from({length: POINTS}, (_, i) => reach * (2 * i / (POINTS - 1) - 1));
    const losses = live.losses(weight, across), finite = losses.filter(Number.isFinite);
    const low = Math.min(0, ...finite), most = Math.max(1e-9, ...finite), unit = 10 ** Math.floor(Math.log10(most)) / 5;
    const high = unit * Math.ceil(most / unit - 1e-9); // whose half has two digits as well
    const right = (w) => LEFT + (RIGHT - LEFT) * (w + reach) / (2 * reach);
    const up = (f) => BOTTOM - (BOTTOM - TOP) * (f - low) / (high - low);
    const text = (at, line, words, anchor) => shape("text", {x: at, y: line, "text-anchor": anchor}, [words]);
    const points = across.map((w, i) => [right(w), up(losses[i])]).filter(([, y]) => Number.isFinite(y));
    const slope = live.gradient(weight), tangent = [-1, 1].map((side) => side * reach / 3);
    const visible = open && Number.isFinite(live.loss);
    svg.replaceChildren(
      ...[low, (low + high) / 2, high].flatMap((f) => [
        shape("line", {x1: LEFT, x2: RIGHT, y1: up(f), y2: up(f)}), text(50, up(f) + 5, figures(f, 2), "end")]),
      ...[-reach, 0, reach].map((w) => text(right(w), 260, figures(w, 2), "middle")),
      text(RIGHT, 286, plainName(weight), "end"), text(64, 6, live.f, "start"),
      shape("polyline", {points: points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ")}),
      ...(visible ? [shape("line", {class: "tangent", x1: right(x + tangent[0]), x2: right(x + tangent[1]),
        y1: up(live.loss + slope * tangent[0]), y2: up(live.loss + slope * tangent[1])})] : []),
      ...(Number.isFinite(live.loss) ? [shape("circle", {class: "here", cx: right(x), cy: up(live.loss), r: 8})] : []));
    Object.assign(slider, {min: -reach, max: reach});
    if (Number(slider.value) !== x) slider.value = x;
    slider.nextElementSibling.textContent = figures(x);
    const told = visible ? ` The slope there is ${figures(slope)}: a small step of ${plainName(weight)} changes ` +
      `${live.f} ${figures(slope)} times as much.` : "";
    $(".told").textContent = `${live.f} = ${figures(live.loss)} at ${plainName(weight)} = ${figures(x)}.${told}`;
  }

  slider.addEventListener("input", () => live.set(live.weight, slider.valueAsNumber));
}
