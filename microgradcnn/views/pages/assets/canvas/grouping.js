// Groups opened and closed: a view is a level whose boxes are nodes of the finest level, or groups of them as one.

const fine = levels[data.finest] ?? null;
const MOST_SHOWN = 600; // boxes of a picture
const MOST_CELLS = 256; // of a group's heat map: with more numbers it shows means, as drawing/colours.py makes them

class View extends Level {
  /** @param {number[]} closed @param {string} title */
  constructor(closed, title) {
    super(new Grouped(closed).told(title), data.finest);
    this.closed = closed;
    this.fine = fine;
  }

  /** @param {Float64Array} numbers @returns {Results | null} */
  computed(numbers) {
    const all = fine.compute(numbers);
    if (!all) return null;
    const [totals, joined] = [new Map(), (kind) => ({ ends }) => together(ends.map((end) => all[kind][end]))];
    const local = ({ local, through, from, links }) => {
      if (!local) return null;
      if (through === null) return all.locals[links[0]];
      if (!totals.has(through)) totals.set(through, derivativesThrough(data.groups[through], all.locals));
      return totals.get(through).get(from);
    };
    const sent = ({ parent, size, links }) => {
      if (!size) return null;
      const { ends } = this.boxes[parent];
      const parts = new Map(ends.map((end) => [end, Array(sizeOfNode(end)).fill(0)]));
      for (const link of links) {
        const { parent } = fine.links[link];
        if (all.sent[link]) parts.set(parent, sum(parts.get(parent), all.sent[link]));
      }
      return [...parts.values()].flat();
    };
    return {
      values: this.boxes.map(joined("values")),
      gradients: this.boxes.map(joined("gradients")),
      locals: this.links.map(local),
      sent: this.links.map(sent),
      all,
    };
  }

  // What arrives within a group is not seen: where nothing more comes, a gradient is whole.
  gradientsAt(step, results) {
    const found = super.gradientsAt(step, results);
    return found.map((gradient, box) => (gradient && this.completeAt(box, step) ? results.gradients[box] : gradient));
  }

  // Formulas are those of the finest level, of the node whose number a box shows.
  formula(kind, place) {
    if (kind === "line") return super.formula(kind, place);
    if (kind === "local" || kind === "sent") {
      const { links, through } = this.links[place];
      return through === null && links.length === 1 ? fine.formula(kind, links[0]) : null;
    }
    const { ends, group } = this.boxes[place];
    const whole = group === undefined || kind === "name" || kind === "substituted";
    return ends.length === 1 && whole ? fine.formula(kind, ends[0]) : null;
  }

  filled(kind, place, results) {
    return super.filled(kind, place, results.all);
  }

  // The names of the boxes, and of what is in them.
  /** @returns {[string, number][]} */
  named() {
    /** @returns {[string, number][]} */
    const names = (box, node) => namesOf(fine.boxes[node]).map((name) => [name, box]);
    const inside = this.shownAs.flatMap(names);
    return [...super.named(), ...inside];
  }
}

const sizeOfNode = (node) => sizeOf(fine.boxes[node]);
const joinedUp = (parts) => (parts.includes(null) ? null : parts.flatMap((part) => [...part]));
const together = (parts) => (parts.length === 1 ? parts[0] : joinedUp(parts));

// d(the head of a group)/d(what it is computed from), by the chain rule within the group.
/** @param {GroupData} group @param {number[]} locals */
function derivativesThrough({ head, members }, locals) {
  const total = new Map([[head, 1]]);
  for (const node of members.toReversed()) {
    for (const link of total.has(node) ? linksInto(node) : []) {
      const { parent, local } = fine.links[link];
      if (local) total.set(parent, (total.get(parent) ?? 0) + total.get(node) * locals[link]);
    }
  }
  return total;
}

/** @param {number} node @returns {number[]} */
const linksInto = (node) => {
  fine.before ??= Map.groupBy(fine.links.keys(), (link) => fine.links[link].child);
  return fine.before.get(node) ?? [];
};

// Groups, each after those around it.
/** @param {Iterable<number>} groups */
function outerFirst(groups) {
  const depth = (group) => (data.groups[group].outer === null ? 0 : 1 + depth(data.groups[group].outer));
  return [...groups].sort((a, b) => depth(a) - depth(b));
}

// The innermost group of each box of the finest level, null for none.
/** @type {(number | null)[]} */ const innermost = fine ? fine.boxes.map(() => null) : [];
for (const group of outerFirst(data.groups.keys())) {
  for (const node of data.groups[group].members) innermost[node] = group;
}

// The boxes and links of the finest level with some groups closed.
class Grouped {
  /** @param {number[]} closed */
  constructor(closed) {
    this.item = fine.boxes.map((_, node) => `node ${node}`);
    this.members = new Map();
    /** @type {Map<string, BoxData>} */ this.boxes = new Map(); // made so far
    for (const group of outerFirst(closed).reverse()) {
      for (const node of data.groups[group].members) this.item[node] = `group ${group}`;
    }
    this.item.forEach((item, node) => {
      if (!this.members.has(item)) this.members.set(item, []);
      this.members.get(item).push(node);
    });
    this.used = fine.boxes.map(() => new Set());
    for (const { parent, child } of fine.links) this.used[parent].add(this.item[child]);
    this.place = new Map(this.sorted().map((item, i) => [item, i]));
  }

