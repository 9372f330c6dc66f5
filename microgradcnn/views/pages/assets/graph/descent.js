// Gradient descent on the leaves that are ticked, with the loss drawn.

const fields = [...document.querySelectorAll("[data-place]")];

// A field takes finite numbers alone: of another one it is empty, and says so.
function fill(field, number) {
  const finite = Number.isFinite(number);
  field.placeholder = finite ? "" : shown(number);
  if (field !== document.activeElement) field.value = finite ? Number(number.toPrecision(4)) : "";
}

function showNumbers(numbers) {
  for (const field of fields) fill(field, numbers[field.dataset.place]);
  for (const chooser of choosers) chooser.show(numbers);
}

// The leaves that descent moves, by their places; a family is ticked where one of them moves.
const moving = new Set(data.leaves.flatMap(({ moves, place }) => (moves ? [place] : [])));
const [MOST_MOVING, families] = [4, [...document.querySelectorAll("[data-family]")]];

/** @param {any[]} leaves @param {boolean} moves */
function setMoving(leaves, moves) {
  for (const { place } of leaves) moves ? moving.add(place) : moving.delete(place);
  showMoving();
}

// One short sentence says which leaves move: families by their names, where all their leaves do.
function showMoving() {
  const listed = (moves) => {
    const chosen = data.leaves.filter(({ place }) => moving.has(place) === moves);
    const whole = (name) => data.leaves.every(({ family, place }) => family !== name || moving.has(place) === moves);
    const names = [...new Set(chosen.map(({ name, family }) => (whole(family) ? family : name)))];
    const more = names.length > MOST_MOVING + 1 ? [`${names.length - MOST_MOVING} more`] : [];
    const shown = [...(more.length ? names.slice(0, MOST_MOVING) : names), ...more];
    return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : shown.join("");
  };
  const [moved, held] = [listed(true), listed(false)];
  const stay = held && `; ${held} stay${/ and /.test(held) ? "" : "s"}`;
  document.getElementById("moves").textContent = `Moves ${moved || "nothing"}${stay}.`;
  for (const tick of families) {
    const own = data.leaves.filter(({ family }) => family === tick.dataset.family);
    tick.checked = own.some(({ place }) => moving.has(place));
    tick.indeterminate = tick.checked && !own.every(({ place }) => moving.has(place));
  }
}
for (const tick of families) {
  const own = () => data.leaves.filter(({ family }) => family === tick.dataset.family);
  tick.addEventListener("change", () => setMoving(own(), tick.checked));
}
showMoving();

// A tick that holds a leaf, or lets descent move it.
function holding(place) {
  const leaf = data.leaves.find((leaf) => leaf.place === place);
  const onchange = () => setMoving([leaf], tick.checked);
  const tick = html("input", { type: "checkbox", checked: moving.has(place), onchange });
  return html("p", {}, html("label", {}, tick, ` descent moves ${leaf.name}`));
}

// For every number whether descent moves it.
function movedPlaces() {
  const moved = new Uint8Array(recordedNumbers.length);
  for (const { place, shape } of data.leaves) {
    if (moving.has(place)) moved.fill(1, place, place + sizeOf({ shape }));
  }
  return moved;
}

// Steps of gradient descent: the numbers after them, and the loss after each.
function descend(level, numbers, rate, steps) {
  const [moved, losses] = [movedPlaces(), /** @type {number[]} */ ([])];
  level = level.fine ?? level; // a group hides its leaves
  for (let step = 0; step < steps; step++) {
    const [{ gradients }, after] = [level.compute(numbers), numbers.slice()];
    level.boxes.forEach(({ place }, box) => {
      if (place === undefined || !gradients[box]) return;
      gradients[box].forEach((slope, i) => (after[place + i] -= moved[place + i] ? rate * slope : 0));
    });
    numbers = after;
    losses.push(level.loss(numbers));
  }
  return { numbers, losses };
}

// Round numbers from low to high, some three or four.
function ticks(low, high) {
  const rough = (high - low) / 3 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((k) => k * power >= rough) ?? 10);
  const count = Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => step * (Math.ceil(low / step - 1e-9) + i));
}

// What the chart is as high as: the largest loss, but not one that only a few reach and that is far above the others.
function ceiling(finite) {
  const sorted = finite.toSorted((a, b) => a - b);
  const [most, usual] = [sorted.at(-1), sorted[Math.floor(0.95 * (sorted.length - 1))]];
  return most > 4 * Math.abs(usual) && sorted.length > 4 && usual > 0 ? 1.25 * usual : most;
}

const MOST_MARKS = 14;
const PLOT = { left: 46, right: 272, top: 10, bottom: 104 };

function draw(losses, name) {
  const chart = document.getElementById("chart");
  const steps = losses.length - 1;
  chart.classList.toggle("drawn", steps > 0);
  const finite = losses.filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...finite), finite.length ? ceiling(finite) : 1];
  const most = losses.reduce((a, b) => (b > a ? b : a), high);
  const across = (step) => PLOT.left + ((PLOT.right - PLOT.left) * step) / (steps || 1);
  const up = (loss) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * (loss - low)) / (high - low || 1);
  const points = losses.map((loss, i) => {
    const y = Number.isFinite(loss) ? Math.max(up(loss), PLOT.top - 4) : PLOT.top - 4;
    return `${across(i).toFixed(1)} ${y.toFixed(1)}`;
  });
  chart.querySelector("path").setAttribute("d", points.length ? `M${points.join("L")}` : "");
  const counts = ticks(0, steps).filter(Number.isInteger);
  const marks = [
    ...ticks(low, high).map((loss) => mark(shown(loss), PLOT.left - 4, up(loss), "level")),
    ...counts.map((step) => mark(shown(step), across(step), PLOT.bottom + 13, "step")),
    ...(most > high ? [mark(`↑ ${shown(most)}`, across(losses.indexOf(most)), PLOT.top + 4, "spike")] : []),
  ];
  chart.querySelector("g").replaceChildren(...(steps > 0 ? marks.slice(0, MOST_MARKS) : []));
  const taken = steps === 1 ? "1 step" : `${steps} steps`;
  const text = steps > 0 ? `${taken}: ${name} from ${shown(losses[0])} to ${shown(losses.at(-1))}.` : "";
  const grew = steps > 0 && !(losses.at(-1) <= losses[0]) ? " It went up: try a smaller rate." : "";
  document.getElementById("descended").textContent = text + grew;
  chart.setAttribute("aria-label", text);
}

// A number beside the curve: of a level with a line across, of a step below, of a loss above all others.
function mark(text, x, y, kind) {
  const [group, written] = ["g", "text"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  group.setAttribute("class", kind);
  written.setAttribute("x", x);
  written.setAttribute("y", y + (kind === "level" ? 3.5 : 0));
  written.textContent = text;
  group.append(written);
  if (kind === "level") {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const ends = { x1: PLOT.left, x2: PLOT.right, y1: y, y2: y };
    for (const key in ends) line.setAttribute(key, ends[key]);
    group.prepend(line);
  }
  return group;
}
