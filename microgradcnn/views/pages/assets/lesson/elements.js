// What all scenes write with: numbers as people read them, elements, and the tint of a number.
"use strict";

// A number as people read it, with a real minus.
function figures(x, digits = 4) {
  const size = Math.abs(x);
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "no number" : x > 0 ? "∞" : "−∞";
  const text = size >= 1e6 || (size < 1e-4 && size > 0) ? x.toExponential(2)
    : String(Number(x.toPrecision(digits)));
  return text.replace("e+", "e").replaceAll("-", "−");
}

/** @param {string} tag @param {Object<string, any>} properties @param {...(Node|string)} inside @returns {any} */
function created(tag, properties = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
}

const tint = (x, most) => { // of a number: orange below 0, blue above
  const share = Math.round(100 * Math.sqrt(Math.min(1, Math.abs(x) / (most || 1))));
  return `color-mix(in srgb, var(--${x < 0 ? "below" : "above"}) ${Number.isFinite(x) ? share : 0}%, var(--paper))`;
};
