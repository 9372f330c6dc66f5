// The first scene of a network over arrays: its arrays as tiles, of which a number is chosen and changed with a slider.
"use strict";

// `told` has the leaves, which of them are shown, and what is computed on the way; `program` gives the loss and these.
function arrayOpening(section, told, program) {
  const $ = (selector) => section.querySelector(selector), slider = $("[name=number]"), REACH = 3;
  const start = told.leaves.flatMap(({numbers}) => numbers), grids = $(".grids");
  const places = told.leaves.map((_, i) => told.leaves.slice(0, i).reduce((sum, {numbers}) => sum + numbers.length, 0));
  let numbers = start, chosen = places[told.shown[0]];
  const written = (x) => (Number.isFinite(x) ? x.toFixed(2).replace("-", "−") : "–");
  const tinted = (x, most) => `color-mix(in srgb, var(--${x < 0 ? "below" : "above"}) ` +
    `${Number.isFinite(x) ? Math.round(100 * Math.sqrt(Math.min(1, Math.abs(x) / most))) : 0}%, var(--paper))`;

  function made(tag, properties = {}, ...inside) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...inside);
    return element;
  }

  function grid({name, shape}, cells) {
    const columns = shape.at(-1) ?? 1, size = columns * (shape.at(-2) ?? 1), maps = made("div", {className: "maps"});
    for (let i = 0; i < cells.length; i += size) { // a filter, or a channel of an image, by itself
      const table = made("div", {className: "cells"}, ...cells.slice(i, i + size));
      table.style.gridTemplateColumns = `repeat(${columns}, 3.4rem)`;
      maps.append(table);
    }
    const caption = made("figcaption", {}, `${name} `, made("small", {}, shape.join("×")));
    return made("figure", {className: "array"}, caption, maps);
  }
  const buttons = told.shown.map((leaf) => told.leaves[leaf].numbers.map((_, i) => {
    const place = places[leaf] + i;
    return made("button", {type: "button", onclick: () => {
      chosen = place;
      show();
    }});
  }));
  const results = told.steps.map(({numbers: cells}) => cells.map(() => made("span")));
  grids.append(...told.shown.map((leaf, k) => grid(told.leaves[leaf], buttons[k])),
    ...told.steps.map((step, k) => grid(step, results[k])));
  const [first] = program(start);

  function paint(cells, values, told_of) {
    const most = Math.max(1e-9, ...values.map(Math.abs).filter(Number.isFinite));
    cells.forEach((cell, i) => {
      cell.textContent = written(values[i]);
      cell.style.background = tinted(values[i], most);
      if (told_of) {
        cell.ariaLabel = `${told_of}, number ${i + 1}: ${written(values[i])}`;
        cell.setAttribute("aria-pressed", String(told_of && cell.dataset.place === String(chosen)));
      }
    });
  }

  function show() {
    const [loss, ...rest] = program(numbers), x = numbers[chosen];
    told.shown.forEach((leaf, k) => {
      const {name, numbers: cells} = told.leaves[leaf];
      buttons[k].forEach((button, i) => (button.dataset.place = String(places[leaf] + i)));
      paint(buttons[k], numbers.slice(places[leaf], places[leaf] + cells.length), name);
    });
    results.forEach((cells) => paint(cells, rest.splice(0, cells.length)));
    const leaf = told.leaves.findLastIndex((_, i) => places[i] <= chosen);
    $(".told").textContent = `Number ${chosen - places[leaf] + 1} of ${told.leaves[leaf].name}, chosen in its tiles:`;
    $(".loss output").textContent = `${told.f} = ${Number(loss.toPrecision(4))}`.replace("-", "−");
    $(".loss i").style.inlineSize = `${Math.min(12, 6 * Math.abs(loss / (first || 1)))}rem`;
    const reach = Math.max(REACH, 2 * Math.abs(start[chosen]));
    Object.assign(slider, {min: -reach, max: reach});
    if (Number(slider.value) !== x) slider.value = x;
    slider.nextElementSibling.textContent = written(x);
  }
  slider.addEventListener("input", () => {
    numbers = numbers.with(chosen, slider.valueAsNumber);
    show();
  });
  $("[name=reset]").addEventListener("click", () => {
    numbers = start;
    show();
  });
  show();
}
