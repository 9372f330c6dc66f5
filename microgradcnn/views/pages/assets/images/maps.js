// Maps of arrays as pictures: the colours of numbers, as in colours.py, a pixel to a cell, and the numbers of cells.

const themes = ["(prefers-color-scheme: dark)", "print"].map((query) => matchMedia(query));
const LIGHT = 140; // a grey under black letters
const pen = /** @type {CanvasRenderingContext2D} */ (
  document.createElement("canvas").getContext("2d", { willReadFrequently: true })
);
/** @type {Record<string, number[]> | null} */
let ends = null; // the colours that the scales of this theme end with
let painted = new WeakMap(); // which numbers each group of maps shows
for (const theme of themes) {
  theme.addEventListener("change", () => {
    ends = null;
    painted = new WeakMap();
    document.dispatchEvent(new CustomEvent("theme"));
  });
}

// The style's own colours, as numbers up to 255.
function scaleEnds() {
  const style = getComputedStyle(document.documentElement);
  const digits = (name) => style.getPropertyValue(`--${name}`).match(/\w\w/g) ?? [];
  const read = (name) => digits(name).map((part) => parseInt(part, 16));
  const names = ["paper", "not-finite", "value-below", "value-above", "gradient-below", "gradient-above"];
  ends ??= Object.fromEntries(names.map((name) => [name, read(name)]));
  return ends;
}

/**
 * Red, green and blue of a number: grey from 0 to the largest, or from the paper's colour at 0 to the scale's end.
 * @param {string} kind "grey", "value" or "gradient"
 * @param {number} x
 * @param {number} most the largest number that there is
 */
function colourOf(kind, x, most) {
  const colours = scaleEnds();
  if (!Number.isFinite(x) && kind === "grey") return [0, 0, 0];
  if (Number.isNaN(x)) return colours["not-finite"];
  const share = most ? Math.min(1, Math.abs(x) / most) : 0;
  if (kind === "grey") return Array(3).fill(Math.round(255 * share));
  const end = colours[`${kind}-${x < 0 ? "below" : "above"}`];
  return colours.paper.map((from, i) => Math.round(from + (end[i] - from) * Math.sqrt(share)));
}

const css = (colour) => `rgb(${colour.join(" ")})`;

/**
 * The address of a picture with a pixel for each number, row by row; what is missing is transparent.
 * @param {ArrayLike<number | undefined>} numbers
 * @param {number} columns
 */
function mapAddress(numbers, columns, kind, most) {
  const rows = Math.ceil(numbers.length / columns) || 1;
  Object.assign(pen.canvas, { width: columns, height: rows });
  const pixels = pen.createImageData(columns, rows);
  for (let i = 0; i < numbers.length; i++) {
    const x = numbers[i];
    if (x !== undefined) pixels.data.set([...colourOf(kind, x, most), 255], 4 * i);
  }
  pen.putImageData(pixels, 0, 0);
  return pen.canvas.toDataURL();
}

// A number in a cell: what five characters have room for, with a real minus.
function short(x) {
  const size = Math.abs(x);
  if (!Number.isFinite(x) || x === 0) return shown(x);
  const plain = size >= 9.95 ? x.toFixed(0) : String(Number(x.toFixed(size >= 0.995 ? 1 : 2)));
  return (size < 0.0095 || size >= 9999 ? x.toExponential(0).replace("e+", "e") : plain).replaceAll("-", "−");
}

// Whether numbers are drawn in grey: as pictures are, if they are what a leaf was given and none is negative.
function tone(kind, which, numbers) {
  const grey = kind === "picture" && which === "value" && numbers.every((x) => x >= 0);
  return grey ? "grey" : which;
}

// How many numbers a map has, and in how many columns.
function mapSize({ maps, shape }) {
  const [rows, columns] = maps.kind === "row" ? [maps.rows, maps.columns] : shape.slice(2);
  return columns === undefined ? { rows: 1, columns: rows } : { rows, columns }; // of a signal a single row
}

// Whether a group of maps does not show these numbers yet, step after step; it is to be painted then.
function isNew(group, numbers) {
  const before = painted.get(group);
  painted.set(group, numbers);
  return before !== numbers;
}

/**
 * Paints the maps of a box's value or gradient; dashed frames for numbers that there are not.
 * @param {Element} group
 * @param {any} told what the page knows of the box
 * @param {string} which "value" or "gradient"
 * @param {Float32Array | Float64Array | number[] | null} numbers
 */
function paintMaps(group, told, which, numbers) {
  if (!isNew(group, numbers)) return;
  if (!numbers) return blankMaps(group);
  const [{ rows, columns }, first] = [mapSize(told), firstExample(told, numbers)];
  const [kind, most] = [tone(told.maps.kind, which, first), largest(Array.from(first))];
  for (const map of group.querySelectorAll(".map")) {
    const start = Number(map.dataset.map) * rows * columns;
    const cells = first.slice(start, start + rows * columns);
    map.querySelector("image").setAttribute("href", mapAddress(cells, columns, kind, most));
    dash(map.querySelector(".frame"), false);
    numberCells(map, cells, columns, kind, most);
  }
}

function blankMaps(group) {
  for (const map of group.querySelectorAll(".map")) {
    map.querySelector("image").removeAttribute("href");
    dash(map.querySelector(".frame"), true);
    map.querySelectorAll(".cell").forEach((text) => text.remove());
  }
}

// A frame for numbers that there are not is dashed.
function dash(frame, dashed) {
  dashed ? frame.setAttribute("stroke-dasharray", "3 3") : frame.removeAttribute("stroke-dasharray");
}

// Of several examples the first one's numbers.
function firstExample({ maps, shape }, numbers) {
  const whole = maps.kind === "filters" || maps.kind === "row";
  return whole ? numbers : numbers.slice(0, shape.slice(1).reduce((a, b) => a * b, 1));
}

const ROOMY = 32; // a cell that has room for its number, as in tiles.py

function numberCells(map, cells, columns, kind, most) {
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(map.firstChild.getAttribute(name)));
  const [wide, high] = [width / columns, height / (cells.length / columns)];
  map.querySelectorAll(".cell").forEach((text) => text.remove());
  if (wide < ROOMY) return;
  Array.from(cells).forEach((number, i) => {
    const [column, row] = [i % columns, Math.floor(i / columns)];
    const text = element("text", { class: "cell", x: x + (column + 0.5) * wide, y: y + (row + 0.5) * high + 3.5 });
    text.textContent = short(number);
    if (kind === "grey") text.style.fill = colourOf(kind, number, most)[0] < LIGHT ? "#ffffff" : "#000000";
    map.append(text);
  });
}

const recordedImages = new Float32Array(
  data.images ? await unpacked(data.images.numbers).arrayBuffer() : new ArrayBuffer(0)
);

const foundNumbers = new Map(); // by their places among all

// The recorded numbers of a node, of several examples the first one's; null if there are none.
function recordedNumbersOf(place, which) {
  const { size, [which]: start } = data.images?.recorded[place] ?? {};
  if (start === undefined) return null;
  if (!foundNumbers.has(start)) foundNumbers.set(start, recordedImages.subarray(start, start + size));
  return foundNumbers.get(start);
}
