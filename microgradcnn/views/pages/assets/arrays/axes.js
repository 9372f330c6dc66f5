// What goes along axes: sums, the largest, running sums, orders, and numbers taken by their places.

/**
 * One number for all along some axes: of every list of them f(numbers, from, to).
 * @param {Tensor} x
 * @param {{ axis: number[] | null, keepdims: boolean }} over
 * @param {(data: TypedNumbers, from: number, to: number) => number} f
 */
function reduced(x, { axis, keepdims }, f, Type = /** @type {NumbersType} */ (floatOf(x))) {
  const axes = axesOf(x.shape, axis);
  const kept = [...x.shape.keys()].filter((a) => !axes.includes(a));
  const { data } = transposed(x, [...kept, ...axes]);
  const count = countIn(axes.map((a) => x.shape[a]));
  const shape = keepdims ? x.shape.map((n, a) => (axes.includes(a) ? 1 : n)) : kept.map((a) => x.shape[a]);
  const out = new Type(countIn(shape));
  for (let i = 0; i < out.length; i++) out[i] = f(data, i * count, (i + 1) * count);
  return tensor(out, shape);
}

/** @type {(data: TypedNumbers, from: number, to: number) => number} */
function sumOf(data, from, to) {
  let total = 0;
  for (let i = from; i < to; i++) total += data[i];
  return total;
}

/** @type {(data: TypedNumbers, from: number, to: number) => number} */
function lengthOf(data, from, to) {
  let total = 0;
  for (let i = from; i < to; i++) total += data[i] * data[i];
  return Math.sqrt(total);
}

/** @type {(extreme: (a: number, b: number) => number) => (data: TypedNumbers, from: number, to: number) => number} */
const extremeOf = (extreme) => (data, from, to) => {
  let found = data[from];
  for (let i = from + 1; i < to; i++) found = extreme(found, data[i]);
  return found;
};
const largestOf = extremeOf(Math.max);
const smallestOf = extremeOf(Math.min);

/** From the largest, which cannot overflow. @type {(data: TypedNumbers, from: number, to: number) => number} */
function logSumExpOf(data, from, to) {
  const most = from === to ? -Infinity : largestOf(data, from, to);
  const top = Number.isFinite(most) ? most : 0;
  let total = 0;
  for (let i = from; i < to; i++) total += Math.exp(data[i] - top);
  return Math.log(total) + top;
}

/** Another list of every list along an axis: f(list, its place in `out`). */
function along(x, axis, f, Type = floatOf(x)) {
  const { at, length } = around(x.shape, axis);
  const order = [...[...x.shape.keys()].filter((a) => a !== at), at];
  const last = transposed(x, order);
  const out = new Type(last.data.length);
  for (let from = 0; from < out.length; from += length) {
    f(last.data.subarray(from, from + length), out.subarray(from, from + length));
  }
  return transposed(tensor(out, last.shape), [...order.keys()].map((a) => order.indexOf(a)));
}

/** x − m − log(1 + the rest), with m the largest: no number near 1 is rounded before its logarithm is taken. */
function logShares(list, out) {
  let top = 0;
  list.forEach((x, i) => (top = x > list[top] ? i : top));
  const rest = list.reduce((total, x, i) => (i === top ? total : total + Math.exp(x - list[top])), 0);
  list.forEach((x, i) => (out[i] = x - list[top] - Math.log1p(rest)));
}

// Equal numbers as they stand, NaN at the end.
const ascending = (list) => (i, j) => {
  const [a, b] = [list[i], list[j]];
  return a < b ? -1 : a > b ? 1 : Number(a !== a) - Number(b !== b);
};

// A place from the start, or from the end if it is negative; −1 for none.
function placeIn(length, place) {
  const at = place < 0 ? place + length : place;
  return Number.isInteger(at) && at >= 0 && at < length ? at : -1;
}

// TypedNumbers and places with the same lengths but along the axis, as numpy.take_along_axis broadcasts them.
function aligned(x, places, at) {
  const one = ({ shape }) => shape.with(at, 1);
  const shape = commonShape(one(x), one(places));
  return [x, places].map((of) => spread(of, shape.with(at, of.shape[at])));
}

const AXES = {
  sum: (x, over) => reduced(x, over, sumOf),
  mean: (x, over) => reduced(x, over, (data, from, to) => sumOf(data, from, to) / (to - from)),
  max: (x, over) => reduced(x, over, largestOf, typeOf(x)),
  min: (x, over) => reduced(x, over, smallestOf, typeOf(x)),
  logsumexp: (x, over) => reduced(x, over, logSumExpOf),
  vector_norm: (x, over) => reduced(x, over, lengthOf),
  log_softmax: (x, { axis }) => along(x, axis, logShares),
  order: (x, { axis }) => along(x, axis, (list, out) => out.set([...list.keys()].sort(ascending(list)))),

  cumsum: (x, { axis }) =>
    along(x, axis, (list, out) => {
      let total = 0;
      list.forEach((v, i) => (out[i] = total += v));
    }),

  take(x, places, { axis }) {
    const { at, before, length, after } = around(x.shape, axis);
    const count = places.data.length;
    const out = new (typeOf(x))(before * count * after).fill(NaN);
    for (let list = 0; list < before; list++) {
      places.data.forEach((place, i) => {
        const from = after * (list * length + placeIn(length, place));
        if (placeIn(length, place) >= 0) out.set(x.data.subarray(from, from + after), after * (list * count + i));
      });
    }
    return tensor(out, x.shape.toSpliced(at, 1, ...places.shape));
  },

  // Zeros to which g is added at places along an axis: what take sends back.
  index_add(g, places, { axis, length }) {
    const [axes, count] = [g.shape.length - places.shape.length + 1, places.data.length];
    const at = axis < 0 ? axis + axes : axis;
    const [before, after] = [g.shape.slice(0, at), g.shape.slice(at + places.shape.length)];
    const [lists, size] = [countIn(before), countIn(after)];
    const out = new (floatOf(g))(lists * length * size);
    for (let list = 0; list < lists; list++) {
      places.data.forEach((place, i) => {
        const to = placeIn(length, place);
        for (let k = 0; k < size && to >= 0; k++) {
          out[size * (list * length + to) + k] += g.data[size * (list * count + i) + k];
        }
      });
    }
    return tensor(out, [...before, length, ...after]);
  },

  take_along_axis(x, places, { axis }) {
    const { at } = around(x.shape, axis);
    const [from, where] = aligned(x, places, at);
    const [{ length, after }, { length: count }] = [around(from.shape, at), around(where.shape, at)];
    const out = new (typeOf(x))(where.data.length).fill(NaN);
    where.data.forEach((place, i) => {
      const [list, k] = [Math.floor(i / (count * after)), placeIn(length, place)];
      if (k >= 0) out[i] = from.data[after * (list * length + k) + (i % after)];
    });
    return tensor(out, where.shape);
  },

  // Zeros to which g is added at places along an axis: what take_along_axis sends back.
  scatter_add(g, places, { axis, length }) {
    const { at } = around(g.shape, axis);
    const where = spread(places, g.shape);
    const { length: count, after } = around(g.shape, at);
    const shape = g.shape.with(at, length);
    const out = new (floatOf(g))(countIn(shape));
    where.data.forEach((place, i) => {
      const [list, k] = [Math.floor(i / (count * after)), placeIn(length, place)];
      if (k >= 0) out[after * (list * length + k) + (i % after)] += g.data[i];
    });
    return tensor(out, shape);
  },
};
