// Pictures of a training: numbers as coloured tiles, weights as bars, and what units say of every place in the plane.

const PLACES = 44; // of the plane, a side
const MOST_IN_ROW = 24; // numbers of a vector

// The colours of numbers from −1 to 1, as the page's style has them now.
function colourTable(root) {
  const style = getComputedStyle(root);
  const [below, zero, above] = ["--below", "--zero", "--above"].map((name) =>
    [1, 3, 5].map((at) => parseInt(style.getPropertyValue(name).trim().slice(at, at + 2), 16)));
  return (x) => {
    const share = Math.min(1, Math.abs(x)), end = x < 0 ? below : above;
    return zero.map((from, i) => from + share * (end[i] - from));
  };
}

const largestOf = (numbers) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0) || 1;

// A canvas of columns × rows pixels, from numbers row by row; its style makes tiles of them.
function tilesOf(canvas, columns, rows, numbers, colour, largest = largestOf(numbers)) {
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
  for (let i = 0; i < columns * rows; i++) {
    const shade = colour((numbers[i] ?? 0) / largest); // the end of the last row may be empty
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = shade[k];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// How an array is laid out as pictures: each [columns, rows], so many of them.
function asPictures(shape, image) {
  const size = shape.reduce((product, n) => product * n, 1);
  if (shape.length >= 3) {
    const [rows, columns] = shape.slice(-2);
    return {columns, rows, count: size / (rows * columns)};
  }
  if (image && shape.length && shape.at(-1) === image[0] * image[1])
    return {columns: image[1], rows: image[0], count: size / (image[0] * image[1])};
  if (shape.length < 2) {
    const rows = Math.ceil(size / MOST_IN_ROW);
    return {columns: Math.ceil(size / rows), rows, count: 1};
  }
  return {columns: shape.at(-1), rows: size / shape.at(-1), count: 1};
}

// Canvases for an array, `most` pictures at most, in a row; `paint(numbers, colour)` draws them.
class ArrayPictures {
  constructor(name, shape, image, most = 24) {
    this.layout = asPictures(shape, image);
    this.kept = Math.min(most, this.layout.count);
    this.canvases = Array.from({length: this.kept}, () => document.createElement("canvas"));
    const {columns, rows, count} = this.layout;
    const room = count > 8 ? 64 : count > 1 ? 110 : 200;
    const scale = Math.max(2, Math.min(36, Math.floor(room / Math.max(columns, rows))));
    const more = count > this.kept ? ` (${this.kept} of ${count})` : "";
    this.element = document.createElement("figure");
    this.caption = document.createElement("figcaption");
    this.name = `${name}, ${shape.join(" × ") || "a number"}${more}`;
    this.canvases.forEach((canvas, i) => {
      canvas.style.width = `${scale * columns}px`;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", count > 1 ? `${name}, picture ${i + 1} of ${count}` : name);
    });
    const row = document.createElement("div");
    row.className = "pictures";
    row.append(...this.canvases);
    this.element.append(row, this.caption);
  }

  paint(numbers, colour, largest = largestOf(numbers)) {
    const {columns, rows} = this.layout, size = columns * rows;
    const strongest = numbers.every((x) => x === 0) ? "0" : `±${readable(largest)}`;
    this.caption.textContent = `${this.name}: ${strongest}`;
    this.canvases.forEach((canvas, i) =>
      tilesOf(canvas, columns, rows, numbers.slice(i * size, (i + 1) * size), colour, largest));
  }
}
