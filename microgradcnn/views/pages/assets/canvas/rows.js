// A picture that is wider than its frame, in rows below each other where these show all of it: read as lines of a text,
// with arrows from the end of one to the next, as drawing/rows/ does it for paper.

const [GUTTER, LANE, MOST_LINES] = [16, 9, 8]; // beside and between rows, more for each line that goes on, and how many
const WIDE = 600; // a room that is no phone's
const NEAR = 0.3; // places that are one: they are rounded to tenths
const ONE_ROW = { start: 0, left: 0, down: 0, top: -Infinity, bottom: Infinity };

// The room that so many lines from one row to the next need, between them and beside them.
const gapOf = (lines) => (lines ? 2 * GUTTER + LANE * (lines - 1) : 0);

/** @param {Row} row @param {Point} point @returns {Point} */
const inRow = ({ left, down }, { x, y }) => ({ x: x - left, y: y + down });

// The points of a curve: where it starts, then where each bend ends, and the straight line behind it.
/** @param {string} curve @returns {Point[]} */
function pointsOf(curve) {
  /** @type {Point[]} */ const found = [];
  for (const [, kind, text] of curve.split("m")[0].matchAll(/([MCH])([^MCH]*)/g)) {
    const numbers = text.trim().split(" ").map(Number);
    if (kind === "H") found.push({ x: numbers[0], y: found[found.length - 1].y });
    else if (kind === "C" || !found.length) found.push({ x: numbers.at(-2), y: numbers.at(-1) });
  }
  return found;
}

/** @param {Point[]} points */
function curveOf(points) {
  let [at, curve] = [points[0], `M${points[0].x.toFixed(1)} ${points[0].y.toFixed(1)}`];
  for (let i = 1; i < points.length; i += 2) {
    const [to, end] = [points[i], points[i + 1]];
    const [middle, low, high] = [(at.x + to.x) / 2, at.y, to.y].map((number) => number.toFixed(1));
    curve += `C${middle} ${low} ${middle} ${high} ${to.x.toFixed(1)} ${high}H${end.x.toFixed(1)}`;
    at = end;
  }
  return `${curve}m-5 -3l5 3l-5 3`;
}

// The row of a place; what is at the end of a row is in it.
/** @param {number} x @param {number[]} ends */
function rowAt(x, ends) {
  const found = ends.findIndex((end) => x <= end + NEAR);
  return found < 0 ? ends.length : found;
}

// The parts of a route by rows that end there: each is a route itself, and starts where the one before ends.
/** @param {Point[]} route @param {number[]} ends @returns {Leg[]} */
function legsOf(route, ends) {
  let row = rowAt(route[0].x, ends);
  const found = [{ row, points: [route[0]] }];
  const last = () => found[found.length - 1].points;
  for (let i = 1; i < route.length; i += 2) {
    const [to, end] = [route[i], route[i + 1]];
    while (row < rowAt(to.x, ends)) found.push({ row: ++row, points: [last()[last().length - 1]] });
    last().push(to);
    while (row < rowAt(end.x, ends)) {
      const at = { x: ends[row], y: to.y };
      last().push(at);
      found.push({ row: ++row, points: [at, at] });
    }
    last().push(end);
  }
  return found;
}

// The columns between which rows may end, where no box is and no frame, with the lines that go on behind each.
/** @param {Laid} laid */
function columnsIn({ boxes, frames, routes }) {
  const solid = [...boxes, ...frames];
  const sides = solid.map(({ x, width }) => x + width).sort((a, b) => a - b);
  const apart = sides.filter((side, i) => !(sides[i + 1] - side < NEAR));
  const cut = (end) => solid.some(({ x, width }) => x < end - NEAR && end + NEAR < x + width);
  const columns = apart.filter((end) => !cut(end)).map((end) => {
    return { end, top: Infinity, bottom: -Infinity, lines: /** @type {Set<number>} */ (new Set()) };
  });
  const ends = columns.slice(0, -1).map(({ end }) => end);
  const reach = (column, ...heights) => {
    column.top = Math.min(column.top, ...heights);
    column.bottom = Math.max(column.bottom, ...heights);
  };
  for (const { x, y, width, height } of solid) reach(columns[rowAt(x + width, ends)], y, y + height);
  for (const route of routes) {
    legsOf(route, ends).forEach(({ row, points }, i) => {
      reach(columns[row], ...points.map(({ y }) => y));
      if (i) columns[row - 1].lines.add(points[0].y);
    });
  }
  return columns;
}

