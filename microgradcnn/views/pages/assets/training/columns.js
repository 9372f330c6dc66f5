// A program over rows: kernels run over columns of a block of rows at a time.
"use strict";

const BLOCK = 64; // rows in a column

// What numbers of a program are kept in: those of a model in float32 are rounded to that, as NumPy does.
/** @type {(told: any) => any} */
const numbersOf = ({single}) => (single ? Float32Array : Float64Array);

class RowProgram {
  constructor(told) {
    const [singles, columns] = told.size;
    this.memory = new (numbersOf(told))(singles + BLOCK * columns);
    this.told = told;
    this.code = Object.fromEntries(["before", "each", "after"].map((part) => [part, Int32Array.from(told[part])]));
    this.numbers = told.numbers.map(([at, value, power]) => [at, Number(value), power]);
  }

  run(part, rows) {
    const code = this.code[part];
    for (let p = 0; p < code.length; ) p = KERNELS[code[p]](this.memory, code, p + 1, rows);
  }

  // What no row changes, for n rows: numbers, parameters, and what is made of these.
  prepare(parameters, n) {
    for (const [at, value, power] of this.numbers) this.memory[at] = value * n ** power;
    this.told.parameters.forEach((at, i) => (this.memory[at] = parameters[i]));
    for (const at of this.told.sums) this.memory[at] = 0;
    this.run("before", 1);
  }

  // The numbers of some rows in their columns, from `start` on in `order`, or as they lie.
  gather(data, order, start, rows) {
    const {inputs} = this.told, {memory} = this;
    for (let k = 0; k < inputs.length; k++) {
      const column = data.columns[k], at = inputs[k];
      for (let i = 0; i < rows; i++) memory[at + i] = column[order ? order[start + i] : start + i];
    }
  }

  // The program's numbers, means over the rows of `data` whose numbers are in `order`, or over all of them.
  /** @param {Int32Array | null} order */
  means(parameters, data, order = null) {
    const n = order ? order.length : data.count;
    this.prepare(parameters, n);
    for (let start = 0; start < n; start += BLOCK) {
      const rows = Math.min(BLOCK, n - start);
      this.gather(data, order, start, rows);
      this.run("each", rows);
    }
    this.run("after", 1);
    return this.told.outputs.map((at) => this.memory[at]);
  }

  // What the program shows of every row of `data`: an array of them, (rows, outputs).
  shown(parameters, data) {
    const {outputs} = this.told, [singles] = this.told.size;
    const found = new Float64Array(data.count * outputs.length);
    this.prepare(parameters, data.count);
    for (let start = 0; start < data.count; start += BLOCK) {
      const rows = Math.min(BLOCK, data.count - start);
      this.gather(data, null, start, rows);
      this.run("each", rows);
      outputs.forEach((at, k) => {
        for (let i = 0; i < rows; i++)
          found[(start + i) * outputs.length + k] = this.memory[at < singles ? at : at + i];
      });
    }
    return found;
  }
}

// Rows, each an array of numbers, as columns.
function inColumns(rows) {
  const width = rows.length ? rows[0].length : 0;
  return {count: rows.length, columns: Array.from({length: width}, (_, k) => Float64Array.from(rows, (row) => row[k]))};
}
