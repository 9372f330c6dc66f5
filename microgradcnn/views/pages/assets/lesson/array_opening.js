// The first scene of a network over arrays: its arrays as tiles, of which a number is chosen and changed with a slider.
"use strict";

const rounded = (x) => (Number.isFinite(x) ? (Math.round(100 * x) / 100 + 0).toFixed(2).replace("-", "−") : "–");

// An array under its name, row by row; a filter, or a channel of an image, by itself.
function gridOf({name, shape}, cells) {
  const columns = shape.at(-1) ?? 1, size = columns * (shape.at(-2) ?? 1), maps = created("div", {className: "maps"});
  for (let i = 0; i < cells.length; i += size) {
    const table = created("div", {className: "cells"}, ...cells.slice(i, i + size));
    table.style.setProperty("--columns", columns);
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

// `told` has the leaves, which of them are shown, and what is computed on the way. The `graph` gives the loss and
// these, descends, and is stepped through in the section `steps`, where there is one; without one `scalars` gives them.
function arrayOpening(section, told, scalars, graph, steps) {
  const program = (numbers) => graph ? graph.program(numbers) : scalars(numbers);
  const $ = (selector) => section.querySelector(selector), slider = $("[name=number]");
  const start = told.leaves.flatMap(({numbers}) => numbers), [first] = program(start);
  const places = told.leaves.map((_, i) => told.leaves.slice(0, i).reduce((sum, {numbers}) => sum + numbers.length, 0));
  /** @type {(() => void)[]} */ const watchers = [];
  let numbers = start, chosen = places[told.shown[0]], going = 0;

  const buttons = told.shown.map((leaf) => told.leaves[leaf].numbers.map((_, i) => created("button", {
    type: "button", onclick: () => show(numbers, places[leaf] + i)})));
  const results = told.steps.map((step) => step.numbers.map(() => created("span")));
  $(".grids").append(...told.shown.map((leaf, k) => gridOf(told.leaves[leaf], buttons[k])),
    ...told.steps.map((step, k) => gridOf(step, results[k])));

  function show(now, place) {
    [numbers, chosen] = [now, place];
    const [loss, ...rest] = program(numbers), x = numbers[chosen];
    const reach = Math.max(3, 2 * Math.abs(start[chosen]), 1.5 * Math.abs(x));
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
    for (const each of watchers) each();
  }
  slider.addEventListener("input", () => show(numbers.with(chosen, slider.valueAsNumber), chosen));
  $("[name=reset]").addEventListener("click", () => {
    pause();
    show(start, chosen);
  });

  function descend() { // a step; whether there can be another
    const rate = Number($("[name=rate]").value.trim().replace(",", ".")), next = graph.descended(rate);
    const good = next.every(Number.isFinite) && Number.isFinite(program(next)[0]);
    if (good) show(next, chosen);
    else {
      graph.take(numbers);
      $(".told").textContent = "The loss is no number any more: take another rate.";
    }
    return good;
  }

  function pause() {
    cancelAnimationFrame(going);
    going = 0;
    if (graph) $("[name=train]").textContent = "Train";
  }

  function train() {
    if (going) return pause();
    const frame = () => descend() ? (going = requestAnimationFrame(frame)) : pause();
    going = requestAnimationFrame(frame);
    $("[name=train]").textContent = "Stop";
  }
  $("[name=descend]")?.addEventListener("click", descend);
  $("[name=train]")?.addEventListener("click", train);
  show(start, chosen);
  if (steps) graphSteps(steps, {open: false, watch: (each) => watchers.push(each)}, arraySteps(steps, graph));
}