// The ends of all rows but the last that are lowest together, each at most so wide; null if there are none.
/** @param {ReturnType<typeof columnsIn>} columns @param {number} most */
function breaksOf(columns, most) {
  const [lowest, before] = [[0, ...columns.map(() => Infinity)], [0, ...columns.map(() => 0)]];
  const starts = [0, ...columns.map(({ end }) => end)];
  columns.forEach(({ end }, last) => {
    let [top, bottom] = [Infinity, -Infinity];
    for (let first = last; first >= 0 && end - starts[first] <= most; first--) {
      top = Math.min(top, columns[first].top);
      bottom = Math.max(bottom, columns[first].bottom);
      const lines = first ? columns[first - 1].lines.size : 0;
      const height = lowest[first] + bottom - top + gapOf(lines);
      if (lines <= MOST_LINES && height < lowest[last + 1]) [lowest[last + 1], before[last + 1]] = [height, first];
    }
  });
  if (lowest[columns.length] === Infinity) return null;
  const found = [];
  for (let at = before[columns.length]; at; at = before[at]) found.unshift(starts[at]);
  return found;
}

// What was laid out long in rows that end at these places of it.
/** @param {Laid} laid @param {number[]} ends @returns {Laid} */
function wrapped({ boxes, frames, routes }, ends) {
  const cut = routes.map((route) => legsOf(route, ends));
  /** @type {Part[]} */
  const parts = [0, ...ends].map((start) => ({ ...ONE_ROW, start, coming: [], heights: [], sides: [start] }));
  for (const { x, y, width, height } of [...boxes, ...frames]) {
    const part = parts[rowAt(x + width, ends)];
    part.heights.push(y, y + height);
    part.sides.push(x + width);
  }
  for (const { row, points } of cut.flat()) parts[row].heights.push(...points.map(({ y }) => y));
  parts.forEach((part, row) => {
    const legs = cut.flatMap(([, ...others]) => others.filter((leg) => leg.row === row));
    const coming = legs.map(({ points }) => points[0].y);
    part.coming = [...new Set(coming)].sort((a, b) => a - b);
  });
  const gaps = parts.map(({ coming }) => gapOf(coming.length));
  const margin = Math.max(...gaps);
  let bottom = 0;
  parts.forEach((part, row) => {
    part.top = bottom + gaps[row];
    Object.assign(part, { left: part.start - margin, down: part.top - Math.min(...part.heights) });
    bottom = part.bottom = part.down + Math.max(...part.heights);
  });
  const moved = (place) => ({ ...place, ...inRow(parts[rowAt(place.x + place.width, ends)], place) });
  const lengths = parts.map(({ start, sides }, row) => Math.max(...sides) - start + (gaps[row + 1] ?? 0));
  return {
    boxes: boxes.map(moved),
    frames: frames.map(moved),
    routes: cut.map((legs) => joined(legs, parts)),
    rows: parts,
    size: { width: margin + Math.max(...lengths), height: bottom },
  };
}

// The legs of a route with what leads from each to the next: out of the row, down, back to the left and down.
/** @param {Leg[]} legs @returns {Point[]} */
function joined([first, ...others], parts) {
  const found = first.points.map((point) => inRow(parts[first.row], point));
  for (const { row, points } of others) {
    const [part, before] = [parts[row], parts[row - 1]];
    const [last, start, place] = [inRow(before, points[0]), inRow(part, points[0]), part.coming.indexOf(points[0].y)];
    const outer = LANE * (part.coming.length - 1 - place); // the topmost goes farthest out and lowest: none cross
    const [right, down] = [last.x + GUTTER + outer, before.bottom + GUTTER + outer];
    const left = start.x - GUTTER - LANE * place;
    found.push(last, { x: right, y: last.y }, { x: right, y: down }, { x: left, y: down }, { x: left, y: start.y });
    found.push(start, ...points.slice(1).map((point) => inRow(part, point)));
  }
  return found;
}

