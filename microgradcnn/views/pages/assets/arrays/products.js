// Products of matrices, convolutions as products with all windows of the images, and pooling.

/** Adds a b, of matrices (m, k) and (k, n) that begin at these places, to what begins at `to`. */
function addProduct(out, to, a, from, b, other, [m, k, n]) {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < k; j++) {
      const [x, row, start] = [a[from + i * k + j], other + j * n, to + i * n];
      for (let l = 0; l < n; l++) out[start + l] += x * b[row + l];
    }
  }
}

/**
 * Stacks of products, (groups, m, k) by (groups, k, n).
 * @type {(a: TypedNumbers, b: TypedNumbers, groups: number, sizes: number[]) => Float64Array}
 */
function products(a, b, groups, [m, k, n]) {
  const out = new Float64Array(groups * m * n);
  for (let g = 0; g < groups; g++) addProduct(out, g * m * n, a, g * m * k, b, g * k * n, [m, k, n]);
  return out;
}

const inType = (Type, data) => (Type === Float64Array ? data : Type.from(data));

function matmul(a, b) {
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const stack = commonShape(left.slice(0, -2), right.slice(0, -2));
  const [[m, k], n] = [left.slice(-2), right.at(-1)];
  const [x, y] = [spread(tensor(a.data, left), [...stack, m, k]), spread(tensor(b.data, right), [...stack, k, n])];
  const shape = [...stack, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])];
  return tensor(inType(floatOf(a, b), products(x.data, y.data, countIn(stack), [m, k, n])), shape);
}

const NO_SIDES = [[0, 0], [0, 0]];

/**
 * Images (n, c, h, w) with the same number beyond their edges.
 * @type {(x: Tensor, sides: number[][], beyond?: number) => Tensor}
 */
function padded(x, [[top, bottom], [left, right]], beyond = 0) {
  if (!(top || bottom || left || right)) return x;
  const [n, c, h, w] = x.shape;
  const [high, wide] = [h + top + bottom, w + left + right];
  const out = new (typeOf(x))(n * c * high * wide).fill(beyond);
  for (let row = 0; row < n * c * h; row++) {
    const to = (Math.floor(row / h) * high + top + (row % h)) * wide + left;
    out.set(x.data.subarray(row * w, (row + 1) * w), to);
  }
  return tensor(out, [n, c, high, wide]);
}

/**
 * The windows of images as a view: its shape (n, c, rows, columns, kh, kw) and its strides.
 * @type {(images: number[], size: number[], stride: number[], dilation: number[]) => Record<string, number[]>}
 */
function windowsOf([n, c, h, w], [kh, kw], [down, right], [far, wide]) {
  const rows = Math.floor((h - far * (kh - 1) - 1) / down) + 1;
  const columns = Math.floor((w - wide * (kw - 1) - 1) / right) + 1;
  return { shape: [n, c, rows, columns, kh, kw], strides: [c * h * w, h * w, down * w, right, far * w, wide] };
}

/** @type {(x: Tensor, how: any) => Tensor} */
function unfold(x, { size, stride, padding = NO_SIDES, dilation = [1, 1], beyond = 0 }) {
  const images = padded(x, padding, beyond);
  const { shape, strides } = windowsOf(images.shape, size, stride, dilation);
  return viewed(images.data, shape, strides);
}

/**
 * Images of zeros to which numbers are added, in a view of their windows, with the axes in another order; then trimmed.
 * @type {(data: TypedNumbers, whole: number[], size: number[], order: number[], how: any, Type: NumbersType) => Tensor}
 */
function folded(data, [n, c, ...image], size, order, { stride, padding, dilation = [1, 1] }, Type) {
  const [[top, bottom], [left, right]] = padding;
  const whole = [n, c, image[0] + top + bottom, image[1] + left + right];
  const { shape, strides } = windowsOf(whole, size, stride, dilation);
  const out = new Type(countIn(whole));
  addToView(out, data, order.map((a) => shape[a]), order.map((a) => strides[a]));
  return padding.flat().some(Boolean)
    ? viewed(out, [n, c, ...image], stridesOf(whole), top * whole[3] + left)
    : tensor(out, whole);
}

/** @type {(x: Tensor, how: any) => Tensor} */
function fold(x, { image, padding = NO_SIDES, ...s }) {
  const [n, c, , , kh, kw] = x.shape;
  return folded(x.data, [n, c, ...image], [kh, kw], [0, 1, 2, 3, 4, 5], { padding, ...s }, floatOf(x));
}

const bothSides = ([down, right]) => [[down, down], [right, right]];
const BY_PLACE = [1, 4, 5, 0, 2, 3]; // of windows: for every channel and place in one, what lies there in all

/**
 * All windows of images as columns, (c·kh·kw, n·rows·columns), with the lengths that they are made of.
 * @type {(x: Tensor, size: number[], how: any) => Tensor}
 */
function windowColumns(x, size, { stride, padding, dilation = [1, 1] }) {
  const images = padded(x, bothSides(padding));
  const { shape, strides } = windowsOf(images.shape, size, stride, dilation);
  const { data } = viewed(images.data, BY_PLACE.map((a) => shape[a]), BY_PLACE.map((a) => strides[a]));
  return { data, shape };
}

// (a, b, ...) as (b, a, ...)
const swapped = (x) => transposed(x, [1, 0, ...[...x.shape.keys()].slice(2)]);

const PRODUCTS = {
  matmul,

  conv2d(x, w, { groups = 1, ...s }) {
    const [filters, c, ...size] = w.shape;
    const { data, shape } = windowColumns(x, size, s);
    const [n, , rows, columns] = shape;
    const y = products(w.data, data, groups, [filters / groups, c * countIn(size), n * rows * columns]);
    return swapped(tensor(inType(floatOf(x, w), y), [filters, n, rows, columns]));
  },

  // What a convolution sends back to its images, from g = df/dy.
  conv2d_input(g, w, { groups = 1, image, padding, ...s }) {
    const [[filters, c, ...size], [n, , rows, columns]] = [w.shape, g.shape];
    const [each, terms] = [filters / groups, c * countIn(size)];
    const turned = transposed(tensor(w.data, [groups, each, terms]), [0, 2, 1]);
    const sent = products(turned.data, swapped(g).data, groups, [terms, each, n * rows * columns]);
    const whole = [n, groups * c, ...image];
    return folded(sent, whole, size, BY_PLACE, { ...s, padding: bothSides(padding) }, floatOf(g, w));
  },

  // What it sends back to its kernels.
  conv2d_kernel(x, g, { groups = 1, size, ...s }) {
    const [filters, c] = [g.shape[1], x.shape[1] / groups];
    const [{ data, shape }, terms] = [windowColumns(x, size, s), c * countIn(size)];
    const places = shape[0] * shape[2] * shape[3];
    const windows = transposed(tensor(data, [groups, terms, places]), [0, 2, 1]);
    const sent = products(swapped(g).data, windows.data, groups, [filters / groups, places, terms]);
    return tensor(inType(floatOf(x, g), sent), [filters, c, ...size]);
  },

  unfold,
  fold,
  avg_pool2d: (x, windows) => AXES.mean(unfold(x, windows), { axis: [4, 5], keepdims: false }),
  max_pool2d: (x, windows) => AXES.max(unfold(x, { ...windows, beyond: -Infinity }), { axis: [4, 5], keepdims: false }),
};

// What emitted programs call: primitives by their names, and what their lines are made with.
const xp = { array, leaf, elementwise, ...SHAPES, ...AXES, ...PRODUCTS };
