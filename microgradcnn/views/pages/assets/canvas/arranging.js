// Where boxes and arrows stand when groups are opened and closed: columns from left to right, in each an order with few
// crossings and heights near the neighbours', as drawing/layout.py does it for the first look.

const [GAP, LINE, BEND, LABEL] = [12, 9, 44, 52]; // between boxes, for an arrow that passes, for curves, for a number

// The column of each box: after the last of its parents, but leaves and what is made of them right before their use.
/** @param {number} count @param {LinkData[]} links */
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

// Boxes, and points where arrows pass columns: those of one box run together.
class Columns {
  /** @param {Size[]} sizes @param {LinkData[]} links */
  constructor(sizes, links) {
    this.column = columnsOf(sizes.length, links);
    this.heights = sizes.map(({ height }) => height);
    /** @type {number[][]} */ this.before = sizes.map(() => []);
    /** @type {number[][]} */ this.after = sizes.map(() => []);
    /** @type {number[][]} */ this.chains = sizes.map(() => []);
    for (const { parent, child } of links) {
      const [chain, length] = [this.chains[parent], this.column[child] - this.column[parent] - 1];
      while (chain.length < length) {
        const point = this.column.push(this.column[parent] + chain.length + 1) - 1;
        this.heights.push(0);
        this.before.push([]);
        this.after.push([]);
        this.join(chain.at(-1) ?? parent, point);
        chain.push(point);
      }
      this.join(length > 0 ? chain[length - 1] : parent, child);
    }
    /** @type {number[][]} */ this.members = Array.from({ length: Math.max(...this.column) + 1 }, () => []);
  }

  join(a, b) {
    this.after[a].push(b);
    this.before[b].push(a);
  }

  // Starts as a walk from the end meets everything, and is then sorted by the middle of the neighbours, to and fro.
  /** @param {(number | undefined)[]} groups */
  order(groups) {
    const seen = new Set();
    for (let end = this.column.length - 1; end >= 0; end--) {
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
        const middle = new Map();
        const together = new Map(); // what is in one open group stays together
        for (const item of column) {
          middle.set(item, mean(near[item].map((other) => rank[other])) ?? rank[item]);
          together.set(groups[item], [...(together.get(groups[item]) ?? []), middle.get(item)]);
        }
        const at = (item) => (groups[item] === undefined ? middle.get(item) : mean(together.get(groups[item])));
        column.sort((a, b) => at(a) - at(b) || middle.get(a) - middle.get(b));
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

// Places for boxes of these sizes, and for each link its curve and where its number is written.
/** @param {Size[]} sizes @param {LinkData[]} links @param {(number | undefined)[]} groups */
function arranged(sizes, links, groups) {
  const columns = new Columns(sizes, links);
  columns.order(groups);
  const y = columns.place(sizes.length);
  const count = columns.members.length;
  const [widths, rooms] = [Array(count).fill(0), Array(count).fill(BEND)];
  sizes.forEach(({ width }, i) => (widths[columns.column[i]] = Math.max(widths[columns.column[i]], width)));
  for (const { child, local } of links) if (local) rooms[columns.column[child]] = BEND + LABEL;
  /** @type {number[][]} */ const [left, right] = [[], []];
  widths.forEach((width, i) => {
    left[i] = (right[i - 1] ?? -rooms[0]) + rooms[i];
    right[i] = left[i] + width;
  });
  const places = sizes.map(({ width, height }, i) => {
    const column = columns.column[i];
    return { x: right[column] - width, y: y[i] - height / 2, width, height };
  });
  const coming = sizes.map(() => /** @type {{ i: number, from: number }[]} */ ([]));
  const between = ({ parent, child }) => columns.column[child] - columns.column[parent] - 1; // columns that it passes
  const last = (link) => columns.chains[link.parent][between(link) - 1] ?? link.parent;
  links.forEach((link, i) => coming[link.child].push({ i, from: y[last(link)] }));
  const routes = [];
  coming.forEach((arrows, child) => {
    const gap = Math.min(17, (sizes[child].height - 10) / Math.max(1, arrows.length - 1));
    arrows.sort((a, b) => a.from - b.from || a.i - b.i);
    arrows.forEach(({ i }, k) => {
      routes[i] = { end: y[child] + (k - (arrows.length - 1) / 2) * gap, roomy: arrows.length === 1 || gap >= 11 };
    });
  });
  links.forEach((link, i) => {
    const { parent, child, local } = link;
    const passed = columns.chains[parent].slice(0, between(link));
    let [x, at] = [places[parent].x + places[parent].width, y[parent]];
    let curve = `M${x.toFixed(1)} ${at.toFixed(1)}`;
    const stops = passed.map((point) => [left[columns.column[point]], right[columns.column[point]], y[point]]);
    const room = local ? LABEL - 8 : 0;
    stops.push([left[columns.column[child]] - room, places[child].x, routes[i].end]);
    for (const [to, onward, height] of stops) {
      const [middle, high] = [(x + to) / 2, height.toFixed(1)].map(String);
      curve += `C${middle} ${at.toFixed(1)} ${middle} ${high} ${to.toFixed(1)} ${high}H${onward.toFixed(1)}`;
      [x, at] = [onward, height];
    }
    Object.assign(routes[i], { curve: `${curve}m-5 -3l5 3l-5 3`, x: x - 6, y: at - 3 });
  });
  return { places, routes };
}
