// The paths from a weight to the loss, drawn under an answer: those that its mistake is about light up.
"use strict";

const MOST_BOXES = 40, ROW = 36, BETWEEN = 44, TALL = 26; // of more boxes only the lit ones are drawn

// The edges [from, to] of all paths, and which of them a mistake is about: those of the paths through most of its
// nodes, or of those that go from the first of two to the second at once. Where none is on a path from θ, as for a
// factor beside it, the paths start at them.
function pathsThrough({nodes, root}, theta, [first, second = first], direct) {
  const at = new Set([...first, ...second]);
  const worth = direct ? (p, n) => Number(first.has(p) && second.has(n)) : (p, n) => Number(at.has(n));
  const counted = (sources) => {
    const up = nodes.map((_, n) => (sources.includes(n) ? Number(!direct && at.has(n)) : -Infinity));
    nodes.forEach(({parents}, n) => parents.forEach((p) => (up[n] = Math.max(up[n], up[p] + worth(p, n)))));
    return up;
  };
  const down = nodes.map((_, n) => (n === root ? 0 : -Infinity)), own = counted([theta]);
  for (let n = root; n >= 0; n--)
    for (const p of nodes[n].parents) down[p] = Math.max(down[p], worth(p, n) + down[n]);
  const up = own[root] ? own : counted([...at]);
  const edges = nodes.flatMap(({parents}, n) => [...new Set(parents)].map((p) => [p, n]));
  const lit = edges.filter(([p, n]) => up[root] > 0 && up[p] + worth(p, n) + down[n] === up[root]);
  return {all: [...edges.filter(([p, n]) => own[p] + down[n] > -Infinity), ...lit], lit};
}

// The same between boxes, the nodes that have a name or are meant: [from, to, lit] each.
function pathsBetween(program, theta, mistakes) {
  const key = ([p, n]) => p * program.nodes.length + n, all = new Set(), lit = new Set(), named = new Set();
  const called = (words) => new Set(program.nodes.flatMap((node, n) => (node.words === words ? [n] : [])));
  for (const {nodes, direct} of mistakes) {
    const places = nodes.map(called), every = new Set(places.flatMap((some) => [...some]));
    const found = pathsThrough(program, theta, direct ? places : [every], direct);
    found.all.forEach((e) => all.add(key(e)));
    found.lit.forEach((e) => lit.add(key(e)));
    every.forEach((n) => named.add(n));
  }
  const found = new Map(), sources = []; // of every node the boxes before it, with whether all on the way is lit
  program.nodes.forEach(({label, parents}, n) => {
    sources[n] = new Map();
    for (const p of parents.filter((p) => all.has(key([p, n]))))
      for (const [box, bright] of sources[p])
        sources[n].set(box, (bright && lit.has(key([p, n]))) || Boolean(sources[n].get(box)));
    if (label === null && !named.has(n) && n !== program.root) return;
    for (const [box, bright] of sources[n]) found.set(key([box, n]), [box, n, bright]);
    sources[n] = new Map([[n, true]]);
  });
  const bright = [...found.values()].filter(([, , each]) => each);
  const boxes = new Set([...found.values()].flatMap(([p, n]) => [p, n]));
  return boxes.size > MOST_BOXES && bright.length ? bright : [...found.values()];
}

// Where boxes stand in columns, and the ways of the edges: a box is a number, a bend in a column between an object.
function inColumns(edges) {
  const order = [...new Set(edges.flatMap(([p, n]) => [p, n]))].sort((a, b) => a - b), column = new Map();
  const last = (numbers) => Math.max(-1, ...numbers);
  for (const n of order) column.set(n, 1 + last(edges.filter(([, to]) => to === n).map(([p]) => column.get(p))));
  for (const n of order.filter((box) => !edges.some(([, to]) => to === box)))
    column.set(n, Math.min(...edges.filter(([p]) => p === n).map(([, to]) => column.get(to))) - 1);
  /** @type {(number | {})[][]} */ const columns = Array.from({length: 1 + last(column.values())}, () => []);
  const before = new Map(), rows = new Map();
  for (const n of order) columns[column.get(n)].push(n);
  const routes = edges.map(([p, n]) => {
    const bends = columns.slice(column.get(p) + 1, column.get(n)).map((items) => items[items.push({}) - 1]);
    const route = [p, ...bends, n];
    route.slice(1).forEach((item, i) => before.set(item, [...(before.get(item) ?? []), route[i]]));
    return route;
  });
  for (const items of columns) { // beside what comes before
    const middle = (item) => before.has(item)
      ? before.get(item).reduce((sum, other) => sum + rows.get(other), 0) / before.get(item).length : 0;
    items.sort((a, b) => middle(a) - middle(b)).forEach((item, i) => rows.set(item, i - (items.length - 1) / 2));
  }
  return {columns, routes, rows};
}

