// A graph as boxes in columns with arrows between them.
"use strict";

const ROW = 36, CLOSE = 30, BETWEEN = 44, TALL = 26, NUMBER = 66; // a number beside a name is so wide

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
  return [shape("tspan", base.length === 1 ? {class: "i"} : {}, [base + accent]), ...low];
};

// Draws boxes and arrows, [from, to, lit] each, in a <figure>: what a box is called, with numbers under it or `beside`,
// a colour that fills it, and what stands at the arrows.
/** @param {any} figure @param {Boxes} boxes */
function drawBoxes(figure, {edges, words, about, under = null, beside = false, fill = null, along = null}) {
  const {columns, routes, rows} = inColumns(edges), lit = new Set(), places = new Map();
  edges.filter(([, , bright]) => bright).forEach(([p, n]) => lit.add(p).add(n));
  const kind = (bright) => (bright ? {class: "lit"} : {});
  const long = (name) => name.replace(/_(hat|bar)|_/g, "").length;
  const count = under ? under(edges[0][0]).length : 0, lines = beside ? 0 : count, more = beside ? NUMBER * count : 0;
  const least = under && !beside ? 70 : 36, top = Math.min(...rows.values());
  const lower = (n) => (under && !beside ? 14 + 6.6 * Math.max(...under(n).map((line) => line.length)) : 0);
  const wide = (item) => (typeof item === "object" ? 0
    : Math.max(least, 16 + 9 * long(words(item)), lower(item)) + more);
  const tall = TALL + 18 * lines, row = (beside ? CLOSE : ROW) + 18 * lines;
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
    const [next, past] = [route[1], route.at(-2)].map((item) => places.get(item).y);
    const out = edges.filter(([p]) => p === from).length > edges.filter(([, n]) => n === to).length; // they fan out
    const spot = out ? {x: tip - 12, y: y + (past < y ? 15 : -5), style: "text-anchor: end"} // not where the line bends
      : {x: start.x + start.across + 5, y: start.y + (next < start.y ? 15 : -5), style: "text-anchor: start"};
    return shape("g", {...kind(bright), "data-from": words(from), "data-to": words(to)},
      [shape("path", {d: way(route)}), shape("path", {class: "tip", d: `M${tip} ${y}l-8 -4v8z`}),
        ...(along ? [shape("text", {class: "along", ...spot}, [along[i]])] : [])]);
  });
  const boxes = [...places].filter(([item]) => typeof item === "number").map(([n, {x: left, across, y}]) =>
    shape("g", {...kind(lit.has(n)), "data-node": words(n)}, [
      shape("rect", {x: left, y: y - tall / 2, width: across, height: tall, rx: 4,
        ...(fill ? {style: `fill: ${fill(n)}`} : {})}),
      shape("text", {x: left + (across - more) / 2, y: y + 5 - 9 * lines}, nameIn(words(n))),
      ...(under ? under(n) : []).map((line, i) => shape("text", {class: "number", ...(beside
        ? {x: left + across - more + NUMBER * (i + 0.5), y: y + 5}
        : {x: left + across / 2, y: y + 23 - 9 * lines + 18 * i})}, [line]))]));
  figure.replaceChildren(shape("svg", {viewBox: `0 0 ${size.join(" ")}`, width: size[0], height: size[1], role: "img",
    "aria-label": about, style: `--width: ${size[0]}px; --height: ${size[1]}px`}, [...arrows, ...boxes]));
}
