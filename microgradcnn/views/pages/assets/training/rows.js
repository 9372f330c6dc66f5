// The rows of a page: unpacked, as columns, and with noise.

// Rows as data_sets.py has packed them, as columns.
function unpacked({whole, bytes, shorts, floats, over, table, shape}) {
  const raw = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const numbers = (text) => new Float64Array(raw(text).buffer);
  const packed = bytes !== undefined ? raw(bytes) : shorts !== undefined ? new Int16Array(raw(shorts).buffer) : null;
  const places = whole ?? packed;
  const known = table && numbers(table);
  const flat = places ? Float64Array.from(places, (x) => (known ? known[x] : x / over)) : numbers(floats);
  const count = shape[0], width = count ? flat.length / count : 0;
  return {count, columns: Array.from({length: width},
    (_, k) => Float64Array.from({length: count}, (_, i) => flat[i * width + k]))};
}

function joinedRows({x, y}) {
  const [inputs, targets] = [unpacked(x), unpacked(y)];
  return {count: inputs.count, inputs: inputs.columns.length, columns: [...inputs.columns, ...targets.columns]};
}

// A few rows as they are, not packed.
function examplesOf({x, y}) {
  const rows = x.map((row, i) => [...row, ...y[i]]);
  return {count: rows.length, inputs: x[0].length, columns: rows[0].map((_, k) => rows.map((row) => row[k]))};
}

// The rows with noise on their inputs, the same noise whenever it is asked for.
function noisy(rows, noise, generator) {
  if (!rows || !noise) return rows;
  return {...rows, columns: rows.columns.map((column, k) =>
    k < rows.inputs ? column.map((x) => x + noise * generator.normal()) : column)};
}
