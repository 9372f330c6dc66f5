// The arithmetic of windows: which pixels a convolution or a pooling takes for a pixel, and which it gives one to.

// What a node is computed from, back through what keeps its pixels: { windows, steps }, the last step first, or null.
function sourceOf(place) {
  const steps = [];
  for (let at = Number(place); ; ) {
    const windows = data.images.windows.find(({ output }) => output === at);
    if (windows) return { windows, steps };
    const step = data.images.steps[at];
    if (!step) return null;
    steps.push({ place: at, ...step });
    at = step.image;
  }
}

const users = (place, role) => data.images.windows.filter((windows) => windows[role] === Number(place));
const shapeOf = (place) => data.images.shapes[place];
const isPooling = ({ filters }) => filters === null;

// The channels that a map of the output is computed from, first and how many.
function channelsOf(windows, map) {
  if (isPooling(windows)) return { first: map, count: 1 };
  const [filters, count] = shapeOf(windows.filters);
  return { first: Math.floor(map / (filters / windows.groups)) * count, count };
}

// The maps of the output that a channel of the image goes into.
function mapsOf(windows, channel) {
  if (isPooling(windows)) return [channel];
  const [filters, count] = shapeOf(windows.filters);
  const share = filters / windows.groups;
  const first = Math.floor(channel / count) * share;
  return Array.from({ length: share }, (_, i) => first + i);
}

/**
 * The pixel of the image under weight (i, j) of the window at (row, column).
 * @param {WindowsData} windows
 * @param {number[]} place
 * @param {number[]} weight
 */
function pixelUnder({ stride, before, dilation }, [row, column], [i, j]) {
  return [row * stride[0] - before[0] + i * dilation[0], column * stride[1] - before[1] + j * dilation[1]];
}

/** @type {(at: number[], size: number[]) => boolean} */
const inside = ([row, column], [rows, columns]) => row >= 0 && column >= 0 && row < rows && column < columns;
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
  const { size, stride, before, dilation, output } = windows;
  const outputs = shapeOf(output).slice(2);
  return everyPlace(size).flatMap((weight) => {
    const place = [0, 1].map((k) => (pixel[k] + before[k] - weight[k] * dilation[k]) / stride[k]);
    return place.every(Number.isInteger) && inside(place, outputs) ? [{ weight, place }] : [];
  }).reverse(); // in the order of the outputs
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
  if (!isPooling(windows)) {
    const { first, count } = channelsOf(windows, map);
    return numberAt(filters, numbers.filters, map * count + channel - first, weight);
  }
  if (op === "avg_pool2d") return 1 / (size[0] * size[1]);
  const seen = windowAt(windows, place).flatMap(({ weight, pixel }) =>
    pixel ? [{ weight, x: numberAt(windows.image, numbers.image, channel, pixel) }] : [],
  );
  const best = Math.max(...seen.map(({ x }) => x));
  const winners = seen.filter(({ x }) => x === best);
  return winners.some((one) => String(one.weight) === String(weight)) ? 1 / winners.length : 0;
}
