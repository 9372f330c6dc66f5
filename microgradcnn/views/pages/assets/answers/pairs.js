// Which numbers explain others, as views/answers/edits/pairs.py finds them: two at once are met in the middle.
"use strict";

const NEAR = 1e-8; // of the size of numbers: what may be the same, to be compared at all points

function firstMatch(edits, a) { // the first that `a` is; failing that, the first of which it is a tidy multiple
  let multiple = null;
  for (const edit of edits) {
    const k = ratio(a, edit.values);
    if (k && near(k, 1)) return [edit, k];
    if (k && tidy(k)) multiple ??= [edit, k];
  }
  return multiple;
}

// The point at which numbers are largest, where the fewest others are the same by chance.
const steepest = (a) => a.reduce((best, x, i) => (Math.abs(x) > Math.abs(a[best]) ? i : best), 0);

// Rows of numbers, to be found by what they are at one point.
class SortedRows {
  constructor(rows, point) {
    Object.assign(this, {rows, point});
    this.order = rows.map((_, i) => i).sort((i, j) => rows[i][point] - rows[j][point]);
    this.sorted = this.order.map((i) => rows[i][point]);
  }

  near(wanted, size, steps) { // the places of the rows that have this number there, but for `size`
    if (!Number.isFinite(wanted) || !Number.isFinite(size)) return [];
    const first = (before) => {
      let [low, high] = [0, this.sorted.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (before(this.sorted[middle])) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    const low = first((x) => x < wanted - size), high = first((x) => x <= wanted + size);
    steps.take(Math.max(0, high - low));
    return this.order.slice(low, high).sort((i, j) => i - j);
  }
}

function twoOf(changes, wanted, steps, apart = (_i, _j) => true) { // the first two that add up, and are `apart`
  if (!finite(wanted)) return null;
  const size = 1e-9 * largest(wanted), point = steepest(wanted), rows = new SortedRows(changes, point);
  steps.take(changes.length);
  for (const [i, own] of changes.entries())
    for (const j of rows.near(wanted[point] - own[point], 2 * size, steps))
      if (i < j && wanted.every((x, p) => Math.abs(changes[i][p] + changes[j][p] - x) <= size) && apart(i, j))
        return [i, j];
  return null;
}

// The edits of one edge by how they change its local derivative, at the point where f sees most of that.
class EditsOfEdge {
  constructor(e, edits, flow) {
    Object.assign(this, {e, edits, changes: edits.map((edit) => less(edit.changed.get(e), flow.slope(e)))});
    this.point = steepest(flow.along(e, flow.program.ones));
    this.most = this.seen(flow);
    this.rows = new SortedRows(this.changes, this.point);
  }

  seen(flow) { // what f sees of a change by 1
    return flow.along(this.e, flow.program.ones)[this.point];
  }

  bringing(left, seen, size, steps) { // the edits that explain what is left, where f sees so much
    if (!(Math.abs(seen) > NEAR * Math.abs(this.most))) return [];
    return this.rows.near(left / seen, size / Math.abs(seen), steps).map((i) => this.edits[i]);
  }
}

function alongAPath(edits, singles, wanted) { // two edits of edges, or one of an edge after one of all of a kind
  for (const [one, other] of thatMayExplain(edits, singles, wanted)) {
    edits.steps.take(edits.flow.edges.length);
    const {total: found} = edits.flow.withSlopes(new Map([...one.changed, ...other.changed]));
    if (same(found, wanted)) return [one, other];
  }
  return null;
}

function* thatMayExplain(edits, singles, wanted) { // two edits that give at one point what is wanted there
  const {flow, steps} = edits, size = 2e-9 * largest(wanted);
  const alone = grouped(singles.filter(({changed}) => changed.size === 1), ({changed}) => changed.keys().next().value);
  if (alone.size > MOST.paired) return;
  const byEdge = [...alone].map(([e, own]) => new EditsOfEdge(e, own, flow));
  for (const [i, below] of byEdge.entries())
    for (const above of byEdge.slice(i + 1)) {
      const p = above.point, link = edits.sent(flow.parent(above.e)).get(nodeOf(below.e))?.[p] ?? 0;
      const both = flow.down.get(nodeOf(above.e))[p] * link * flow.up.get(flow.parent(below.e))[p];
      const seen = flow.along(below.e, flow.program.ones)[p];
      steps.take(below.changes.length);
      for (const [j, change] of below.changes.entries()) {
        const left = wanted[p] - flow.total[p] - seen * change[p];
        for (const other of above.bringing(left, above.most + both * change[p], size, steps))
          yield [below.edits[j], other];
      }
    }
  for (const edit of singles.filter(({changed}) => changed.size > 1).slice(0, MOST.paired)) {
    steps.take(2 * flow.edges.length);
    const after = flow.withSlopes(edit.changed);
    for (const own of byEdge) {
      if (edit.changed.has(own.e)) continue;
      steps.take(1);
      const left = wanted[own.point] - after.total[own.point];
      for (const other of own.bringing(left, own.seen(after), size, steps)) yield [edit, other];
    }
  }
}

function withAFactor(edits, quantities, wanted, steps) { // an edit and a factor of the whole, missing or too much
  const point = steepest(wanted), rows = new SortedRows(quantities.map(({values}) => values), point);
  for (const missing of edits.length && quantities.length ? [true, false] : []) {
    steps.take(edits.length);
    for (const edit of edits) {
      const times_ = edit.values[point] / wanted[point], needed = missing ? times_ : 1 / times_;
      for (const j of rows.near(needed, NEAR * Math.abs(needed), steps)) {
        const q = quantities[j];
        const sides = missing ? [times(wanted, q.values), edit.values] : [wanted, times(edit.values, q.values)];
        if (same(...sides)) return [edit, q, missing];
      }
    }
  }
  return null;
}
