// What the page shows, in its address: level, step, groups opened or shut, and the view once somebody has moved it.
// So a link shows the same, and so do "back" and "reload".

const innerGroups = (group) => [...data.groups.keys()].filter((other) => data.groups[other].outer === group);

// The groups that were opened in a level of the page, each after those around it, and those that were shut as well.
/** @param {Level} level @param {number[]} closed */
function doors(level, closed) {
  const [opened, left] = [/** @type {number[]} */ ([]), new Set(closed)];
  const waiting = [...(level.closed ?? [])];
  const around = (group) => (group === null ? false : left.has(group) || around(data.groups[group].outer));
  while (waiting.length) {
    const group = waiting.shift();
    if (left.delete(group) || around(data.groups[group].outer)) continue;
    opened.push(group);
    waiting.push(...innerGroups(group));
  }
  return { opened, shut: [...left] };
}

// The groups that are closed after these were opened and shut.
/** @param {Level} level @param {number[]} opened @param {number[]} shut */
function closedAfter(level, opened, shut) {
  const closed = new Set(level.closed ?? []);
  for (const group of opened) {
    if (!closed.delete(group)) continue;
    for (const inner of innerGroups(group)) closed.add(inner);
  }
  return [...closed, ...shut];
}

const numbersIn = (text) => (text ? text.split(".").map(Number) : []);

// The address of a state of the page, the part from # on.
/** @param {State} state @param {Canvas} canvas @param {number} listed */
function addressOf({ level, step }, canvas, listed) {
  const parts = listed ? [`level=${listed}`] : [];
  parts.push(`step=${step}`);
  if (levels[listed] !== level) {
    const { opened, shut } = doors(levels[listed], closedIn(level));
    if (opened.length) parts.push(`open=${opened.join(".")}`);
    if (shut.length) parts.push(`shut=${shut.join(".")}`);
  }
  if (canvas.touched) {
    const { x, y, k } = canvas.centred();
    parts.push(`view=${[x, y, k].map((number) => Number(number.toPrecision(5))).join(",")}`);
  }
  return `#${parts.join("&")}`;
}

// What an address asks for, as far as the page has it.
function asked(hash) {
  const wanted = new URLSearchParams(hash.slice(1));
  const listed = levels[Number(wanted.get("level"))] ? Number(wanted.get("level")) : 0;
  const known = (group) => group in data.groups;
  const [opened, shut] = ["open", "shut"].map((name) => numbersIn(wanted.get(name)).filter(known));
  const [x, y, k] = (wanted.get("view") ?? "").split(",").map(Number);
  const view = k > 0 && Number.isFinite(x + y + k) ? { x, y, k } : null;
  const moved = closedIn(levels[listed]) && opened.length + shut.length > 0;
  const closed = moved ? closedAfter(levels[listed], opened, shut) : null;
  return { listed, closed, step: wanted.get("step"), view };
}
