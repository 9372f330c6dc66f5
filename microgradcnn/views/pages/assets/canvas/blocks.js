// Boxes and arrows with groups open: what is in a group is arranged by itself, and is one thing for what is around it,
// so that no frame meets what is not inside it.

const FRAME = { side: 10, top: 26, bottom: 10 }; // around what is in an open group

// What is in one open group, or in none: `open` has the groups around each box, the outermost first.
class Block {
  at = { x: 0, y: 0 }; // its left upper corner
  size = { width: 0, height: 0 };
  /** @type {number[]} */ y = []; // of the middles of items and points
  /** @type {number[]} */ left = []; // of columns
  /** @type {number[]} */ right = [];

  /** @param {Size[]} sizes @param {LinkData[]} links @param {number[][]} open @param {number[]} boxes */
  constructor(sizes, links, open, boxes, depth = 0) {
    this.inner = new Map(); // the open groups in it
    const inside = new Set(boxes);
    const groups = Map.groupBy(boxes, (box) => open[box][depth] ?? -1);
    groups.delete(-1);
    for (const [group, own] of groups) this.inner.set(group, new Block(sizes, links, open, own, depth + 1));
    this.nameOf = (box) => (depth in open[box] ? `group ${open[box][depth]}` : `box ${box}`);
    this.ends = ({ parent, child }) => {
      const from = inside.has(parent) ? this.nameOf(parent) : `in ${parent}`;
      return [from, inside.has(child) ? this.nameOf(child) : `out ${parent}`];
    };
    const met = links.filter(({ parent, child }) => inside.has(parent) || inside.has(child));
    const pairs = met.map((link) => this.ends(link)).filter(([from, to]) => from !== to);
    const ports = (kind) => [...new Set(pairs.flat().filter((name) => name.startsWith(kind)))];
    const [coming, going] = [ports("in "), ports("out ")];
    const names = [...coming, ...inOrder([...new Set(boxes.map(this.nameOf))], pairs), ...going];
    this.place = new Map(names.map((name, i) => [name, i]));
    this.sizes = names.map((name) => {
      const [kind, number] = [name.split(" ")[0], Number(name.split(" ")[1])];
      return kind === "group" ? this.inner.get(number).size : kind === "box" ? sizes[number] : { width: 0, height: 0 };
    });
    const arrows = new Map();
    for (const link of met) {
      const arrow = this.arrow(link);
      if (arrow.parent !== arrow.child) arrows.set(`${arrow.parent} ${arrow.child} ${arrow.source}`, arrow);
    }
    this.columns = new Columns(this.sizes, [...arrows.values()], coming.length, going.length);
    this.arrange(met, depth > 0, [coming.length, going.length]);
  }

  // A link as an arrow between what is in the block: `source` is the box that it comes from.
  /** @param {LinkData} link @returns {Arrow} */
  arrow(link) {
    const [parent, child] = this.ends(link).map((name) => this.place.get(name));
    return { parent, child, source: link.parent, local: link.local };
  }

  // Where all of it lies, from its left upper corner.
  arrange(links, framed, [coming, going]) {
    const { columns, sizes } = this;
    columns.order();
    this.y = columns.place(sizes.length);
    const top = Math.min(...this.y.map((y, i) => y - columns.heights[i] / 2)) - (framed ? FRAME.top : 0);
    this.y = this.y.map((y) => y - top);
    const count = columns.members.length;
    const [widths, rooms] = [Array(count).fill(0), Array(count).fill(BEND)];
    sizes.forEach(({ width }, i) => (widths[columns.column[i]] = Math.max(widths[columns.column[i]], width)));
    for (const link of links) {
      const { parent, child, local } = this.arrow(link);
      if (local && parent !== child) rooms[columns.column[child]] = BEND + LABEL;
    }
    rooms[0] = framed && !coming ? FRAME.side : 0;
    const { left, right } = this;
    widths.forEach((width, i) => {
      left[i] = (right[i - 1] ?? 0) + rooms[i];
      right[i] = left[i] + width;
    });
    const bottom = Math.max(...this.y.map((y, i) => y + columns.heights[i] / 2));
    const side = framed && !going ? FRAME.side : 0;
    this.size = { width: right[count - 1] + side, height: bottom + (framed ? FRAME.bottom : 0) };
  }

  // Notes where boxes and frames are, of a block whose corner is at (x, y).
  put(x, y, places, frames) {
    this.at = { x, y };
    for (const [name, i] of this.place) {
      const [kind, number] = [name.split(" ")[0], Number(name.split(" ")[1])];
      const { width, height } = this.sizes[i];
      const place = { x: x + this.right[this.columns.column[i]] - width, y: y + this.y[i] - height / 2, width, height };
      if (kind === "box") places[number] = place;
      if (kind !== "group") continue;
      frames.set(number, place);
      this.inner.get(number).put(place.x, place.y, places, frames);
    }
  }

