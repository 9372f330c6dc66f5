// An array as at most 16×16 cells, as views/drawing/colours.py has it: images beside each other, large ones averaged.

const [LARGEST_MAP, MOST_IMAGES] = [16, 1000];

// How many rows and columns an array takes as one plane, and the place of the number there.
function laidOut(numbers, shape) {
  if (shape.length < 2) {
    const columns = numbers.length <= LARGEST_MAP ? numbers.length : Math.ceil(Math.sqrt(numbers.length));
    const rows = Math.ceil(numbers.length / (columns || 1));
    return { rows, columns, place: (row, column) => row * columns + column };
  }
  const [height, width] = shape.slice(-2);
  const count = shape.slice(0, -2).reduce((product, length) => product * length, 1);
  const square = Math.sqrt((Math.max(count, 1) * Math.max(height, 1)) / Math.max(width, 1));
  const apart = (n) => Math.max(n / square, square / n);
  let across = 1; // images beside each other, nearly a square
  for (let n = 2; n <= Math.min(count, MOST_IMAGES); n++) if (count % n === 0 && apart(n) < apart(across)) across = n;
  const place = (row, column) => {
    const image = Math.floor(row / height) * across + Math.floor(column / width);
    return (image * height + (row % height)) * width + (column % width);
  };
  return { rows: (count / across) * height, columns: across * width, place };
}

// Where the shares begin that rows, or columns, are put together to.
function edges(length) {
  if (length <= LARGEST_MAP) return Array.from({ length: length + 1 }, (_, i) => i);
  return Array.from({ length: LARGEST_MAP + 1 }, (_, i) => Math.floor((i * length) / LARGEST_MAP));
}

// A heat map's columns, its cells and their numbers, means where there are too many.
function plane(numbers, shape) {
  const { rows, columns, place } = laidOut(numbers, shape);
  const [downs, rights] = [edges(rows), edges(columns)];
  const means = [];
  for (let i = 0; i + 1 < downs.length; i++) {
    for (let j = 0; j + 1 < rights.length; j++) {
      let total = 0;
      for (let row = downs[i]; row < downs[i + 1]; row++) {
        for (let column = rights[j]; column < rights[j + 1]; column++) total += numbers[place(row, column)] ?? 0;
      }
      means.push(total / ((downs[i + 1] - downs[i]) * (rights[j + 1] - rights[j])));
    }
  }
  return { columns: rights.length - 1, cells: means.map((_, cell) => cell), numbers: numbers.length ? means : [] };
}
