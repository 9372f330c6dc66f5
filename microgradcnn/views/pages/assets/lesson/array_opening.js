// The first scene of a network over arrays: its arrays as tiles, of which a number is chosen and changed with a slider.
"use strict";

const rounded = (x) => (Number.isFinite(x) ? x.toFixed(2).replace("-", "−") : "–");

// An array under its name, row by row; a filter, or a channel of an image, by itself.
function gridOf({name, shape}, cells) {
  const columns = shape.at(-1) ?? 1, size = columns * (shape.at(-2) ?? 1), maps = created("div", {className: "maps"});
  for (let i = 0; i < cells.length; i += size) {
    const table = created("div", {className: "cells"}, ...cells.slice(i, i + size));
    table.style.gridTemplateColumns = `repeat(${columns}, 3.4rem)`;
    maps.append(table);
  }
  const caption = created("figcaption", {}, `${name} `, created("small", {}, shape.join("×")));
  return created("figure", {className: "array"}, caption, maps);
}

function paintCells(cells, values) {
  const most = Math.max(1e-9, ...values.map(Math.abs).filter(Number.isFinite));
  cells.forEach((cell, i) => {
    cell.textContent = rounded(values[i]);
    cell.style.background = tint(values[i], most);
  });
}

// `told` has the leaves, which of them are shown, and what is computed on the way; `program` gives the loss and these.
// `changed` is called with the numbers of all leaves when one of them is another.
function arrayOpening(section, told, program, changed = (_) => {}) {
  const $ = (selector) => section.querySelector(selector), slider = $("[name=number]");
  const start = told.leaves.flatMap(({numbers}) => numbers), [first] = program(start);
  const places = told.leaves.map((_, i) => told.leaves.slice(0, i).reduce((sum, {numbers}) => sum + numbers.length, 0));
  let numbers = start, chosen = places[told.shown[0]];

  const buttons = told.shown.map((leaf) => told.leaves[leaf].numbers.map((_, i) => created("button", {
    type: "button", onclick: () => show(numbers, places[leaf] + i)})));
  const results = told.steps.map((step) => step.numbers.map(() => created("span")));
  $(".grids").append(...told.shown.map((leaf, k) => gridOf(told.leaves[leaf], buttons[k])),
    ...told.steps.map((step, k) => gridOf(step, results[k])));

  function show(now, place) {
    [numbers, chosen] = [now, place];
    const [loss, ...rest] = program(numbers), x = numbers[chosen], reach = Math.max(3, 2 * Math.abs(start[chosen]));
    told.shown.forEach((leaf, k) => {
      const {name, numbers: cells} = told.leaves[leaf];
      paintCells(buttons[k], numbers.slice(places[leaf], places[leaf] + cells.length));
      buttons[k].forEach((button, i) => {
        button.ariaLabel = `${name}, number ${i + 1}: ${button.textContent}`;
        button.setAttribute("aria-pressed", String(places[leaf] + i === chosen));
      });
    });
    for (const cells of results) paintCells(cells, rest.splice(0, cells.length));
    const leaf = told.leaves.findLastIndex((_, i) => places[i] <= chosen);
    $(".told").textContent = `Number ${chosen - places[leaf] + 1} of ${told.leaves[leaf].name}, chosen in its tiles:`;
    $(".loss output").textContent = `${told.f} = ${figures(loss)}`;
    $(".loss i").style.inlineSize = `${Math.min(12, 6 * Math.abs(loss / (first || 1)))}rem`;
    Object.assign(slider, {min: -reach, max: reach});
    if (Number(slider.value) !== x) slider.value = x;
    slider.nextElementSibling.textContent = rounded(x);
    changed(numbers);
  }
  slider.addEventListener("input", () => show(numbers.with(chosen, slider.valueAsNumber), chosen));
  $("[name=reset]").addEventListener("click", () => show(start, chosen));
  show(start, chosen);
}
