// Where things stand in columns from left to right: in each an order with few crossings, and heights near those of the
// neighbours, as drawing/layout.py does it for the first look.

const [GAP, LINE, BEND, LABEL] = [12, 9, 44, 52]; // between boxes, for an arrow that passes, for curves, for a number

// The column of each box: after the last of its parents, but leaves and what is made of them right before their use.
/** @param {number} count @param {{ parent: number, child: number }[]} links */
function columnsOf(count, links) {
  const [parents, children] = [0, 1].map(() => Array.from({ length: count }, () => /** @type {number[]} */ ([])));
  for (const { parent, child } of links) {
    parents[child].push(parent);
    children[parent].push(child);
  }
  /** @type {number[]} */ const early = [];
  for (const before of parents) early.push(Math.max(0, ...before.map((p) => early[p] + 1)));
  const waiting = (depth) => {
    const found = [...early];
    for (let i = count - 1; i >= 0; i--) {
      if (early[i] <= depth && children[i].length) found[i] = Math.min(...children[i].map((c) => found[c])) - 1;
    }
    const first = Math.min(...found);
    return found.map((column) => column - first);
  };
  const reach = (columns) => children.map((after, i) => Math.max(0, ...after.map((c) => columns[c] - columns[i])));
  const [leaves, both] = [0, 1].map(waiting);
  const [a, b] = [leaves, both].map((columns) => reach(columns).reduce((sum, length) => sum + length, 0));
  return a <= b ? leaves : both; // the one with the shorter arrows
}

// Items, and points where arrows pass columns: those of one source run together. Arrows come in at the first items, so
// many, and go out at the last.
class Columns {
  /** @param {Size[]} sizes @param {Arrow[]} arrows @param {number} first @param {number} last */
  constructor(sizes, arrows, first, last) {
    const end = sizes.length - last;
    const inner = arrows.filter(({ parent, child }) => parent >= first && child < end);
    const moved = inner.map(({ parent, child }) => ({ parent: parent - first, child: child - first }));
    const own = columnsOf(end - first, moved).map((column) => column + Math.min(first, 1));
    const beyond = Math.max(...own) + 1;
    this.column = sizes.map((_, i) => (i < first ? 0 : i < end ? own[i - first] : beyond));
    this.heights = sizes.map(({ height }) => height);
    /** @type {number[][]} */ this.before = sizes.map(() => []);
    /** @type {number[][]} */ this.after = sizes.map(() => []);
    /** @type {Map<number, number[]>} */ this.chains = new Map();
    for (const { parent, child, source } of arrows) {
      if (!this.chains.has(source)) this.chains.set(source, []);
      const [chain, length] = [this.chains.get(source), this.column[child] - this.column[parent] - 1];
      while (chain.length < length) {
        const point = this.column.push(this.column[parent] + chain.length + 1) - 1;
        this.heights.push(0);
        this.before.push([]);
        this.after.push([]);
        this.join(chain.length ? chain[chain.length - 1] : parent, point);
        chain.push(point);
      }
      this.join(length > 0 ? chain[length - 1] : parent, child);
    }
    /** @type {number[][]} */ this.members = Array.from({ length: Math.max(...this.column) + 1 }, () => []);
  }

  // The points that an arrow passes.
  /** @param {Arrow} arrow */
  passed({ parent, child, source }) {
    return this.chains.get(source).slice(0, this.column[child] - this.column[parent] - 1);
  }

  join(a, b) {
    this.after[a].push(b);
    this.before[b].push(a);
  }

  // Starts as a walk from the end meets everything, and is then sorted by the middle of the neighbours, to and fro.
  order() {
    const seen = new Set();
    for (let end = 0; end < this.column.length; end++) {
      const open = this.after[end].length || seen.has(end) ? [] : [end];
      while (open.length) {
        const item = open.pop();
        if (seen.has(item)) continue;
        seen.add(item);
        this.members[this.column[item]].push(item);
        open.push(...this.before[item].toReversed());
      }
    }
    const rank = [];
    const ranked = (column) => column.forEach((item, i) => (rank[item] = (i + 0.5) / column.length));
    this.members.forEach(ranked);
    for (let sweep = 0; sweep < 8; sweep++) {
      const [near, columns] = sweep % 2 ? [this.before, this.members] : [this.after, this.members.toReversed()];
      for (const column of columns) {
        const wanted = (item) => mean(near[item].map((other) => rank[other])) ?? rank[item];
        const middle = new Map(column.map((item) => [item, wanted(item)]));
        column.sort((a, b) => middle.get(a) - middle.get(b));
        ranked(column);
      }
    }
  }

  // The height of everything: as near to its neighbours as what is beside it allows.
  place(count) {
    const y = [];
    for (const column of this.members) {
      let top = 0;
      for (const item of column) {
        y[item] = top + this.heights[item] / 2;
        top += this.heights[item] + (item < count ? GAP : LINE);
      }
      for (const item of column) y[item] -= top / 2;
    }
    for (let sweep = 0; sweep < 10; sweep++) {
      for (const column of sweep % 2 ? this.members : this.members.toReversed()) {
        const wanted = column.map((item) => {
          const near = [...this.before[item], ...this.before[item], ...this.after[item]];
          return mean(near.map((other) => y[other])) ?? y[item];
        });
        const rooms = column.map((item) => this.heights[item] + (item < count ? GAP : LINE));
        apart(wanted, rooms).forEach((to, i) => (y[column[i]] = to));
      }
    }
    return y;
  }
}

/** @param {number[]} numbers */
const mean = (numbers) => (numbers.length ? numbers.reduce((a, b) => a + b, 0) / numbers.length : undefined);

// Heights in the same order that lie nearest to those wanted, with room for each: neighbours that collide move as one.
/** @param {number[]} wanted @param {number[]} rooms */
function apart(wanted, rooms) {
  const blocks = [];
  let offset = 0;
  wanted.forEach((to, i) => {
    offset += i ? (rooms[i - 1] + rooms[i]) / 2 : 0;
    let block = { sum: to - offset, count: 1 };
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).count >= block.sum / block.count) {
      const before = blocks.pop();
      block = { sum: before.sum + block.sum, count: before.count + block.count };
    }
    blocks.push(block);
  });
  offset = 0;
  const starts = blocks.flatMap(({ sum, count }) => Array(count).fill(sum / count));
  return starts.map((start, i) => start + (offset += i ? (rooms[i - 1] + rooms[i]) / 2 : 0));
}
