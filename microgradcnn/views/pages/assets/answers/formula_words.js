// The words of a student's formula, with the tables of views/answers/reading/notations.py (NOTATION): names in all
// their spellings, the text cut into tokens, and what stands around a formula.
"use strict";

const formulaWords = (({patterns, tables, bounds, yielding, wrappers}) => {
  const regexp = (name, each) => new RegExp(each, name === "MEANING" ? "gd" : "y");
  const regexps = Object.entries(patterns).map(([name, each]) => [name, regexp(name, each)]);
  const {NAME, SPACE, NUMBER, DECIMAL_COMMA, RAISED, INDEXED, ENTRY, SUM, DERIVATIVE, GRADIENT, TRANSPOSED, PRIME,
    INDICATOR, SYMBOL, CASE, CHOICE, MEANING, IF, ELSE} = Object.fromEntries(regexps);
  const {GREEK, FRACTIONS, SPELLINGS, SAME, SAME_CHARACTERS, LOW, HIGH, WHY, CLOSING, ALIASES, DEFINED} =
    Object.fromEntries(Object.entries(tables).map(([name, each]) => [name, new Map(Object.entries(each))]));
  const OWN_NAME = /[\p{L}_][\p{L}\p{N}_]*/uy, closing = [...CLOSING.values()];

  class FormulaError extends Error {}
  const refuse = (message) => { throw new FormulaError(message); };
  const translated = (text, table) => text.replace(/[^]/g, (character) => table.get(character) ?? character);
  const shown = (text) => `'${text.slice(0, 20).replace(/[^\x20-\x7e\u00a1-\u02ff\u0370-\u03ff\u2070-\u22ff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}'`;

  function match(regexp, text, at) {
    regexp.lastIndex = at;
    return regexp.exec(text);
  }

  function spelled({groups: {base, index}}) { // z_1 for z1, z_{1}, z₁; y_hat for ŷ; lambda for λ
    const letters = base === "ŷ" ? "y" : (GREEK.get(base) ?? base.match(/[A-Za-z]+/g).at(-1));
    const hat = base === "ŷ" || /\u0302$|^\\(wide)?hat/.test(base);
    const name = hat ? `${letters}_hat` : letters.replace(/^([a-z])hat$/, "$1_hat");
    return [name, ...(translated(index, LOW).match(/[A-Za-z]+|[0-9]+/g) ?? [])].join("_");
  }

  function canonical(name) { // "" for what is no name
    const found = match(NAME, name.trim(), 0);
    return found?.[0] === name.trim() ? spelled(found) : "";
  }

  // The names that a formula may use, in all their spellings; `activation` is what σ means, `asked` the names above and
  // below in the derivative that an answer is for, and `place` which number of a gradient, and of how many.
  /** @param {string[]} labels @param {string[] | null} [asked] @param {number[] | null} [place] */
  function names(labels, activation = "sigmoid", asked = null, place = null) {
    const known = new Map(), tight = new Map(), places = []; // of parameters in a model: written as they are
    for (const label of labels) {
      const name = canonical(label), short = name.replaceAll("_", "");
      if (!name && /^\w+(\.\w+)+$/.test(label)) places.push(label);
      if (!name) continue;
      known.set(name, label);
      tight.set(short, (tight.get(short) ?? new Set()).add(label));
    }
    const placeAt = (text, at) => places.filter((place) => text.startsWith(place, at) &&
      !/^[\w.]/.test(text.slice(at + place.length))).sort((a, b) => b.length - a.length)[0];
    function find(name) {
      if (known.has(name)) return known.get(name);
      const found = new Set(tight.get(name.replaceAll("_", "")));
      if (found.size > 1) refuse(`${name} could be ${[...found].sort().join(" or ")}: write one of them`);
      const digits = /^p(_[0-9]+)+$/.test(name) && !found.size ? name.slice(1).replaceAll("_", "") : "";
      for (let i = 1; i < digits.length && digits.length <= 8; i++) { // p_b for the lecture's p_ab, pixel b of window a
        const [a, b] = [digits.slice(0, i), digits.slice(i)];
        if (known.has(`p_${a}`) && known.has(`p_${b}`) && Number(a) <= Number(b)) found.add(known.get(`p_${b}`));
      }
      return found.values().next().value ?? known.get(ALIASES.get(name));
    }
    function family(name, after = "") { // the labels w_1, w_2, ... by their numbers, in order
      const shape = new RegExp(`^${name}_([0-9]+)${after}$`);
      const found = [...known].map(([other, label]) => [Number(shape.exec(other)?.[1] ?? NaN), label]);
      return new Map(/** @type {[number, string][]} */ (found).filter(([i]) => i >= 0).sort(([i], [j]) => i - j));
    }
    function component() { // which number of a vector an answer is about, from 0, and of how many
      const [, base, index] = /^(.+)_([0-9]+)$/.exec(canonical(asked?.[1] ?? "")) ?? [];
      const numbers = base ? [...family(base).keys()] : [];
      return place ?? (numbers.length ? [numbers.indexOf(Number(index)), numbers.length] : null);
    }
    function unknown(name) {
      const text = name.length <= 30 ? name : `${name.slice(0, 27)}...`;
      const inner = name[0] === "d" && name.slice(1).match(/[A-Za-z]+|[0-9]+/g)?.join("_");
      if (inner && find(inner)) return `${text} is a derivative: write it out`;
      const alike = [...known.values()].filter((label) => label[0] === name[0]).slice(0, 9).join(", ");
      return `${text} is not known here${alike && `: did you mean ${alike}?`}`;
    }
    const constant = (name) => (name === "pi" && !find("i")) || (name === "e" && !find("e"));
    const also = (more) => (more.length ? names([...labels, ...more], activation, asked, place) : {...self});
    const self = {find, placeAt, family, component, unknown, constant, also, known, activation, asked, place};
    return self;
  }

  const parameters = (name) => (name === "dot" ? {inputs: ["w", "z"], static: []}
    : FUNCTIONS[name] && Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : {inputs: ["x"], static: []});
  const unary = (name) => {
    const {inputs, static: settings} = parameters(SPELLINGS.get(name) ?? name);
    return inputs.length + settings.length === 1;
  };

  // A match of DERIVATIVE as its d, ∂ or d, and the names above and below; null where it is a quotient of names.
  function derivativeIn(found, known, indices = new Set()) {
    const first = [1, 5, 9].find((place) => found[place] !== undefined) ?? 1;
    const [d, top, , bottom] = found.slice(first, first + 4);
    const sides = [top, bottom].map(canonical);
    const unknown = sides.find((name) => known.find(name) === undefined &&
      !name.split("_").some((piece) => indices.has(piece)));
    const joined = found[0].includes(`d${top}`) && found[0].includes(`d${bottom}`);
    // dz/dx is a derivative also where d is a name, which would cancel in the quotient.
    const quotient = known.find(`d${sides[0]}`) || (known.find("d") && (unknown !== undefined || !joined));
    if (d === "d" && quotient) return null;
    if (unknown !== undefined) refuse(`${known.unknown(unknown)} (column ${found.index + 1})`);
    return [d.includes("d") ? "d" : "∂", ...sides];
  }

  function endOfIndex([whole, , braces, letters, low], at, indices) { // where w_i ends; 0 if no sum runs over its index
    if (letters === undefined) {
      const inside = (braces ?? translated(low, LOW)).match(/[a-z]+/g) ?? [];
      return inside.some((piece) => [...piece].every((letter) => indices.has(letter))) ? at + whole.length : 0;
    }
    const other = [...letters].findIndex((letter) => !indices.has(letter)), length = other < 0 ? letters.length : other;
    return length ? at + whole.length - letters.length + length : 0;
  }

  function tokenize(typed, known) {
    const text = translated(typed, SAME_CHARACTERS), tokens = [], calls = [""], indices = new Set();
    let at = 0, last = {kind: "", text: ""};

    function push(kind, piece, column) {
      const token = {kind, text: piece, column};
      if (CLOSING.has(kind)) calls.push(last.kind === "function" ? last.text : kind);
      else if (closing.includes(kind) && calls.length > 1) calls.pop();
      tokens.push(last = token);
    }

    function named(found, column) { // one name, or several that are written together
      const name = spelled(found), end = found.index + found[0].length, label = known.find(name);
      const next = text.slice(end + (match(SPACE, text, end)?.[0].length ?? 0)), bracket = /^['([{⌊]/.test(next);
      if (indices.has(name)) return push("index", name, column);
      const own = Object.hasOwn(FUNCTIONS, name) && !known.known.has(name) && bracket;
      if (own || (SPELLINGS.has(name) && (label === undefined || (/^[(']/.test(next) && !yielding.includes(name)))))
        return push("function", name, column);
      if (label !== undefined) return push("name", label, column);
      if (name === "e" && /^(\^|\*\*)/.test(next)) return push("function", name, column);
      if (known.constant(name)) // in brackets, so that 2π is a product
        return push("(", "(", column), push("number", name, column), push(")", ")", column);
      if (known.family(name).size) return push("vector", name, column);
      const [letters, ...index] = name.split("_");
      const pieces = [...letters.slice(0, -1).slice(0, 8), [letters.at(-1), ...index].join("_")];
      const labels = pieces.map((piece) => (indices.has(piece) ? piece : known.find(piece)));
      if (letters.length > 8 || labels.includes(undefined)) refuse(`${known.unknown(name)} (column ${column})`);
      return labels.forEach((each, i) => push(indices.has(pieces[i]) ? "index" : "name", each, column));
    }

    function indexed(found, end, column) { // w_i as the name and its index, "w i"; what is written together before
      const [, base, braces, letters, low] = found;
      const index = (braces ?? (letters ? letters.slice(0, letters.length - found[0].length - at + end)
        : translated(low, LOW))).trim();
      const name = canonical(base), family = known.find(`${name}_1`) || known.family(name, "(_[0-9]+)*").size;
      const apart = /^[A-Za-z]+$/.test(name) && base === name && !family ? [...name] : [name];
      for (const letter of apart.slice(0, -1)) {
        const label = indices.has(letter) ? letter : known.find(letter);
        if (label === undefined || apart.length > 8) refuse(`${known.unknown(`${name}_${index}`)} (column ${column})`);
        push(indices.has(letter) ? "index" : "name", label, column);
      }
      push("indexed", `${apart.at(-1)} ${index.replace(/ *([+-]) */g, "$1").replaceAll(",", " ")}`, column);
    }

    function entry(found, column) { // w[0] as Python counts, from 0: w_1
      const name = canonical(found[1]), places = found[2].match(/[0-9]+/g).map((place) => Number(place) + 1);
      const label = known.known.get([name, ...places].join("_"));
      if (label === undefined) {
        const one = known.family(name), family = [...(one.size ? one : known.family(name, "_[0-9]+")).values()];
        refuse(`${shown(found[0])} in column ${column} is none of ${family[0]} to ${family.at(-1)}: ` +
          `Python counts from 0, and ${found[1]}[0] is ${family[0]}`);
      }
      push("name", label, column);
    }

    function compound(column) { // what begins like a name or a number, and is more
      let found = match(SUM, text, at), pieces;
      if (found && (text[at] !== "s" || found[0].includes("=") || known.find(canonical(found[0])) === undefined)) {
        const index = translated(found[1] ?? found[2] ?? found[4], LOW);
        indices.add(index);
        push("sum", [index, found[3] ?? "", found[5] ?? found[6] ?? ""].join(" "), column);
      } else if (known.asked && (found = match(DERIVATIVE, text, at)) && (pieces = derivativeIn(found, known, indices)))
        push("derivative", pieces.join(" "), column);
      else if ((found = match(ENTRY, text, at)) && canonical(found[1]) && !known.find(canonical(found[1])) &&
          (known.family(canonical(found[1])).size || known.family(canonical(found[1]), "_[0-9]+").size))
        entry(found, column);
      else if ((found = match(TRANSPOSED, text, at)) && !known.find("T")) push("transposed", found[0], column);
      else if ((found = match(PRIME, text, at))) push("'", found[0], column);
      else if ((found = match(INDICATOR, text, at))) push("indicator", found[0], column);
      return found ? at + found[0].length : 0;
    }

    function next(column) { // one piece of the text; where it ends
      const inside = calls.at(-1), plain = inside === "" || CLOSING.has(inside) || unary(inside);
      let found = inside === "{" ? match(CASE, text, at) : null, end;
      if (!found && known.find("if") === undefined) found = match(CHOICE, text, at);
      const place = known.placeAt(text, at);
      if (place) {
        push("name", place, column);
        return at + place.length;
      }
      if (found) push(found[0].replace(/^, /, ""), found[0], column);
      else if ((found = match(OWN_NAME, text, at)) && Object.hasOwn(FUNCTIONS, found[0]) && !canonical(found[0]))
        push("function", found[0], column);
      else if (indices.size && (found = match(INDEXED, text, at)) && (end = endOfIndex(found, at, indices))) {
        indexed(found, end, column);
        return end;
      } else if ((end = compound(column))) return end;
      else if ((found = (plain && match(DECIMAL_COMMA, text, at)) || match(NUMBER, text, at)))
        push("number", found[0], column);
      else if ((found = match(RAISED, text, at))) {
        push("^", found[0], column);
        push("raised", translated(found[0], HIGH), column);
      } else if ((found = match(NAME, text, at))) named(found, column);
      else if ((found = match(SYMBOL, text, at))) push(SAME.get(found[0]) ?? found[0], found[0], column);
      else if (inside && text[at] === ",") push(",", ",", column);
      else if (inside && (found = match(/==/y, text, at))) push("==", "==", column);
      else if (inside === "cases" && (found = match(ELSE, text, at))) push("else", found[0], column);
      else if (inside === "cases" && (found = match(IF, text, at))) push("if", found[0], column);
      else if (inside === "cases" && text[at] === "=") push("=", "=", column);
      else {
        const piece = /^\\[A-Za-z]*/.exec(text.slice(at, at + 20))?.[0] ?? text[at];
        refuse(`${shown(piece)} in column ${column} ${WHY.get(piece) ?? "has no place in a formula"}`);
      }
      return at + (found?.[0].length ?? 1);
    }

    while (at < text.length) at = match(SPACE, text, at) ? SPACE.lastIndex : next(at + 1);
    return tokens;
  }

  // The formula in a text without what stands around it, and what its names mean, each in its column.
  function statement(typed, known) {
    const text = unwrapped(translated(typed, SAME_CHARACTERS)), outside = [];
    let depth = 0;
    for (const character of text) {
      depth += Number("([{".includes(character)) - Number(")]}".includes(character));
      outside.push(...Array(character.length).fill(depth === 0));
    }
    const found = [...text.matchAll(MEANING)].filter(({0: {length}, index}) => outside[index + length - 1]);
    if (found.length > bounds.MEANINGS)
      refuse(`${found.length} names are given a meaning: ${bounds.MEANINGS} are the most`);
    const meanings = new Map(), plain = [[0, found[0]?.index ?? text.length]];
    found.forEach(({0: {length}, 1: typedName, index, indices}, i) => {
      const start = index + length, end = found[i + 1]?.index ?? text.length, name = canonical(typedName);
      let stop = start;
      while (stop < end && !(";\n".includes(text[stop]) && outside[stop])) stop++;
      plain.push([stop + 1, end]);
      if (meanings.has(name)) refuse(`${name} in column ${indices[1][0] + 1} has a meaning already`);
      meanings.set(name, " ".repeat(start) + text.slice(start, stop));
    });
    const formulas = plain.filter(([start, end]) => text.slice(start, end).trim());
    if (found.length && !formulas.length)
      refuse(`'=' in column ${found[0].index + found[0][0].length} ${WHY.get("=")}`);
    if (formulas.length !== 1) return {text, meanings: new Map()}; // what separates them has no place in a formula
    const [[start, end]] = formulas;
    return {text: rightSide(" ".repeat(start) + text.slice(start, end), known), meanings};
  }

  function unwrapped(typed) { // without dollars and the like, and without a final full stop
    let text = typed;
    for (const [open, close] of wrappers) {
      const [left, right] = [open, close].map((each) => text.split(each).length - 1);
      if (left && left === right && (open !== close || left % 2 === 0))
        text = text.replaceAll(open, " ".repeat(open.length)).replaceAll(close, " ".repeat(close.length));
    }
    return text.trimEnd().replace(/\.$/, "");
  }

  function rightSide(text, known) { // without a left side; refused if that is not what is asked for
    const start = match(SPACE, text, 0)?.[0].length ?? 0;
    const left = match(DERIVATIVE, text, start) ?? match(GRADIENT, text, start);
    const equals = left && match(/ *=(?!=)/y, text, start + left[0].length);
    if (!equals) return text;
    const pieces = left.slice(1).filter(Boolean), four = pieces.length === 4;
    const [above, below] = four ? [pieces[1], pieces[3]] : [pieces.at(-1), pieces.length > 1 ? pieces[0] : ""];
    if (known.asked) {
      const [f, x] = known.asked, of = known.find(canonical(above)), by = canonical(below);
      if ((of !== undefined && of !== f) ||
          (by && known.find(by) !== x && by !== canonical(x).replace(/_?[^_]*$/, "")))
        refuse(`${left[0].trim()} in column ${start + 1} is not d${f}/d${x}, which is asked for`);
    }
    const end = equals.index + equals[0].length;
    return " ".repeat(end) + text.slice(end);
  }

  return {FormulaError, refuse, shown, names, parameters, tokenize, statement, SPELLINGS, FRACTIONS, CLOSING, DEFINED};
})(NOTATION);
