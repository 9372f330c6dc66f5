// The arithmetic of windows: which pixels a convolution or a pooling takes for a pixel, and which it gives one to.

// What a node is computed from, back through what keeps its pixels: { windows, steps }, the last step first, or null.
function sourceOf(place) {
  const steps = [];
  for (let at = Number(place); ; ) {
    const windows = data.images.windows.find(({ output }) => output === at);
    if (windows) return { windows, steps };
    const step = data.images.steps[at];
    if (!step) return null;
    if (step.op !== "reshape") steps.push({ place: at, ...step });
    at = step.image;
  }
}

// The windows that take a node, or the same pixels in another shape.
const users = (place, role) => data.images.windows.filter((windows) => isOf(windows[role], Number(place)));

function isOf(at, place) {
  const step = data.images.steps[at];
  return at === place || (step?.op === "reshape" && isOf(step.image, place));
}
const shapeOf = (place) => data.images.shapes[place];
const isPooling = ({ filters }) => filters === null;

// Of each group of a convolution how many channels go in, and how many maps come out.
function shares({ filters, groups, transposed }) {
  const [count, each] = shapeOf(filters);
  return transposed ? { channels: count / groups, maps: each } : { channels: each, maps: count / groups };
}

// The channels that a map of the output is computed from, first and how many.
function channelsOf(windows, map) {
  if (isPooling(windows)) return { first: map, count: 1 };
  const { channels, maps } = shares(windows);
  return { first: Math.floor(map / maps) * channels, count: channels };
}

// The maps of the output that a channel of the image goes into.
function mapsOf(windows, channel) {
  if (isPooling(windows)) return [channel];
  const { channels, maps } = shares(windows);
  const first = Math.floor(channel / channels) * maps;
  return Array.from({ length: maps }, (_, i) => first + i);
}

// Which of all channels of the filters is between a map and a channel; a transposed convolution has a filter a channel.
function filterOf(windows, map, channel) {
  const { channels, maps } = shares(windows);
  return windows.transposed ? channel * maps + (map % maps) : map * channels + (channel % channels);
}

// The map and the channel that one of all channels of the filters is between.
function endsOf(windows, index) {
  const { channels, maps } = shares(windows);
  const [own, other] = [Math.floor(index / (windows.transposed ? maps : channels)), index];
  if (windows.transposed) return { channel: own, map: Math.floor(own / channels) * maps + (other % maps) };
  return { map: own, channel: channelsOf(windows, own).first + (other % channels) };
}

// From a window at (row, column), the pixel under its weight (i, j); and back, from the pixel to the window.
const under = ({ stride, before, dilation }, at, weight) =>
  [0, 1].map((k) => at[k] * stride[k] - before[k] + weight[k] * dilation[k]);
const back = ({ stride, before, dilation }, at, weight) =>
  [0, 1].map((k) => (at[k] + before[k] - weight[k] * dilation[k]) / stride[k]);

/**
 * The pixel of the image that a weight takes for a pixel of the output: between pixels there is none.
 * @param {WindowsData} windows
 * @param {number[]} place
 * @param {number[]} weight
 */
const pixelUnder = (windows, place, weight) => (windows.transposed ? back : under)(windows, place, weight);

/** @type {(at: number[], size: number[]) => boolean} */
const inside = (at, size) => at.every((place, k) => Number.isInteger(place) && place >= 0 && place < size[k]);
/** @type {(size: number[]) => number[][]} */
const everyPlace = ([rows, columns]) =>
  Array.from({ length: rows * columns }, (_, i) => [Math.floor(i / columns), i % columns]);

/**
 * The window over an image for a pixel of the output: each weight with the pixel under it, null in the padding.
 * @param {WindowsData} windows
 * @param {number[]} place
 * @returns {{ weight: number[], pixel: number[] | null }[]}
 */
function windowAt(windows, place) {
  const image = shapeOf(windows.image).slice(2);
  return everyPlace(windows.size).map((weight) => {
    const pixel = pixelUnder(windows, place, weight);
    return { weight, pixel: inside(pixel, image) ? pixel : null };
  });
}

/**
 * The windows that a pixel of the image is in: each output with the weight that is over the pixel.
 * @param {WindowsData} windows
 * @param {number[]} pixel
 * @returns {{ weight: number[], place: number[] }[]}
 */
function windowsOver(windows, pixel) {
  const outputs = shapeOf(windows.output).slice(2);
  const found = everyPlace(windows.size).flatMap((weight) => {
    const place = (windows.transposed ? under : back)(windows, pixel, weight);
    return inside(place, outputs) ? [{ weight, place }] : [];
  });
  return windows.transposed ? found : found.reverse(); // in the order of the outputs
}

/**
 * All places where a weight acts: each output with the pixel under the weight, null in the padding.
 * @param {WindowsData} windows
 * @param {number[]} weight
 * @returns {{ place: number[], pixel: number[] | null }[]}
 */
function actionsOf(windows, weight) {
  const [image, outputs] = [shapeOf(windows.image).slice(2), shapeOf(windows.output).slice(2)];
  return everyPlace(outputs).map((place) => {
    const pixel = pixelUnder(windows, place, weight);
    return { place, pixel: inside(pixel, image) ? pixel : null };
  });
}

/**
 * A number of a node: of a map, or of a filter's channel, at a row and a column.
 * @param {any} place
 * @param {any} numbers
 * @param {number} map
 * @param {number[]} at
 */
function numberAt(place, numbers, map, [row, column]) {
  const [rows, columns] = shapeOf(place).slice(2);
  return numbers[(map * rows + row) * columns + column];
}

/**
 * The weight that a pixel has in a window: of a filter, of an average, or its share of a maximum.
 * @param {WindowsData} windows
 * @param {{ image: any, filters: any }} numbers
 */
function weightIn(windows, numbers, map, channel, place, weight) {
  const { op, size, filters } = windows;
  if (!isPooling(windows)) return numberAt(filters, numbers.filters, filterOf(windows, map, channel), weight);
  if (op === "avg_pool2d") return 1 / (size[0] * size[1]);
  const seen = windowAt(windows, place).flatMap(({ weight, pixel }) =>
    pixel ? [{ weight, x: numberAt(windows.image, numbers.image, channel, pixel) }] : [],
  );
  const best = Math.max(...seen.map(({ x }) => x));
  const winners = seen.filter(({ x }) => x === best);
  return winners.some((one) => String(one.weight) === String(weight)) ? 1 / winners.length : 0;
}
