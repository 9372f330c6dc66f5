// The paths from a box to the end of the graph: lit where one points, with the product of local derivatives along each.

/** @type {Lit} */ const NOTHING = { boxes: new Set(), links: new Set() };
const [SHOWN_PATHS, MOST_FACTORS, FACTOR] = [3, 8, 80]; // and the room that a factor takes

class Paths {
  /** @param {Level} level */
  constructor(level) {
    this.level = level;
    /** @type {number[][]} */ this.after = level.boxes.map(() => []);
    const flowing = level.backward ? level.passes : level.links.keys();
    for (const link of flowing) this.after[level.links[link].parent].push(link);
    this.count = level.boxes.map((_, box) => (box === level.root ? 1 : 0)); // children come after their parents
    for (let box = level.boxes.length - 1; box >= 0; box--) {
      for (const link of box === level.root ? [] : this.after[box]) this.count[box] += this.count[this.child(link)];
    }
  }

  /** @param {number} link */
  child(link) {
    return this.level.links[link].child;
  }

  // All boxes and links on a path from a box.
  /** @param {number} box @returns {Lit} */
  from(box) {
    const [boxes, links] = [new Set([box]), new Set()];
    for (const at of boxes) {
      for (const link of this.after[at]) {
        if (!this.count[this.child(link)]) continue;
        links.add(link);
        boxes.add(this.child(link));
      }
    }
    return { boxes, links };
  }

  // The first paths, each by its links from the box on.
  /** @param {number} box @param {number} most */
  first(box, most) {
    const [found, open] = /** @type {number[][][]} */ ([[], [[]]]);
    while (open.length && found.length < most) {
      const path = open.pop();
      const at = path.length ? this.child(path.at(-1)) : box;
      if (at === this.level.root) found.push(path);
      else {
        const leading = this.after[at].filter((link) => this.count[this.child(link)]);
        open.push(...leading.map((link) => [...path, link]).reverse());
      }
    }
    return found;
  }

  // The product along each path, and their sum, as formulas; without numbers where there are no results.
  /** @param {number} box @param {Results | null} results */
  told(box, results) {
    const { level, count } = this;
    const [{ name }, { name: end }] = [level.boxes[box], level.boxes[level.root]];
    if (box === level.root) return [words(`${name} is the end of the graph`)];
    if (!count[box]) return [words(`No gradient flows from ${end} to ${name}`)];
    const one = count[box] === 1;
    const heading = words(`${one ? "The path" : `${shown(count[box])} paths`} from ${name} to ${end}`);
    const paths = this.first(box, SHOWN_PATHS);
    if (!results || paths.flat().some((link) => !level.links[link].local)) return [heading];
    const chains = paths.map((path) => this.chain(path, results));
    const terms = chains.map(({ product }, i) => number(product, i === 0));
    const sum = terms.flatMap((term, i) => (i ? [math("mo", "+"), term] : [term]));
    if (count[box] > paths.length) sum.push(math("mo", "+"), math("mo", "…"));
    if (one) return [heading, display(level.slope(box), ...chains[0].sides)];
    const total = display(level.slope(box), math("mrow", ...sum), number(results.gradients[box][0]));
    return [heading, ...chains.map(({ sides }) => display(...sides)), total];
  }

  // The product of the local derivatives along a path, from the end back: symbols, if they are few, numbers, result.
  /** @param {number[]} path @param {Results} results */
  chain(path, { locals }) {
    const back = path.toReversed();
    const product = back.reduce((so_far, link) => so_far * locals[link], 1);
    const dotted = (parts) => math("mrow", ...parts.flatMap((part, i) => (i ? [math("mo", "·"), part] : [part])));
    const symbols = dotted(back.map((link) => this.level.d(this.child(link), this.level.links[link].parent)));
    const most = Math.min(MOST_FACTORS, Math.floor(figure.clientWidth / FACTOR));
    const numbers = dotted(back.slice(0, most).map((link) => number(locals[link], back.length === 1)));
    if (back.length > most) numbers.append(math("mo", "…"));
    return { product, sides: distinct([back.length <= 4 ? symbols : null, numbers, number(product)]) };
  }
}