// The same in rows that a room of this size shows whole, as large as can be but not larger; null if there are none.
/** @param {Laid} laid @param {Size} room @returns {Laid | null} */
function inRows(laid, room, most = 1, highest = room.height) {
  const area = laid.boxes.reduce((sum, { width, height }) => sum + width * height, 0);
  if (area * READABLE ** 2 > room.width * room.height) return null;
  const columns = columnsIn(laid);
  for (let k = most; k > READABLE - 0.01; k -= (1 - READABLE) / 3) {
    for (const beside of [GUTTER, 4 * GUTTER, 7 * GUTTER]) {
      const ends = breaksOf(columns, room.width / k - beside);
      if (!ends) continue;
      const { size, rows, ...found } = wrapped(laid, ends);
      const low = rows.every(({ top, bottom }) => bottom - top <= highest / k); // each row is seen whole
      if (low && size.width <= room.width / k && size.height <= room.height / k) return { size, rows, ...found };
    }
  }
  return null;
}

// A picture as it was drawn, in one row.
/** @param {Picture} picture @returns {Laid} */
function asDrawn({ arranged, boxes, edges, frames }) {
  const places = arranged ?? boxes.map((g) => rectOf(g));
  const framed = frames.map((g) => {
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => g.firstChild[name].baseVal.value);
    return { x, y, width, height };
  });
  const routes = edges.map((g) => pointsOf(g.querySelector("path").getAttribute("d")));
  const side = (low, length) => {
    const ends = [...places, ...framed].flatMap((place) => [place[low], place[low] + place[length]]);
    return Math.max(...ends) - Math.min(...ends);
  };
  const size = { width: side("x", "width"), height: side("y", "height") };
  return { boxes: places, frames: framed, routes, rows: [ONE_ROW], size };
}

// Puts a picture in rows where one row could not be read in a room, and these can; or back in one. In a wide room rows
// may be higher than it, and the highest of them too, where more is seen at once than of one row; on a phone it is the
// page that moves up and down.
/** @param {Picture} picture @param {Size} room */
function lay(picture, room) {
  const { drawn, shown, boxes, frames, edges } = picture;
  const fits = drawn.size.width * READABLE <= room.width && drawn.size.height * READABLE <= room.height;
  const higher = { ...room, height: room.width > WIDE ? 8 * room.height : 0 };
  const rows = fits ? null : inRows(drawn, room) ?? inRows(drawn, higher, READABLE, 1.5 * room.height);
  const seen = ({ size }) =>
    Math.min(1, room.width / size.width / READABLE) * Math.min(1, room.height / size.height / READABLE);
  const laid = rows && seen(rows) > seen(drawn) ? rows : drawn;
  if (laid === shown) return;
  picture.shown = laid;
  const move = (g, to, from) =>
    g.setAttribute("transform", `translate(${(to.x - from.x).toFixed(1)} ${(to.y - from.y).toFixed(1)})`);
  boxes.forEach((g, i) => move(g, laid.boxes[i], rectOf(g)));
  frames.forEach((g, i) => move(g, laid.frames[i], drawn.frames[i]));
  edges.forEach((g, i) => {
    const [path, text] = ["path", "text"].map((name) => g.querySelector(name));
    const end = laid.routes[i][laid.routes[i].length - 1];
    path.setAttribute("d", curveOf(laid.routes[i]));
    text.setAttribute("x", (end.x - 6).toFixed(1));
    text.setAttribute("y", (end.y - 3).toFixed(1));
  });
}

// The row that holds a height, or is nearest to it.
/** @param {Row[]} rows @param {number} y */
function rowOf(rows, y) {
  const away = ({ top, bottom }) => Math.max(top - y, y - bottom, 0);
  return rows.reduce((best, row) => (away(row) < away(best) ? row : best));
}

// A point of a picture in rows as it would be in one row, and the other way.
/** @param {Laid} laid @param {Point} point */
function inOneRow({ rows }, { x, y }) {
  const { left, down } = rowOf(rows, y);
  return { x: x + left, y: y - down };
}

/** @param {Laid} laid @param {Point} point */
function inItsRow({ rows }, point) {
  return inRow(rows[rowAt(point.x, rows.slice(1).map(({ start }) => start))], point);
}
