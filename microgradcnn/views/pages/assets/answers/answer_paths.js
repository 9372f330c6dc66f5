// The paths from a weight to the loss, drawn under an answer: those that its mistake is about light up.
"use strict";

const MOST_BOXES = 40; // of more boxes only the lit ones are drawn

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

// Draws the paths from θ to the loss in a <figure>, with those lit that mistakes with nodes are about.
function drawPaths(figure, program, theta, mistakes) {
  const edges = pathsBetween(program, program.nodes.findIndex(({label}) => label === theta), mistakes);
  const lit = [...new Set(edges.filter(([, , bright]) => bright).flatMap(([p, n]) => [p, n]))].sort((a, b) => a - b);
  const words = (n) => program.nodes[n].label ?? (n === program.root ? "f" : program.nodes[n].words);
  const about = `The paths from ${theta} to ${words(program.root)}; marked: ${lit.map(words).join(", ")}.`;
  drawBoxes(figure, {edges, words, about});
}