  // What is drawn, each after all that it is computed from.
  sorted() {
    const waiting = new Map([...this.members.keys()].map((item) => [item, new Set()]));
    for (const { parent, child } of fine.links) {
      if (this.item[parent] !== this.item[child]) waiting.get(this.item[child]).add(this.item[parent]);
    }
    const done = [];
    const after = new Map();
    for (const [item, before] of waiting) {
      for (const other of before) after.set(other, [...(after.get(other) ?? []), item]);
    }
    const ready = [...waiting.keys()].filter((item) => !waiting.get(item).size);
    while (ready.length) {
      const item = ready.shift();
      done.push(item);
      for (const next of after.get(item) ?? []) {
        waiting.get(next).delete(item);
        if (!waiting.get(next).size) ready.push(next);
      }
    }
    if (done.length < waiting.size) throw new Error("a group is before and after another");
    return done;
  }

  /** @param {string} title @returns {LevelData} */
  told(title) {
    const [items, links] = [[...this.place.keys()], this.links()];
    const boxes = items.map((item) => this.box(item));
    const derivations = boxes.map(({ ends }) => (ends.length === 1 ? fine.derivations[ends[0]] : undefined));
    const flowing = [...links.keys()].filter((link) => links[link].size);
    return {
      title,
      live: fine.live,
      backward: fine.backward,
      arrays: fine.arrays,
      constants: 0,
      most: fine.most,
      root: this.place.get(this.item[fine.root]),
      boxes,
      links,
      passes: flowing.sort((a, b) => links[b].child - links[a].child),
      derivations,
      shownAs: this.item.map((item) => this.place.get(item)),
    };
  }

  box(item) {
    if (!this.boxes.has(item)) this.boxes.set(item, this.made(item));
    return this.boxes.get(item);
  }

  made(item) {
    const [kind, number] = [item.split(" ")[0], Number(item.split(" ")[1])];
    if (kind === "node") return { ...fine.boxes[number], ends: [number] };
    const { name, head, members, columns, maps } = data.groups[number];
    const ends = head === null ? this.ends(item, members) : [head];
    if (ends.length === 1) {
      const { place, ...told } = fine.boxes[ends[0]];
      return { ...told, name, leaf: false, group: number, ends };
    }
    const leaf = members.every((node) => fine.boxes[node].leaf);
    const gradient = ends.every((end) => fine.boxes[end].gradient);
    const size = ends.reduce((n, end) => n + sizeOfNode(end), 0);
    const cells = Array.from({ length: columns * Math.ceil(size / columns) }, (_, i) => (i < size ? i : -1));
    const map = size <= MOST_CELLS ? { columns, cells } : {};
    return { name, leaf, gradient, group: number, ends, shape: [size], ...map, maps };
  }

  // The nodes of a group that others are computed from.
  ends(item, members) {
    return members.filter((node) => !this.used[node].size || [...this.used[node]].some((user) => user !== item));
  }

  // One link for each argument of a node, one for all between a group and another box.
  links() {
    const found = new Map();
    fine.links.forEach(({ parent, child, local, size }, link) => {
      const [from, to] = [this.item[parent], this.item[child]];
      if (from === to) return;
      const single = to.startsWith("node");
      const key = single ? `${from} ${to} ${link}` : `${from} ${to}`;
      if (!found.has(key)) {
        const ends = { parent: this.place.get(from), child: this.place.get(to), from: parent };
        found.set(key, { ...ends, size: 0, local, links: [], through: single ? null : Number(to.split(" ")[1]) });
      }
      const told = found.get(key);
      told.links.push(link);
      const own = from.startsWith("node") || data.groups[Number(from.split(" ")[1])].head === parent;
      const whole = told.through === null || this.scalar(told.through);
      told.local = told.local && local && own && told.from === parent && whole;
      if (size) told.size = from.startsWith("node") ? size : this.sizeOfItem(from);
    });
    return [...found.values()];
  }

  sizeOfItem(item) {
    return this.box(item).ends.reduce((n, end) => n + sizeOfNode(end), 0);
  }

  // Whether a group computes one number from numbers.
  scalar(group) {
    const { head, members } = data.groups[group];
    const plain = (link) => !fine.links[link].size || fine.links[link].local;
    return head !== null && members.every((node) => linksInto(node).every(plain));
  }
}

// The nodes of the finest level that a box stands for.
/** @param {BoxData} box @returns {number[]} */
function nodesOf({ ends, group, node }) {
  if (group !== undefined) return data.groups[group].members;
  return ends ?? [fine.boxes.findIndex((box) => box.node === node)];
}

// The groups that are closed in a level: null where there is nothing to open.
const closedIn = (level) => (fine ? level.closed ?? null : null);

data.levels.forEach(({ view, closed, title }, place) => {
  if (view) levels[place] = new View(closed, title);
});

// The boxes of a level with a program of its own, formula by formula, are groups that open too.
for (const { boxes, closed, fine: made } of fine ? levels : []) {
  for (const group of (made ? null : closed) ?? []) {
    const { head } = data.groups[group];
    const box = boxes.find(({ node }) => head !== null && node === fine.boxes[head].node);
    if (box) box.group = group;
  }
}
