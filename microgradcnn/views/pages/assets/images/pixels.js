// The window of a node in a network of numbers that slides a filter over an image of pixels p_1, p_2, ..., row by row:
// found by what the nodes of a family are computed from, if that is the same pattern for each, elsewhere in the image.

const SMALLEST_SIDE = 3; // of an image

// The letters of a name with a subscript, and the subscript: a and 12 of a₁₂; empty for other names.
function subscripted(name) {
  const found = plain(name).match(/^(\D+?)(\d+)$/);
  return found ? found.slice(1) : ["", ""];
}

class PixelWindows {
  /** @type {Map<number, Set<number>>} */ found = new Map();

  /** @param {Level} level */
  constructor(level) {
    this.level = level;
    /** @type {number[][]} */ this.before = level.boxes.map(() => []);
    for (const { parent, child } of level.links) this.before[child].push(parent);
    this.families = Map.groupBy(level.boxes.keys(), (box) => subscripted(level.boxes[box].name)[0]);
    this.families.delete("");
    const square = (boxes) => Number.isInteger(Math.sqrt(boxes.length)) && boxes.length >= SMALLEST_SIDE ** 2;
    const number = (box) => Number(subscripted(level.boxes[box].name)[1]);
    const leaves = [...this.families.values()].filter((boxes) => boxes.every((box) => level.boxes[box].leaf));
    /** @type {number[][]} */ this.images = leaves.filter(square);
    for (const image of this.images) image.sort((a, b) => number(a) - number(b));
  }

  // The boxes that one is computed from.
  /** @param {number} box @returns {Set<number>} */
  reached(box) {
    if (!this.found.has(box)) {
      const all = new Set([box]);
      for (const at of all) for (const parent of this.before[at]) all.add(parent);
      this.found.set(box, all);
    }
    return this.found.get(box);
  }

  // The image whose windows the family of a box has, and the places of the box's own pixels; null for other boxes.
  /** @param {number} box */
  of(box) {
    const alike = this.families.get(subscripted(this.level.boxes[box].name)[0]) ?? [];
    for (const image of this.level.boxes[box].leaf || alike.length < 2 ? [] : this.images) {
      const side = Math.sqrt(image.length);
      const windows = alike.map((one) => [...image.keys()].filter((place) => this.reached(one).has(image[place])));
      const pattern = (window) => {
        const [rows, columns] = [window.map((place) => Math.floor(place / side)), window.map((place) => place % side)];
        const corner = side * Math.min(...rows) + Math.min(...columns);
        return String(window.map((place) => place - corner));
      };
      const part = windows[0].length > 1 && windows[0].length < image.length;
      const [patterns, places] = [pattern, String].map((key) => new Set(windows.map(key)).size);
      if (part && patterns === 1 && places > 1) return { image, window: windows[alike.indexOf(box)] };
    }
    return null;
  }
}

/** @type {Map<Level, PixelWindows>} */ const pixelWindows = new Map();

// The image as a small grid with a box's window in it, or nothing.
/** @param {Level} level @param {number} box @param {Results | null} results @returns {Element[]} */
function windowIn(level, box, results) {
  if (!pixelWindows.has(level)) pixelWindows.set(level, new PixelWindows(level));
  const found = pixelWindows.get(level).of(box);
  if (!found) return [];
  const { image, window } = found;
  const names = window.map((place) => level.boxes[image[place]].name).join(", ");
  const grid = html("div", { className: "pixels", role: "img", ariaLabel: `Its window in the image: ${names}` });
  grid.style.gridTemplateColumns = `repeat(${Math.sqrt(image.length)}, 1.1rem)`;
  image.forEach((leaf, place) => {
    const cell = html("i", { className: window.includes(place) ? "inside" : "" });
    if (results) cell.style.background = tint("value", results.values[leaf][0], level.most.value);
    grid.append(cell);
  });
  return [words("Its window in the image:"), grid];
}
