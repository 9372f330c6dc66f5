// The gradient as a sum over a family of nodes, as views/answers/edits/paths.py takes it apart.
"use strict";

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
  constructor(evidence, steps) {
    const {flow} = evidence, {program} = flow, {nodes} = program;
    Object.assign(this, {evidence, flow, program, nodes, steps});
    const labelled = nodes.slice(0, program.root).flatMap(({name, label}, n) =>
      (name && evidence.names.has(label) && label !== "y_hat" ? [n] : []));
    const families = [...grouped(labelled, (n) => letter(nodes[n].label))].filter(([, zs]) => zs.length <= MOST.cut);
    this.families = families.sort(([a], [b]) => Number(b === "z") - Number(a === "z")).map(([, zs]) => zs);
    const adds = (found) => found.length && same(total(found.map((path) => path.total), flow.nothing), flow.total);
    this.own = [];
    for (const zs of this.families) {
      const found = this.over(zs, flow);
      if (!adds(found)) continue;
      this.own = found;
      break;
    }
  }

  over(zs, flow) {
    const found = this.through(zs, flow);
    return found.length ? found : this.beside(zs, flow);
  }

  through(zs, flow) { // df/dz · dz/dθ for every z that depends on θ
    return zs.filter((z) => flow.up.get(z)?.some(Boolean)).map((z) => ({
      z: this.nodes[z].label, total: flow.through(z),
      inner: flow.edges.find((e) => nodeOf(e) === z && isInner(this.program, e)),
    }));
  }

  beside(zs, flow) { // df/dθ where dŷ/dθ is a sum over the z's
    const terms = zs.map(() => flow.nothing);
    for (const e of flow.edges) {
      if (flow.parent(e) !== flow.theta) continue;
      const {name, parents} = this.nodes[nodeOf(e)], others = parents.filter((p) => p !== flow.theta);
      if (name !== "mul" || others.length !== 1) return [];
      const sent = this.program.sent(others[0]), down = flow.down.get(nodeOf(e));
      zs.forEach((z, i) => {
        if (sent[z]) terms[i] = plus(terms[i], times(times(down, sent[z]), this.program.values[z]));
      });
    }
    if (!same(total(terms, flow.nothing), flow.total)) return [];
    return zs.map((z, i) => ({z: this.nodes[z].label, total: terms[i]})).filter((path) => path.total.some(Boolean));
  }

  solved(columns, a) {
    if (!this.own.length || 2 * columns.length > a.length) return null;
    this.steps.take(columns.length ** 2);
    return solved(columns, less(a, this.evidence.regularisation));
  }

  mistake(a) { // paths that are missing, counted twice or weighed wrongly
    const k = this.solved(this.own.map((path) => path.total), a);
    return k?.some(Boolean) ? this.ofCoefficients(k) : [];
  }

  ofCoefficients(k) {
    const counts = [...grouped(k.filter(Boolean), (x) => x)].map(([x, same]) => [x, same.length]);
    const usual = k.includes(1) ? 1 : counts.reduce((best, each) => (each[1] > best[1] ? each : best))[0];
    const groups = grouped(this.own.map(({z}, i) => [nice(k[i] / usual), z]), ([x]) => x);
    const found = [...groups].filter(([x]) => x !== 1).map(([x, each]) => weighed(each.map(([, z]) => z), x));
    return [...found, ...scaled(usual, found.length ? "" : this.evidence.name)];
  }

  extra(a) { // terms that belong to a sibling of θ: too much, or in the place of θ's own
    const {own, nodes, flow, evidence} = this, theta = nodes[flow.theta].label;
    for (const [n, {name, label}] of own.length ? nodes.entries() : []) {
      if (name || n === flow.theta || !evidence.names.has(label) || letter(label) !== letter(theta)) continue;
      this.steps.take(this.program.root + 1);
      const sibling = new Flow(this.program, n, flow.closed);
      const theirs = this.families.map((zs) => this.over(zs, sibling)).find((found) => found.length) ?? [];
      const k = theirs.length ? this.solved([...own, ...theirs].map((path) => path.total), a) : null;
      if (!k) continue;
      const right = k.slice(0, own.length), lost = own.filter((_, i) => right[i] === 0).map(({z}) => z);
      const more = theirs.filter((_, i) => k[own.length + i] !== 0).map(({z}) => z);
      if (more.length && right.every((x) => x === 1))
        return [said("paths of another", more, {...throughWords(more), q: label})];
      if (more.length && String(more) === String(lost))
        return [said("term of another", [label, theta], {zs: listed(more), q: label, df: evidence.name})];
    }
    return [];
  }

  innerMistake(a) { // something else in place of the inner derivative, in some of the terms or in all
    const {own, flow, program} = this, inner = own.map((path) => path.inner), count = own.length;
    if (!count || inner.includes(undefined)) return [];
    /** @type {[string, string, () => Numbers[]][]} */
    const rows = EDITS.instead.map(([kind, wrong, text]) =>
      [kind, wrong, () => inner.map((e) => flow.along(e, instead(program, e, text)))]);
    rows.push([...EDITS.said.last, () => inner.map((e) => times(flow.down.get(nodeOf(e)), flow.slope(e)))]);
    for (const [kind, wrong, terms] of rows) {
      const k = this.solved([...own.map((path) => path.total), ...terms()], a);
      if (!k?.some(Boolean)) continue;
      const wrongly = k.slice(count), usual = k.find(Boolean);
      if (!wrongly.some(Boolean) || !wrongly.every((x, i) => k[i] + x === usual && k[i] * x === 0)) continue;
      const edges = inner.filter((_, i) => wrongly[i] !== 0);
      const words = {...innerWords(program, edges), theta: this.nodes[flow.theta].words};
      const zs = edges.map((e) => this.nodes[nodeOf(e)].label);
      return [told(kind, wrong, zs, words, zs), ...scaled(usual)];
    }
    return [];
  }
}

function throughWords(zs) { // the path through z_1, or the paths through z_1 and z_2, with their verbs
  const [paths, are, have] = zs.length > 1 ? ["paths", "are", "have"] : ["path", "is", "has"];
  return {through: `the ${paths} through ${listed(zs)}`, are, have};
}

function weighed(zs, x) { // what to say of paths that stand x times where they belong once
  const how = {0: "missing", 2: "twice", "-1": "minus"}[x] ?? "times";
  const words = {...throughWords(zs), k: inWords(x)};
  return told(...EDITS.said[`paths ${how}`], zs, words, zs, x === 0 || x === 2 ? null : x);
}
