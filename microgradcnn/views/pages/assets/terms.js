// The gradient as a sum over a family of nodes, and pairs of edits, as views/answers/edits/paths.py and pairs.py do it.
"use strict";

const FEW = 4, MOST_BY_EDGE = 60; // points at which all pairs are tried, and edges for which they are

// The numbers by which the columns add up to the target at all points, tidied up; null if there are none.
function solved(columns, target) {
  if (2 * columns.length > target.length || ![...columns, target].every(finite)) return null;
  const directions = [], above = [], wanted = [], k = columns.map(() => 0);
  for (const column of columns) {
    let rest = column;
    const own = directions.map((direction) => {
      const part = dot(rest, direction);
      rest = less(rest, scale(part, direction));
      return part;
    });
    const size = Math.sqrt(dot(rest, rest)), kept = size > 1e-9 * Math.sqrt(dot(column, column));
    directions.push(kept ? rest.map((x) => x / size) : scale(0, rest));
    above.push([...own, kept ? size : 0]);
  }
  let rest = target;
  for (const direction of directions) {
    wanted.push(dot(rest, direction));
    rest = less(rest, scale(wanted.at(-1), direction));
  }
  for (let i = columns.length - 1; i >= 0; i--) {
    if (!above[i][i]) continue;
    let found = wanted[i];
    for (let j = i + 1; j < columns.length; j++) found -= above[j][i] * k[j];
    k[i] = found / above[i][i];
  }
  const neat = k.map(nice), sum = total(columns.map((column, i) => scale(neat[i], column)), scale(0, target));
  return same(sum, target, 1e-7) ? neat : null;
}

class Terms {
  constructor(evidence, flow) {
    Object.assign(this, {evidence, flow, program: flow.program, nodes: flow.program.nodes});
    const families = new Map();
    this.nodes.slice(0, this.program.root).forEach(({name, label}, n) => {
      if (!name || !evidence.names.has(label) || label === "y_hat") return;
      families.set(letter(label), [...(families.get(letter(label)) ?? []), n]);
    });
    const keys = [...families.keys()];
    this.families = [...keys.filter((key) => key === "z"), ...keys.filter((key) => key !== "z")]
      .map((key) => families.get(key)).filter((zs) => zs.length <= MOST_CUT);
    this.own = [];
    for (const zs of this.families) {
      const found = this.over(zs, flow), sum = total(found.map((path) => path.total), scale(0, flow.total));
      if (found.length && same(sum, flow.total)) {
        this.own = found;
        break;
      }
    }
  }

  over(zs, flow) {
    const found = this.through(zs, flow);
    return found.length ? found : this.beside(zs, flow);
  }

  through(zs, flow) { // df/dz · dz/dθ for every z that depends on θ
    return zs.filter((z) => flow.up[z]?.some(Boolean)).map((z) => ({
      z: this.nodes[z].label, total: flow.through(z),
      inner: flow.edges.find((e) => nodeOf(e) === z && isInner(this.program, e)),
    }));
  }

  beside(zs, flow) { // df/dθ where dŷ/dθ is a sum over the z's
    const terms = zs.map(() => scale(0, flow.total));
    for (const e of flow.edges) {
      if (flow.parent(e) !== flow.theta) continue;
      const {name, parents} = this.nodes[nodeOf(e)], others = parents.filter((p) => p !== flow.theta);
      if (name !== "mul" || others.length !== 1) return [];
      const sent = this.program.sent(others[0]), down = flow.down[nodeOf(e)];
      zs.forEach((z, i) => {
        if (down && sent[z]) terms[i] = plus(terms[i], times(times(down, sent[z]), this.program.values[z]));
      });
    }
    if (!same(total(terms, scale(0, flow.total)), flow.total)) return [];
    return zs.map((z, i) => ({z: this.nodes[z].label, total: terms[i]})).filter((path) => path.total.some(Boolean));
  }

  solved(columns, a) {
    return this.own.length ? solved(columns, less(a, this.evidence.regularisation)) : null;
  }

