// New shapes and parts of arrays: each function is the primitive of its name, with its arguments by name.

/** Axes counted from the front; all of them for null. @type {(shape: number[], axis: number[] | null) => number[]} */
const axesOf = (shape, axis) => (axis ?? [...shape.keys()]).map((a) => (a < 0 ? a + shape.length : a));

/** @type {(x: Tensor, axes: number[] | null) => Tensor} */
function transposed(x, axes) {
  const order = axes ? axesOf(x.shape, axes) : [...x.shape.keys()].reverse();
  const [shape, strides] = [x.shape, stridesOf(x.shape)].map((of) => order.map((axis) => of[axis]));
  const long = order.filter((axis) => x.shape[axis] !== 1);
  if (long.every((axis, i) => i === 0 || axis > long[i - 1])) return tensor(x.data, shape);
  return viewed(x.data, shape, strides);
}

/** The shape around an axis: how many lists before it, how long it is, how many numbers a step of it takes. */
function around(shape, axis) {
  const [at] = axesOf(shape, [axis]);
  return { at, before: countIn(shape.slice(0, at)), length: shape[at], after: countIn(shape.slice(at + 1)) };
}

function concatenated(xs, axis) {
  const { at, before } = around(xs[0].shape, axis);
  const shape = xs[0].shape.with(at, xs.reduce((length, x) => length + x.shape[at], 0));
  const out = new (typeOf(...xs))(countIn(shape));
  let to = 0;
  for (let list = 0; list < before; list++) {
    for (const { data } of xs) {
      const size = data.length / before;
      out.set(data.subarray(list * size, (list + 1) * size), to);
      to += size;
    }
  }
  return tensor(out, shape);
}

const SHAPES = {
  reshape: (x, { shape }) => tensor(x.data, shape),
  broadcast_to: (x, { shape }) => spread(asTensor(x), shape),
  transpose: (x, { axes }) => transposed(x, axes),
  concatenate: (...args) => concatenated(args.slice(0, -1), args.at(-1).axis),

  stack(...args) {
    const [xs, axis] = [args.slice(0, -1), args.at(-1).axis];
    const at = axis < 0 ? axis + xs[0].shape.length + 1 : axis;
    return concatenated(xs.map(({ data, shape }) => tensor(data, shape.toSpliced(at, 0, 1))), at);
  },

  // x[index]: a view, by its strides, or the `places` of lists of `block` numbers.
  getitem(x, { shape, strides, offset, places, block }) {
    if (strides) {
      const whole = stridesOf(shape).every((stride, axis) => stride === strides[axis] || shape[axis] === 1);
      if (!whole) return viewed(x.data, shape, strides, offset);
      return tensor(x.data.subarray(offset, offset + countIn(shape)), shape);
    }
    const out = new (typeOf(x))(countIn(shape));
    places.forEach((place, i) => out.set(x.data.subarray(place * block, (place + 1) * block), i * block));
    return tensor(out, shape);
  },

  // Zeros to which g is added there: what x[index] sends back.
  scatter(g, { shape, strides, offset, places, block }) {
    const out = new (floatOf(g))(countIn(shape));
    if (strides) return tensor(addToView(out, g.data, g.shape, strides, offset), shape);
    places.forEach((place, i) => {
      for (let k = 0; k < block; k++) out[place * block + k] += g.data[i * block + k];
    });
    return tensor(out, shape);
  },
};