  // The height at which an arrow leaves an item, or comes to it: a group has a place for each box that is meant.
  port(name, kind, source) {
    const [i, group] = [this.place.get(name), name.startsWith("group ") ? Number(name.slice(6)) : null];
    const inner = group === null ? null : this.inner.get(group);
    const within = inner ? inner.y[inner.place.get(`${kind} ${source}`)] - this.sizes[i].height / 2 : 0;
    return this.at.y + this.y[i] + within;
  }

  // The curve of a link within the block, which ends at a height: from where it starts or comes in to where it ends or
  // goes out.
  curve(link, end, last) {
    const arrow = this.arrow(link);
    const { column } = this.columns;
    const [from] = this.ends(link);
    let [x, at] = [this.at.x + this.right[column[arrow.parent]], this.port(from, "out", link.parent)];
    let curve = `M${x.toFixed(1)} ${at.toFixed(1)}`;
    const { y } = this.at;
    const points = this.columns.passed(arrow);
    const stops = points.map((point) => [this.left[column[point]], this.right[column[point]], y + this.y[point]]);
    const tip = this.right[column[arrow.child]] - this.sizes[arrow.child].width;
    stops.push([this.left[column[arrow.child]] - (last && link.local ? LABEL - 8 : 0), tip, end]);
    for (const [to, onward, height] of stops) {
      const [middle, high] = [(x + this.at.x + to) / 2, height.toFixed(1)].map(String);
      curve += `C${middle} ${at.toFixed(1)} ${middle} ${high} ${(this.at.x + to).toFixed(1)} ${high}`;
      curve += `H${(this.at.x + onward).toFixed(1)}`;
      [x, at] = [this.at.x + onward, height];
    }
    return { curve, x, y: at };
  }
}

// Names, each after those that come before it in a pair.
/** @param {string[]} names @param {string[][]} pairs */
function inOrder(names, pairs) {
  const before = new Map(names.map((name) => [name, new Set()]));
  for (const [from, to] of pairs) if (before.has(from) && before.has(to)) before.get(to).add(from);
  const [done, open] = [new Set(), new Set(names)];
  const ready = (name) => [...before.get(name)].every((other) => done.has(other));
  while (open.size) {
    const found = [...open].filter(ready);
    if (!found.length) throw new Error("a group is before and after another");
    for (const name of found) done.add(name) && open.delete(name);
  }
  return /** @type {string[]} */ ([...done]);
}

// Places for boxes of these sizes, frames for open groups, and for each link its curve and where its number is written.
/** @param {Size[]} sizes @param {LinkData[]} links @param {number[][]} open */
function arranged(sizes, links, open) {
  const whole = new Block(sizes, links, open, [...sizes.keys()]);
  /** @type {Place[]} */ const places = [];
  /** @type {Map<number, Place>} */ const frames = new Map();
  whole.put(0, 0, places, frames);
  const around = (box) => {
    const blocks = [whole];
    for (const group of open[box]) blocks.push(blocks[blocks.length - 1].inner.get(group));
    return blocks;
  };
  const ways = links.map(({ parent, child }) => {
    const [out, into] = [around(parent), around(child)];
    const shared = out.filter((block) => into.includes(block)).length;
    return [...out.slice(shared - 1).reverse(), ...into.slice(shared)];
  });
  const coming = sizes.map(() => /** @type {{ i: number, from: number }[]} */ ([]));
  links.forEach((link, i) => {
    const block = ways[i][ways[i].length - 1];
    const arrow = block.arrow(link);
    const points = block.columns.passed(arrow);
    coming[link.child].push({ i, from: block.y[points.length ? points[points.length - 1] : arrow.parent] });
  });
  const ends = [];
  coming.forEach((arrows, child) => {
    const gap = Math.min(17, (sizes[child].height - 10) / Math.max(1, arrows.length - 1));
    const middle = places[child].y + places[child].height / 2;
    arrows.sort((a, b) => a.from - b.from || a.i - b.i);
    arrows.forEach(({ i }, k) => {
      ends[i] = { end: middle + (k - (arrows.length - 1) / 2) * gap, roomy: arrows.length === 1 || gap >= 11 };
    });
  });
  const routes = links.map((link, i) => {
    const way = ways[i].map((block, k) => {
      const last = k === ways[i].length - 1;
      return block.curve(link, last ? ends[i].end : block.port(block.ends(link)[1], "in", link.parent), last);
    });
    const { x, y } = way[way.length - 1];
    const curve = `${way.map((piece) => piece.curve).join("")}m-5 -3l5 3l-5 3`;
    return { curve, x: x - 6, y: y - 3, ...ends[i] };
  });
  return { places, routes, frames };
}
