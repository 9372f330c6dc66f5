// A student's formula, read and evaluated as views/answers/parser.py does, with its tables and bounds (NOTATION).
// Text is never run: only arithmetic on names can come of it. A tree is a number, {name} or [function, tree, ...].
"use strict";

const formula = (({patterns, tables, bounds: [LENGTH, DEPTH, EXPONENT, LARGEST, STEPS]}) => {
  const [NAME, SPACE, NUMBER, RAISED, SYMBOL] = patterns.map((each) => new RegExp(each, "y"));
  const [greek, fractions, spellings, same, why, closing] = tables.map((table) => new Map(Object.entries(table)));

  class FormulaError extends Error {}
  const refuse = (message) => { throw new FormulaError(message); };

  function match(regexp, text, at) {
    regexp.lastIndex = at;
    return regexp.exec(text);
  }

  function canonical({groups: {base, index}}) { // z_1 for z1, z_{1}, z₁; y_hat for ŷ; lambda for λ
    const letters = base === "ŷ" ? "y" : (greek.get(base) ?? base.match(/[A-Za-z]+/g).at(-1));
    const hat = base === "ŷ" || /\u0302$|^\\(wide)?hat/.test(base);
    const name = hat ? `${letters}_hat` : letters.replace(/^([a-z])hat$/, "$1_hat");
    const digits = index.replace(/[₀-₉]/g, (digit) => "₀₁₂₃₄₅₆₇₈₉".indexOf(digit));
    return [name, ...(digits.match(/[A-Za-z]+|[0-9]+/g) ?? [])].join("_");
  }

  // The names that a formula may use, in all their spellings; `activation` is what σ means.
  function names(labels, activation = "sigmoid") {
    const known = new Map(), tight = new Map();
    for (const label of labels) {
      const found = match(NAME, label, 0);
      if (found?.[0] !== label) continue;
      const name = canonical(found), short = name.replaceAll("_", "");
      known.set(name, label);
      tight.set(short, (tight.get(short) ?? new Set()).add(label));
    }
    function find(name) {
      if (known.has(name)) return known.get(name);
      const found = tight.get(name.replaceAll("_", "")) ?? new Set();
      if (found.size > 1) refuse(`${name} could be ${[...found].sort().join(" or ")}: write one of them`);
      const digits = /^p(_[0-9]+)+$/.test(name) && !found.size ? name.slice(1).replaceAll("_", "") : "";
      for (let i = 1; i < digits.length && digits.length <= 8; i++) { // p_b for the lecture's p_ab, pixel b of window a
        const [a, b] = [digits.slice(0, i), digits.slice(i)];
        if (known.has(`p_${a}`) && known.has(`p_${b}`) && Number(a) <= Number(b)) found.add(known.get(`p_${b}`));
      }
      return found.values().next().value;
    }
    function unknown(name) {
      const shown = name.length <= 30 ? name : `${name.slice(0, 27)}...`;
      const inner = name[0] === "d" && name.slice(1).match(/[A-Za-z]+|[0-9]+/g)?.join("_");
      if (inner && find(inner)) return `${shown} is a derivative: write it out`;
      const alike = [...known.values()].filter((label) => label[0] === name[0]).slice(0, 9).join(", ");
      return `${shown} is not known here${alike && `: did you mean ${alike}?`}`;
    }
    return {find, unknown, activation};
  }

  const shown = (text) => `'${text.slice(0, 20).replace(/[^\x20-\x7e\u00a1-\u02ff\u0370-\u03ff\u2070-\u22ff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}'`;

  function tokenize(text, known) {
    const tokens = [];
    for (let at = 0, found; at < text.length; at += found[0].length) {
      const push = (kind, piece = found[0]) => tokens.push({kind, text: piece, column: at + 1});
      if ((found = match(SPACE, text, at))) continue;
      if ((found = match(NUMBER, text, at))) push("number");
      else if ((found = match(RAISED, text, at))) {
        push("^");
        push("raised", found[0].replace(/./g, (c) => "0123456789-"["⁰¹²³⁴⁵⁶⁷⁸⁹⁻".indexOf(c)]));
      } else if ((found = match(NAME, text, at))) named(found, text, known, push, at + 1);
      else if ((found = match(SYMBOL, text, at))) push(same.get(found[0]) ?? found[0]);
      else {
        const piece = /^\\[A-Za-z]*/.exec(text.slice(at, at + 20))?.[0] ?? text[at];
        refuse(`${shown(piece)} in column ${at + 1} ${why.get(piece) ?? "has no place in a formula"}`);
      }
    }
    return tokens;
  }

  function named(found, text, known, push, column) { // one name, or several that are written together
    const name = canonical(found), end = found.index + found[0].length, label = known.find(name);
    const next = text.slice(end + (match(SPACE, text, end)?.[0].length ?? 0));
    if (spellings.has(name) && (label === undefined || /^[(']/.test(next))) return push("function", name);
    if (label !== undefined) return push("name", label);
    if (name === "pi" && !known.find("i")) return push("(", "("), push("number", name), push(")", ")"); // as in 2(3.1)
    if (name === "e" && /^(\^|\*\*)/.test(next)) return push("function", name);
    const [letters, ...index] = name.split("_");
    const labels = [...letters.slice(0, -1).slice(0, 8), [letters.at(-1), ...index].join("_")].map(known.find);
    if (letters.length > 8 || labels.includes(undefined)) refuse(`${known.unknown(name)} (column ${column})`);
    return labels.forEach((each) => push("name", each));
  }

  const negative = (tree, minus) => (minus ? ["negative", tree] : tree);
  const parts = (tree) => (Array.isArray(tree) ? [tree, ...tree.slice(1).flatMap(parts)] : [tree]);
  const starts = (kind) => ["name", "function", "\\sqrt", "\\frac"].includes(kind) || closing.has(kind);

  // The tree of the formula in `text`, by recursive descent. Throws a FormulaError, in one sentence, for anything else.
  function parse(text, known) {
    if (text.length > LENGTH) refuse(`the formula has ${text.length} characters: ${LENGTH} are the most`);
    const tokens = tokenize(text.trimEnd(), known);
    tokens.push({kind: "end", column: text.trimEnd().length + 1});
    let at = 0, depth = 0, bars = 0, steps = tokens.length;
    const is = (...kinds) => kinds.includes(tokens[at].kind);
    function take() {
      if (++steps > STEPS) refuse(`the formula takes more than ${STEPS} steps to read`);
      return tokens[at++];
    }
    function unexpected(reason = "") {
      const {kind, text: piece, column} = tokens[at];
      refuse(`${kind === "end" ? "the end" : shown(piece)} in column ${column} is not expected there${reason}`);
    }
    function expect(kind) {
      if (!is(kind)) unexpected(`: ${kind} is missing`);
      take();
    }
    function signs() {
      let minus = false;
      while (is("+", "-")) minus = minus !== (take().kind === "-");
      return minus;
    }
    function sum() {
      const minus = signs(), terms = [negative(product(), minus)];
      while (is("+", "-")) {
        const less = take().kind === "-";
        terms.push(negative(product(), less));
      }
      return terms.length === 1 ? terms[0] : ["sum", ...terms];
    }
    function product() {
      const factors = [signed()];
      for (;;) {
        if (is("*", "/")) factors.push(take().kind === "/" ? ["inverse", signed()] : signed());
        else if (starts(tokens[at].kind) || (is("|") && !bars)) factors.push(power());
        else if (is("number") && tokens[at].text === "1" && tokens[at + 1].text === "[") take(); // the 1 of 1[a > 0]
        else if (is("number")) unexpected(": write the number in front, or * before it");
        else return factors.length === 1 ? factors[0] : ["product", ...factors];
      }
    }
    function signed() {
      const minus = signs();
      return negative(power(), minus);
    }
    function power() {
      const base = atom();
      if (!is("^")) return base;
      const up = exponent(), inside = parts(up), numbers = inside.filter((x) => typeof x === "number");
      if (Math.max(...numbers) > EXPONENT || inside.some((x) => x[0] === "power" || x[0] === "exp") ||
          (numbers.length > 2 && !inside.some((x) => x.name)))
        refuse(`an exponent is a number up to ${EXPONENT}, a fraction or a name: no powers in it`);
      return ["power", base, up];
    }
    function exponent() {
      take();
      const minus = signs(), up = is("raised") ? number() : atom();
      if (is("^")) refuse(`a power of a power in column ${tokens[at].column}: put brackets`);
      return negative(up, minus);
    }
    function atom() {
      if (depth++ === DEPTH) refuse(`the formula is nested more than ${DEPTH} deep`);
      const found = inside();
      depth--;
      return found;
    }
    function inside() {
      if (is("number")) return number();
      if (is("name")) return {name: take().text};
      if (is("function")) return call();
      if (is("|")) return absolute();
      if (is("\\frac")) return take(), ["product", digit(), ["inverse", digit()]];
      if (!is("\\sqrt")) return closing.has(tokens[at].kind) ? group() : unexpected();
      take();
      return is("[") ? refuse("only square roots are known: write x^{1/3} for others") : ["sqrt", atom()];
    }
    function number() {
      const token = take(), value = fractions.get(token.text) ?? Number(token.text);
      if (Math.abs(value) > LARGEST) refuse(`the number in column ${token.column} is too large: 1e+09 is the most`);
      return negative(Math.abs(value), value < 0);
    }
    function digit() { // what \frac takes: something in braces, a name, or one digit
      const {kind, text: piece, column} = tokens[at];
      if (/^[0-9]{2,}$/.test(piece) && kind === "number")
        tokens.splice(at, 1, {kind, text: piece[0], column}, {kind, text: piece.slice(1), column: column + 1});
      return atom();
    }
    function call() {
      const token = take(), meaning = spellings.get(token.text);
      if (token.text === "e") return ["exp", exponent()];
      const name = (meaning === "sigma" ? known.activation : meaning) + (is("'") ? take().kind : "");
      if (!Object.hasOwn(FUNCTIONS, name) || !is("(", "[", "{"))
        refuse(`${token.text} in column ${token.column} is a function: write ${token.text}(...)`);
      return [name, group()];
    }
    function group() {
      const open = take().kind, outer = bars;
      bars = 0;
      let found = sum();
      if (is("<", ">", "<=", ">=")) {
        const sign = take().kind, other = sum(), sides = sign[0] === ">" ? [found, other] : [other, found];
        found = [sign.length === 2 ? "at least" : "greater", ...sides];
      }
      expect(closing.get(open));
      bars = outer;
      return open === "⌊" ? ["floor", found] : found;
    }
    function absolute() {
      take();
      bars++;
      const found = sum();
      expect("|");
      bars--;
      return ["abs", found];
    }
    const found = sum();
    return is("end") ? found : unexpected();
  }

  const sigmoid = (x) => 1 / (1 + Math.exp(-x)), step = (x) => (x > 0 ? 1 : 0);
  const FUNCTIONS = {
    sum: (a, b) => a + b, product: (a, b) => a * b, negative: (x) => -x, inverse: (x) => 1 / x, power: Math.pow,
    greater: (a, b) => (a > b ? 1 : 0), "at least": (a, b) => (a >= b ? 1 : 0), sigmoid, relu: (x) => Math.max(x, 0),
    step, "sigmoid'": (x) => sigmoid(x) * (1 - sigmoid(x)), "relu'": step, "tanh'": (x) => 1 - Math.tanh(x) ** 2,
  };
  for (const name of "abs arccos arcsin arctan cos cosh exp floor log sin sinh sqrt tan tanh".split(" "))
    FUNCTIONS[name] = Math[name.replace("arc", "a")];

  // The formula as a function of a Map from names to numbers, as IEEE arithmetic has it.
  function evaluator(tree) {
    if (typeof tree === "number") return () => tree;
    if (!Array.isArray(tree)) return (values) => values.get(tree.name);
    const apply = FUNCTIONS[tree[0]], [first, ...rest] = tree.slice(1).map(evaluator);
    if (!rest.length) return (values) => apply(first(values));
    return (values) => rest.reduce((result, each) => apply(result, each(values)), first(values));
  }

  return {FormulaError, names, parse, parts, evaluator};
})(NOTATION);
