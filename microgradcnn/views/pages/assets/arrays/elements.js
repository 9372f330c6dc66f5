// Arrays as programs compute with them: their numbers, row by row, with a shape; and what goes element by element.

/**
 * What is true or false is 1 or 0. No program changes an array, so that several may share their numbers.
 * @typedef {Float64Array | Float32Array | Uint8Array} TypedNumbers
 * @typedef {{ data: TypedNumbers, shape: number[] }} Tensor
 * @typedef {Float64ArrayConstructor | Float32ArrayConstructor | Uint8ArrayConstructor} NumbersType
 */

/** @type {(data: TypedNumbers, shape: number[]) => Tensor} */
const tensor = (data, shape) => ({ data, shape });

/** @type {(shape: number[]) => number} */
const countIn = (shape) => shape.reduce((count, length) => count * length, 1);

/** @type {(x: Tensor | number | boolean) => Tensor} */
const asTensor = (x) => (typeof x === "object" ? x : tensor(Float64Array.of(Number(x)), []));

/** The type that holds the numbers of all. @type {(...xs: Tensor[]) => NumbersType} */
function typeOf(...xs) {
  if (xs.some(({ data }) => data instanceof Float64Array)) return Float64Array;
  return xs.some(({ data }) => data instanceof Float32Array) ? Float32Array : Uint8Array;
}

/** The type of what is computed from the numbers of all. @type {(...xs: Tensor[]) => NumbersType} */
const floatOf = (...xs) => (typeOf(...xs) === Float32Array ? Float32Array : Float64Array);

/** How far apart neighbours lie along each axis. @type {(shape: number[]) => number[]} */
const stridesOf = (shape) => shape.map((_, axis) => countIn(shape.slice(axis + 1)));

/**
 * Calls run(place, step, count) for every run along the last axis of a view: its first place, and how it goes on.
 * @param {number[]} shape
 * @param {number[]} strides
 * @param {number} offset
 * @param {(place: number, step: number, count: number) => void} run
 */
function runs(shape, strides, offset, run) {
  const last = shape.length - 1;
  const walk = (axis, place) => {
    if (axis === last) run(place, strides[axis], shape[axis]);
    else for (let i = 0; i < shape[axis]; i++) walk(axis + 1, place + i * strides[axis]);
  };
  if (last < 0) run(offset, 0, 1);
  else if (!shape.includes(0)) walk(0, offset);
}

/**
 * The numbers of a view, row by row.
 * @type {(data: TypedNumbers, shape: number[], strides: number[], offset?: number) => Tensor}
 */
function viewed(data, shape, strides, offset = 0) {
  const out = new (typeOf(tensor(data, shape)))(countIn(shape));
  let to = 0;
  runs(shape, strides, offset, (place, step, count) => {
    for (let i = 0; i < count; i++, place += step) out[to++] = data[place];
  });
  return tensor(out, shape);
}

/**
 * Adds numbers to those of a view of `out`: what `viewed` sends back.
 * @type {(out: TypedNumbers, data: TypedNumbers, shape: number[], strides: number[], offset?: number) => TypedNumbers}
 */
function addToView(out, data, shape, strides, offset = 0) {
  let from = 0;
  runs(shape, strides, offset, (place, step, count) => {
    for (let i = 0; i < count; i++, place += step) out[place] += data[from++];
  });
  return out;
}

/** The shape that shapes have together, by broadcasting. @type {(...shapes: number[][]) => number[]} */
function commonShape(...shapes) {
  const axes = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: axes }, (_, axis) => {
    const lengths = shapes.map((shape) => shape[axis - axes + shape.length] ?? 1);
    return lengths.find((length) => length !== 1) ?? 1;
  });
}

/** An array repeated to a shape. @type {(x: Tensor, shape: number[]) => Tensor} */
function spread(x, shape) {
  const size = countIn(shape);
  if (x.data.length === size) return tensor(x.data, shape);
  if (x.data.length === 1) return tensor(new (typeOf(x))(size).fill(x.data[0]), shape);
  const [own, missing] = [stridesOf(x.shape), shape.length - x.shape.length];
  const strides = shape.map((_, axis) => (axis < missing || x.shape[axis - missing] === 1 ? 0 : own[axis - missing]));
  return viewed(x.data, shape, strides);
}

/**
 * A function of numbers as one of arrays, which are broadcast.
 * @param {(...numbers: number[]) => number | boolean} f
 * @param {NumbersType} [Type] of its results
 * @returns {(...args: (Tensor | number)[]) => Tensor}
 */
function elementwise(f, Type = Float64Array) {
  return (...args) => {
    const xs = args.map(asTensor);
    const shape = commonShape(...xs.map((x) => x.shape));
    const lists = xs.map((x) => (x.data.length === 1 ? x.data : spread(x, shape).data));
    const steps = lists.map((list) => (list.length === 1 ? 0 : 1)); // one number serves all places
    const out = /** @type {any} */ (new Type(countIn(shape))); // true becomes 1
    const [[a, b, c], [p, q, r]] = [lists, steps];
    if (lists.length === 1) for (let i = 0; i < out.length; i++) out[i] = f(a[i * p]);
    else if (lists.length === 2) for (let i = 0; i < out.length; i++) out[i] = f(a[i * p], b[i * q]);
    else if (lists.length === 3) for (let i = 0; i < out.length; i++) out[i] = f(a[i * p], b[i * q], c[i * r]);
    else for (let i = 0; i < out.length; i++) out[i] = f(...lists.map((list, k) => list[i * steps[k]]));
    return tensor(out, shape);
  };
}

/** TypedNumbers that a program knows. @type {(numbers: number[], shape: number[], Type?: NumbersType) => Tensor} */
const array = (numbers, shape, Type = Float64Array) => tensor(Type.from(numbers), shape);

/**
 * A leaf, among the numbers of all.
 * @type {(v: Float64Array, place: number, shape: number[], Type?: NumbersType) => Tensor}
 */
function leaf(v, place, shape, Type = Float64Array) {
  const own = v.subarray(place, place + countIn(shape));
  return tensor(Type === Float64Array ? own : Type.from(own), shape);
}