const nameIn = (words) => { // a name as text of an <svg>, a formula as it is
  if (!/^[A-Za-z]+(_[A-Za-z0-9]+)*$/.test(words)) return [words];
  const {letter: base, accent, index} = spelt(words);
  const low = index ? [shape("tspan", {class: "s", dy: 4}, [index])] : [];
  return [shape("tspan", {class: "i"}, [base + accent]), ...low];
};

// Draws the paths from θ to the loss in a <figure>, with those lit that mistakes with nodes are about.
function drawPaths(figure, program, theta, mistakes) {
  const edges = pathsBetween(program, program.nodes.findIndex(({label}) => label === theta), mistakes);
  const lit = [...new Set(edges.filter(([, , bright]) => bright).flatMap(([p, n]) => [p, n]))].sort((a, b) => a - b);
  const words = (n) => program.nodes[n].label ?? (n === program.root ? "f" : program.nodes[n].words);
  const about = `The paths from ${theta} to ${words(program.root)}; marked: ${lit.map(words).join(", ")}.`;
  drawBoxes(figure, {edges, words, about});
}

// Draws boxes and arrows, [from, to, lit] each, in a <figure>: what a box is called, with lines of numbers under it, a
// colour that fills it, and what stands at the arrows.
/** @param {any} figure @param {Boxes} boxes */
function drawBoxes(figure, {edges, words, about, under = null, fill = null, along = null}) {
  const {columns, routes, rows} = inColumns(edges), lit = new Set(), places = new Map();
  edges.filter(([, , bright]) => bright).forEach(([p, n]) => lit.add(p).add(n));
  const kind = (bright) => (bright ? {class: "lit"} : {});
  const long = (name) => name.replace(/_(hat|bar)|_/g, "").length;
  const least = under ? 70 : 36;
  const wide = (item) => (typeof item === "object" ? 0 : Math.max(least, 16 + 9 * long(words(item))));
  const top = Math.min(...rows.values()), lines = under ? under(edges[0][0]).length : 0;
  const tall = TALL + 18 * lines, row = ROW + 18 * lines;
  const between = along ? BETWEEN + 50 : BETWEEN;
  let x = 4;
  for (const items of columns) {
    const across = Math.max(...items.map(wide));
    for (const item of items) places.set(item, {x, across, y: 4 + tall / 2 + row * (rows.get(item) - top)});
    x += across + between;
  }
  const size = [x - between + 4, Math.max(...[...places.values()].map(({y}) => y)) + tall / 2 + 4];
  const way = (route) => route.map((item, i) => {
    const {x: left, across, y} = places.get(item), right = left + across, past = places.get(route[i - 1]);
    if (!i) return `M${right} ${y}`;
    const from = past.x + past.across, to = i < route.length - 1 ? left : left - 6, bend = (from + to) / 2;
    return `C${bend} ${past.y} ${bend} ${y} ${to} ${y}${i < route.length - 1 ? `H${right}` : ""}`;
  }).join("");
  const arrows = routes.map((route, i) => {
    const [from, to, bright] = edges[i], {x: tip, y} = places.get(to), start = places.get(from);
    const out = edges.filter(([p]) => p === from).length > edges.filter(([, n]) => n === to).length; // they fan out
    const spot = out ? {x: tip - 12, y: y - 5, style: "text-anchor: end"}
      : {x: start.x + start.across + 5, y: start.y - 5, style: "text-anchor: start"};
    const label = along ? [shape("text", {class: "along", ...spot}, [along[i]])] : [];
    return shape("g", {...kind(bright), "data-from": words(from), "data-to": words(to)},
      [shape("path", {d: way(route)}), shape("path", {class: "tip", d: `M${tip} ${y}l-8 -4v8z`}), ...label]);
  });
  const boxes = [...places].filter(([item]) => typeof item === "number").map(([n, {x: left, across, y}]) =>
    shape("g", {...kind(lit.has(n)), "data-node": words(n)}, [
      shape("rect", {x: left, y: y - tall / 2, width: across, height: tall, rx: 4,
        ...(fill ? {style: `fill: ${fill(n)}`} : {})}),
      shape("text", {x: left + across / 2, y: y + 5 - 9 * lines}, nameIn(words(n))),
      ...(under ? under(n) : []).map((line, i) =>
        shape("text", {class: "number", x: left + across / 2, y: y + 23 - 9 * lines + 18 * i}, [line]))]));
  figure.replaceChildren(shape("svg", {viewBox: `0 0 ${size.join(" ")}`, width: size[0], height: size[1], role: "img",
    "aria-label": about, style: `--width: ${size[0]}px`}, [...arrows, ...boxes]));
}