  mistake(a) { // paths that are missing, counted twice or weighed wrongly
    const k = this.solved(this.own.map((path) => path.total), a);
    return k?.some(Boolean) ? this.ofCoefficients(k) : [];
  }

  ofCoefficients(k) {
    const counts = new Map();
    for (const x of k.filter(Boolean)) counts.set(x, (counts.get(x) ?? 0) + 1);
    const usual = k.includes(1) ? 1 : [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
    const groups = new Map();
    k.forEach((x, i) => groups.set(nice(x / usual), [...(groups.get(nice(x / usual)) ?? []), this.own[i].z]));
    const found = [...groups].filter(([x]) => x !== 1).map(([x, zs]) => weighed(throughWords(zs), x, zs));
    return [...found, ...scaled(usual, found.length ? "" : this.evidence.name)];
  }

  extra(a) { // terms that belong to a sibling of θ: too much, or in the place of θ's own
    const {own, nodes, flow, evidence} = this, theta = nodes[flow.theta].label;
    for (const [n, {name, label}] of own.length ? nodes.entries() : []) {
      if (name || n === flow.theta || !evidence.names.has(label) || letter(label) !== letter(theta)) continue;
      const sibling = new Flow(this.program, n, flow.closed);
      const theirs = this.families.map((zs) => this.over(zs, sibling)).find((found) => found.length) ?? [];
      const k = theirs.length ? this.solved([...own, ...theirs].map((path) => path.total), a) : null;
      if (!k) continue;
      const right = k.slice(0, own.length), lost = own.filter((_, i) => right[i] === 0).map(({z}) => z);
      const more = theirs.filter((_, i) => k[own.length + i] !== 0).map(({z}) => z);
      if (more.length && right.every((x) => x === 1))
        return [{kind: "extra path", factor: null, names: more, clause:
          `${throughWords(more)} ${more.length > 1 ? "are" : "is"} too much: that is how ${label} acts`}];
      if (more.length && String(more) === String(lost))
        return [{kind: "index", factor: null, names: [label, theta], clause:
          `the term of ${listed(more)} is that of df/d${label}, not of ${evidence.name}`}];
    }
    return [];
  }

  innerMistake(a) { // something else in place of the inner derivative, in some of the terms or in all
    const {own, flow, program} = this, inner = own.map((path) => path.inner), count = own.length;
    if (inner.includes(undefined)) return [];
    const rows = EDITS.instead.map(([kind, wrong, text]) =>
      [kind, wrong, () => inner.map((e) => flow.along(e, instead(program, e, text)))]);
    rows.push([...EDITS.last, () => inner.map((e) => times(flow.down[nodeOf(e)], flow.slope(e)))]);
    for (const [kind, wrong, terms] of rows) {
      const k = this.solved([...own.map((path) => path.total), ...terms()], a);
      if (!k?.some(Boolean)) continue;
      const wrongly = k.slice(count), usual = k.find(Boolean);
      if (!wrongly.some(Boolean) || !wrongly.every((x, i) => k[i] + x === usual && k[i] * x === 0)) continue;
      const edges = inner.filter((_, i) => wrongly[i] !== 0);
      const words = {...innerWords(program, edges), theta: this.nodes[flow.theta].words};
      const zs = edges.map((e) => this.nodes[nodeOf(e)].label);
      return [{kind, clause: fill(wrong, words), factor: null, names: zs, nodes: zs}, ...scaled(usual)];
    }
    return [];
  }
}

const throughWords = (zs) => `the ${zs.length > 1 ? "paths" : "path"} through ${listed(zs)}`;

function weighed(through, x, zs) { // what to say of paths that stand x times where they belong once
  const [be, have] = zs.length > 1 ? ["are", "have"] : ["is", "has"];
  const known = {0: ["missing path", `${be} missing`], 2: ["extra path", `${be} counted twice`],
    "-1": ["sign", `${have} the wrong sign`]};
  const [kind, words] = known[x] ?? ["factor", `${be} ${inWords(x)} times what it should be`];
  return {kind, clause: `${through} ${words}`, factor: x === 0 || x === 2 ? null : x, names: zs, nodes: zs};
}

function firstMatch(edits, a) { // the first of which `a` is a tidy multiple
  for (const edit of edits) {
    const k = nearest(a, edit.values);
    if (!k || Math.abs(a[0] - k * edit.values[0]) > 1e-6 * largest(a)) continue;
    const size = 1e-12 * largest(a);
    if (tidy(k) && a.every((x, i) => Math.abs(x - k * edit.values[i]) <=
        1e-9 * Math.max(Math.abs(x), Math.abs(k * edit.values[i])) + size)) return [edit, k];
  }
  return null;
}

function twoOf(changes, wanted) { // the places of the first two that add up to what is wanted
  if (!finite(wanted)) return null;
  const size = 1e-9 * largest(wanted);
  for (let i = 0; i < changes.length; i++)
    for (let j = i + 1; j < changes.length; j++)
      if (Math.abs(wanted[0] - changes[i][0] - changes[j][0]) <= size &&
          wanted.every((x, p) => Math.abs(changes[i][p] + changes[j][p] - x) <= size)) return [i, j];
  return null;
}

function alongAPath(edits, flow, wanted) { // two edits of edges, or one of an edge after one of all of a kind
  const size = 1e-9 * largest(wanted), byEdge = new Map(), few = [...Array(FEW).keys()];
  const fits = (values) => few.every((p) => Math.abs(values(p) - wanted[p]) <= size);
  for (const edit of edits)
    if (edit.changed.size === 1) {
      const [e] = edit.changed.keys();
      byEdge.set(e, [...(byEdge.get(e) ?? []), {edit, change: less(edit.changed.get(e), flow.slope(e))}]);
    }
  if (byEdge.size > MOST_BY_EDGE) return null;
  const links = new Map(flow.on.map((n) => [n, flow.sent(n)]));
  const edges = [...byEdge.keys()];
  for (const each of byEdge.values())
    for (const own of each) own.alone = flow.along(own.edit.changed.keys().next().value, own.change);
  for (const [i, one] of edges.entries())
    for (const other of edges.slice(i + 1)) {
      const [below, above] = [flow.up[flow.parent(one)], flow.down[nodeOf(other)]];
      const link = links.get(flow.parent(other))[nodeOf(one)];
      const through = few.map((p) => (link ? above[p] * link[p] * below[p] : 0));
      for (const a of byEdge.get(one))
        for (const b of byEdge.get(other))
          if (fits((p) => flow.total[p] + a.alone[p] + b.alone[p] + through[p] * a.change[p] * b.change[p]) &&
              same(flow.withSlopes(new Map([...a.edit.changed, ...b.edit.changed])).total, wanted))
            return [a.edit, b.edit];
    }
  for (const edit of edits.filter(({changed}) => changed.size > 1).slice(0, MOST_BY_EDGE)) {
    const after = flow.withSlopes(edit.changed);
    for (const [e, each] of byEdge)
      if (!edit.changed.has(e))
        for (const own of each) {
          const effect = after.along(e, own.change);
          if (fits((p) => after.total[p] + effect[p]) && same(after.withSlopes(own.edit.changed).total, wanted))
            return [edit, own.edit];
        }
  }
  return null;
}

function withAFactor(edits, quantities, wanted) { // an edit and a factor of the whole that is missing, or too much
  const few = [...Array(FEW).keys()];
  for (const missing of [true, false])
    for (const edit of edits)
      for (const q of quantities) {
        const [a, b] = missing ? [(p) => wanted[p] * q.values[p], (p) => edit.values[p]]
          : [(p) => wanted[p], (p) => edit.values[p] * q.values[p]];
        if (few.every((p) => Math.abs(a(p) - b(p)) <= 1e-8 * Math.abs(b(p))) &&
            same(wanted.map((_, p) => a(p)), wanted.map((_, p) => b(p)))) return [edit, q, missing];
      }
  return null;
}
