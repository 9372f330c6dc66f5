// What all scenes write with: numbers and names as people read them, elements, and the tint of a number.
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

function shape(tag, attributes, content = []) { // an element of an <svg>
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...content);
  return made;
}

// A name in its parts: y_hat_1 has the letter y, a hat to put over it, and the index 1.
function spelt(name) {
  const [base, ...parts] = name.split("_"), accent = {hat: "\u0302", bar: "\u0304"}[parts[0]] ?? "";
  return {letter: GREEK.get(base) ?? base, accent, index: parts.slice(accent ? 1 : 0).join(",")};
}

// A name as an element: a letter with its accent, and its index low.
function nameOf(label) {
  if (!/^[A-Za-z]+(_[A-Za-z0-9]+)*$/.test(label)) return created("span", {}, label);
  const {letter: base, accent, index} = spelt(label);
  const low = index ? [created("sub", {}, index)] : [];
  return created("span", {className: "name"}, created(base.length === 1 ? "var" : "span", {}, base + accent), ...low);
}

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
function plainName(label) { // as text alone: c₁, ŷ
  if (!/^[A-Za-z]+(_[A-Za-z0-9]+)*$/.test(label)) return label;
  const {letter: base, accent, index} = spelt(label);
  const low = /^\d*$/.test(index) ? [...index].map((digit) => SUBSCRIPTS[digit]).join("") : `_${index}`;
  return (base + accent).normalize("NFC") + low;
}
