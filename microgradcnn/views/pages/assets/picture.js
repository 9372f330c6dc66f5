// The picture: numbers, tints and heat maps written into its boxes, and what a step is about lit.

const figure = document.querySelector("figure");
const [MAP, STRIP] = [46, 11]; // the longer side of a heat map and the least of the other, as in boxes.py
const EDGE = 10;

// The colour of a number, from the paper's at 0 to the scale's end.
function tint(kind, x, most) {
  if (Number.isNaN(x)) return "var(--not-finite)";
  const share = most ? Math.sqrt(Math.min(1, Math.abs(x) / most)) : 0;
  return `color-mix(in srgb, var(--${kind}-${x < 0 ? "below" : "above"}) ${Math.round(100 * share)}%, var(--paper))`;
}

class Picture {
  constructor(level, derive) {
    this.level = level;
    const packed = level.store.querySelector("svg");
    this.svg = packed ? document.importNode(packed, true) : figure.querySelector("svg");
    const width = this.svg.width.baseVal.value;
    this.svg.style.width = `clamp(${width}px, 100%, ${1.5 * width}px)`;
    this.svg.setAttribute("role", "group");
    this.boxes = [...this.svg.querySelectorAll(".node, .group")];
    this.edges = [...this.svg.querySelectorAll(".edge")];
    this.said = this.boxes.map((g) => g.querySelector("text.gradient").textContent);
    this.boxes.forEach((g, box) => {
      g.setAttribute("role", "button");
      g.addEventListener("click", () => derive(box));
      g.addEventListener("keydown", (event) => this.key(event, box, derive));
    });
    this.reachable(0);
    for (const [i, rect] of this.svg.querySelectorAll(".legend rect:not(.frame)").entries()) {
      rect.style.fill = tint(i < 24 ? "value" : "gradient", (2 * (i % 24)) / 23 - 1, 1);
    }
  }

  // One box at a time can be reached by Tab; up and down go on from there, Enter derives.
  key(event, box, derive) {
    const next = { ArrowDown: box + 1, ArrowUp: box - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") derive(box);
    else if (this.boxes[next]) this.reachable(next).focus();
    else return;
    event.preventDefault();
  }

  reachable(box) {
    this.boxes.forEach((g, i) => g.setAttribute("tabindex", i === box ? 0 : -1));
    return this.boxes[box];
  }

  // `hidden` are the boxes whose gradient is asked for.
  paint(step, results, lit, hidden) {
    const gradients = results && this.level.gradientsAt(step, results);
    this.boxes.forEach((g, box) => {
      const known = this.level.computedAt(box, step);
      const { name, gradient } = this.level.boxes[box];
      g.classList.toggle("later", !known);
      g.classList.toggle("lit", lit.boxes.includes(box));
      g.classList.toggle("partial", !this.level.completeAt(box, step));
      if (results) {
        const otherwise = hidden.has(box) ? "?" : gradient ? "not computed" : "none";
        this.write(box, "value", known && results.values[box], "");
        this.write(box, "gradient", !hidden.has(box) && gradients[box], otherwise);
      } else if (!this.level.completeAt(box, step)) g.querySelector("text.gradient").textContent = "not computed";
      else g.querySelector("text.gradient").textContent = this.said[box];
      const [value, slope] = ["value", "gradient"].map((kind) => g.querySelector(`text.${kind}`).textContent);
      g.setAttribute("aria-label", `${name}: value ${value || "not computed"}, gradient ${slope}`);
    });
    this.edges.forEach((g, link) => {
      const local = g.querySelector(".local");
      g.classList.toggle("lit", lit.links.includes(link));
      g.classList.toggle("later", !this.level.computedAt(this.level.links[link].child, step));
      if (results && local.textContent) local.textContent = shown(results.locals[link]);
    });
  }

  // Scrolls the picture so that these boxes, or at least the last one, can be seen, not quite at its edge.
  reveal(boxes) {
    const { left, right, top, bottom } = figure.getBoundingClientRect();
    const view = { left: left + EDGE, right: right - EDGE, top: top + EDGE, bottom: bottom - EDGE };
    const rects = boxes.map((box) => this.boxes[box].getBoundingClientRect());
    const shift = (low, high) => {
      if (rects.every((rect) => rect[low] >= view[low] && rect[high] <= view[high])) return 0;
      const [first, last] = [Math.min(...rects.map((rect) => rect[low])), Math.max(...rects.map((rect) => rect[high]))];
      const fits = last - first < view[high] - view[low];
      const middle = fits ? first + last : rects.at(-1)[low] + rects.at(-1)[high];
      return (middle - view[low] - view[high]) / 2;
    };
    if (rects.length) figure.scrollBy(shift("left", "right"), shift("top", "bottom"));
  }

  write(box, kind, numbers, otherwise) {
    const [g, told] = [this.boxes[box], this.level.boxes[box]];
    const [text, back, map] = [`text.${kind}`, `.${kind}-tint`, `.${kind}-map`].map((part) => g.querySelector(part));
    const said = numbers ? range(numbers) : otherwise;
    if (text.textContent !== said) {
      text.textContent = said;
      text.classList.toggle("absent", !numbers);
      fit(text, g.querySelector(".box").width.baseVal.value / (told.shape ? 2 : 1) - 8);
    }
    if (back) back.style.fill = numbers ? tint(kind, numbers[0], this.level.most[kind]) : "transparent";
    if (map) heatMap(map, told, kind, numbers);
  }
}

// Text that would be wider than its box is set narrower.
function fit(text, width) {
  text.removeAttribute("textLength");
  if (text.textContent.length * 6 < width || text.getComputedTextLength() <= width) return; // measuring is slow
  text.setAttribute("textLength", width);
  text.setAttribute("lengthAdjust", "spacingAndGlyphs");
}

function heatMap(group, { cells, columns }, kind, numbers) {
  const frame = group.lastElementChild;
  const rows = cells.length / columns;
  const [wide, high] = [columns, rows].map((n) => Math.max(STRIP, (MAP * n) / Math.max(rows, columns)) / n);
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => frame[name].baseVal.value);
  const [left, top] = [x + (width - wide * columns) / 2, y + (height - high * rows) / 2];
  const most = numbers ? largest(numbers) : 0;
  const rects = cells.map((cell, i) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const [column, row] = [i % columns, Math.floor(i / columns)];
    const place = { x: left + wide * column, y: top + high * row, width: wide, height: high };
    for (const name in place) rect.setAttribute(name, place[name]);
    rect.style.fill = numbers && cell >= 0 ? tint(kind, numbers[cell], most) : "transparent";
    return rect;
  });
  group.replaceChildren(...rects, frame);
}
