// A student's formula, read and evaluated as views/answers/parser.py does, with its bounds. Text is never run: only
// arithmetic on names can come of it. A tree is a number, {name}, {vector: [tree, ...]} or [function, tree, ...].
"use strict";

const formula = (({bounds: {LENGTH, DEPTH, EXPONENT, LARGEST, STEPS, TERMS}, dots}) => {
  const {FormulaError, refuse, shown, names, parameters, tokenize, statement, SPELLINGS, FRACTIONS, CLOSING, DEFINED} =
    formulaWords;
  const STARTS = new Set(["name", "index", "indexed", "vector", "function", "sum", "derivative", "indicator",
    "\\sqrt", "\\frac", ...CLOSING.keys()]);
  const BARS = ["|", "‖"], ALONE = ["name", "number", "index", "indexed", "vector", "derivative"];
  const COMPARED = new Set(["greater", "at least", "equal", "differs"]);

  const parts = (tree) => (Array.isArray(tree) ? [tree, ...tree.slice(1).flatMap(parts)] : [tree]);
  const each = (apply, x) => (x.vector ? {...x, vector: x.vector.map(apply)} : apply(x));
  const negative = (x, minus) => (minus ? each((part) => ["negative", part], x) : x);

  function number(x) { // a number, and no vector
    if (!x.vector) return x;
    const {kind, text, column} = x.token;
    return refuse(kind === "," ? `',' in column ${column} has no place here: decimals take a point`
      : `${text} in column ${column} is a vector of ${x.vector.length}, where one number belongs`);
  }

  function sameLength(a, b) {
    if (a.vector.length !== b.vector.length)
      refuse(`the vector in column ${b.token.column} has ${b.vector.length} numbers, and the one in column ` +
        `${a.token.column} has ${a.vector.length}`);
  }

  const several = (head, terms) => (terms.length === 1 ? terms[0] : [head, ...terms]);

  function added(a, b) {
    if (!a.vector || !b.vector) return [...(a[0] === "sum" ? a : ["sum", number(a)]), number(b)];
    sameLength(a, b);
    return {...a, vector: a.vector.map((x, i) => ["sum", x, b.vector[i]])};
  }

  function multiplied(a, b, {text, column}) {
    if (!a.vector && !b.vector) {
      if (text === "@") refuse(`'@' in column ${column} has no place here: it is for vectors`);
      return [...(a[0] === "product" ? a : ["product", a]), b]; // from left to right in either case
    }
    if (!a.vector) return each((x) => ["product", a, x], b);
    if (!b.vector) return each((x) => ["product", x, b], a);
    if (b.row || !(a.row || dots.includes(text)))
      refuse(`two vectors meet in column ${column}: write w·z or w^T z for their scalar product`);
    return dot(a, b);
  }

  function dot(a, b) {
    if (!a.vector || !b.vector) refuse("dot is called as dot(w, z), with two vectors such as w for w_1, w_2, ...");
    sameLength(a, b);
    return several("sum", a.vector.map((x, i) => ["product", x, b.vector[i]]));
  }

  function divided(a, b) {
    const below = ["inverse", number(b)];
    return each((x) => [...(x[0] === "product" ? x : ["product", x]), below], a);
  }

  // The tree of the formula in a text, and how exactly decimals were typed: `digits` of the shortest that has three.
  // Throws a FormulaError, in one sentence, for what is none.
  function read(text, known) {
    const state = {steps: 0, depth: 0, digits: [], met: new Map()};
    checkLength(text);
    const stated = statement(text, known), found = term(stated.text, known, stated.meanings, state);
    for (const name of stated.meanings.keys())
      if (!state.met.has(name) && known.find(name) === undefined)
        refuse(`${name} is given a meaning, and is not in the formula`);
    const digits = state.digits.filter((n) => n > 2);
    return {tree: component(found, known), digits: digits.length ? Math.min(...digits) : 0};
  }

  const parse = (text, known) => read(text, known).tree;

  function checkLength(text) {
    if (text.length > LENGTH) refuse(`the formula has ${text.length} characters: ${LENGTH} are the most`);
  }

  function component(found, known) { // of a vector the number that is asked for
    if (!found.vector && known.place)
      refuse(`the answer is one number, and the gradient is a vector of ${known.place[1]}`);
    const asked = known.component();
    if (!found.vector || !asked) return number(found);
    if (found.vector.length !== asked[1])
      refuse(`the answer is a vector of ${found.vector.length}, and the gradient is one of ${asked[1]}`);
    return found.vector[asked[0]];
  }

  // The term that a text stands for; `meanings` are the texts that explain names, `state` is shared by all of them.
  function term(text, known, meanings, state) {
    checkLength(text);
    const tokens = tokenize(text.trimEnd(), known.also([...meanings.keys()])), places = new Map(), reaches = new Map();
    let at = 0, bars = ""; // the bars that are open
    tokens.forEach(step);
    tokens.push({kind: "end", text: "the end", column: text.trimEnd().length + 1});

    function step() {
      if (++state.steps > STEPS) refuse(`the formula takes more than ${STEPS} steps to read`);
    }
    const is = (...kinds) => kinds.includes(tokens[at].kind), starts = () => STARTS.has(tokens[at].kind);
    function take() {
      step();
      return tokens[at++];
    }
    function unexpected(reason = "") {
      const {kind, text: piece, column} = tokens[at];
      return refuse(`${kind === "end" ? piece : shown(piece)} in column ${column} is not expected there${reason}`);
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
      const minus = signs();
      let total = negative(product(), minus);
      while (is("+", "-")) {
        const less = take().kind === "-";
        total = counted(added(total, negative(product(), less)));
      }
      return total;
    }
    function product() {
      let total = signed();
      for (;;) {
        const token = tokens[at];
        if (is("*")) take(), total = counted(multiplied(total, signed(), token));
        else if (is("/")) take(), total = counted(divided(total, signed()));
        else if (starts() || (is(...BARS) && !bars.includes(token.kind)))
          total = counted(multiplied(total, power(), token));
        else if (is("number") && token.text === "1" && tokens[at + 1].text === "[") take(); // the 1 of 1[a > 0]
        else if (is("number")) unexpected(": write the number in front, or * before it");
        else return total;
      }
    }
    function counted(x) { // every number of a vector is a step
      x.vector?.forEach(step);
      return x;
    }
    function signed() {
      const minus = signs();
      return negative(power(), minus);
    }
    function power() {
      let base = atom();
      while (is("transposed")) {
        if (!base.vector) unexpected(": it is for vectors");
        take();
        base = {...base, row: !base.row};
      }
      return is("^") ? raised(number(base), exponent()) : base;
    }
    function raised(base, up) {
      const inside = parts(up), numbers = inside.filter((x) => typeof x === "number");
      if (Math.max(...numbers) > EXPONENT || inside.some((x) => x[0] === "power" || x[0] === "exp") ||
          (numbers.length > 2 && !inside.some((x) => x.name)))
        refuse(`an exponent is a number up to ${EXPONENT}, a fraction or a name: no powers in it`);
      return ["power", base, up];
    }
    function exponent() {
      take();
      const minus = signs(), tower = is("function") && tokens[at].text === "e";
      const up = number(is("raised") ? literal() : atom());
      if (is("^") || tower) refuse(`a power of a power in column ${tokens[at].column}: put brackets`);
      return negative(up, minus);
    }
    function atom() {
      if (state.depth++ === DEPTH) refuse(`the formula is nested more than ${DEPTH} deep`);
      const found = inside();
      state.depth--;
      return found;
    }
    function inside() {
      if (is("cases")) return cases();
      if (CLOSING.has(tokens[at].kind)) return group();
      if (is("function")) return call();
      if (is("sum")) return total();
      if (is("indicator")) return indicator();
      if (is("\\frac")) return take(), divided(digit(), digit());
      if (is(...BARS)) return absolute();
      if (!is("\\sqrt")) return quantity();
      take();
      return is("[") ? refuse("only square roots are known: write x^{1/3} for others") : ["sqrt", number(atom())];
    }
    function quantity() {
      if (is("number")) return literal();
      if (is("name")) return value(take().text);
      if (is("index", "indexed")) return indexed();
      if (is("derivative")) return derivative();
      if (!is("vector")) return unexpected();
      const token = take();
      if (is("[")) refuse(`the index of ${token.text} in column ${token.column} is no whole number from 0`);
      const family = [...known.family(token.text).values()];
      family.forEach(step);
      return vector(family.map(value), token);
    }
    function value(name) { // what the text says, in which the name is the graph's; or what is the graph's
      if (!meanings.has(name)) return {name};
      if (!state.met.has(name)) {
        const others = new Map([...meanings].filter(([other]) => other !== name));
        state.met.set(name, term(meanings.get(name), known, others, state));
      }
      return state.met.get(name);
    }
    const vector = (numbers, token) => ({vector: numbers.map(number), token});
    function literal() {
      const token = take(), typed = token.text.replaceAll(",", ".");
      if (/^[1-9][0-9]{0,2},[0-9]{3}$/.test(token.text))
        refuse(`${token.text} in column ${token.column} could be ${typed} or ${token.text.replaceAll(",", "")}`);
      const found = FRACTIONS.get(typed) ?? Number(typed);
      if (Math.abs(found) > LARGEST)
        refuse(`the number in column ${token.column} is too large: 1e+09 is the most`);
      if (typed.includes("."))
        state.digits.push(typed.toLowerCase().split("e")[0].replace(".", "").replace(/^0+/, "").length);
      return negative(Math.abs(found), found < 0);
    }
    function digit() { // what \frac takes: something in braces, a name, or one digit
      const {kind, text: piece, column} = tokens[at];
      if (/^[0-9]{2,}$/.test(piece) && kind === "number")
        tokens.splice(at, 1, {kind, text: piece[0], column}, {kind, text: piece.slice(1), column: column + 1});
      return atom();
    }
    function group() { // a number in brackets, or with commas a vector
      const start = at, open = tokens[at].kind, {given, comma} = contents();
      const decimal = ({kind, text: piece}) => kind === "number" && piece.includes(",");
      if (given.length > 1 && tokens.slice(start, at).some(decimal))
        refuse(`the commas after column ${tokens[start].column} could be decimal: write points`);
      const found = given.length > 1 ? vector(given, comma) : given[0];
      return open === "⌊" ? ["floor", number(found)] : found;
    }
    function indicator() {
      const token = take(), found = CLOSING.has(tokens[at].kind) ? number(group()) : null;
      if (!COMPARED.has(found?.[0]))
        refuse(`${shown(token.text)} in column ${token.column} belongs before a comparison: 1[a > 0]`);
      return found;
    }
    function call() {
      const token = take(), meaning = SPELLINGS.get(token.text) ?? token.text;
      if (token.text === "e") return ["exp", exponent()];
      const name = (meaning === "sigma" ? known.activation : meaning) + (is("'") ? (take(), "'") : "");
      const up = is("^") ? exponent() : null; // tanh²(a)
      if (up !== null && !(up > 0))
        refuse(`${token.text} in column ${token.column} to a power is (${token.text}(...))^...: put brackets`);
      const {inputs, static: settings} = parameters(name);
      const bare = inputs.length + settings.length === 1 && is(...ALONE);
      const exists = Object.hasOwn(FUNCTIONS, name) || DEFINED.has(name) || name === "dot";
      if (!exists || !(bare || is("(", "[", "{")))
        refuse(`${token.text} in column ${token.column} is a function: write ${token.text}(...)`);
      const found = applied(token, name, bare ? [alone(token)] : contents().given);
      return up === null ? found : raised(number(found), up);
    }
    function alone({text: called, column}) { // what a function without brackets is of: a name, a number or 2θ
      const token = tokens[at], counts = is("number");
      let found = quantity();
      if (counts && is("name")) found = multiplied(found, quantity(), token);
      if (is(...ALONE, "^", "/", "'", "transposed"))
        refuse(`what ${called} in column ${column} is of is not clear: put it in brackets`);
      return found;
    }
    function applied(token, name, given) {
      const {inputs, static: settings} = parameters(name);
      if (given.length === 1 && inputs.length + settings.length === 1) return each((x) => [name, x], given[0]);
      const numbers = name === "dot" ? given : given.map(number), point = given.length > inputs.length;
      if (given.length !== inputs.length || (name === "where" && !COMPARED.has(given[0][0])))
        refuse(`${token.text} in column ${token.column} is called as ${token.text}(` +
          `${[...inputs, ...settings].join(", ")})${point ? ", and decimals take a point" : ""}`);
      return name === "dot" ? dot(...numbers) : [name, ...numbers];
    }
    function contents() { // what stands in brackets, and the first comma
      const closing = CLOSING.get(take().kind), outer = bars;
      bars = "";
      const given = [argument()], comma = tokens[at];
      while (is(",")) take(), given.push(argument());
      expect(closing);
      bars = outer;
      return {given, comma};
    }
    const argument = () => conditional(compared());
    function conditional(found) { // what was found, or another number if something does not hold
      if (!is("if")) return found;
      take();
      return oneOf(number(compared()), number(found), otherwise);
    }
    function otherwise() { // another case, which may be that of equality, or what there is else
      if (!is(",")) return expect("else"), number(argument());
      take();
      const found = number(compared());
      expect("if");
      return oneOf(condition(), found, otherwise);
    }
    function condition() {
      const found = number(compared());
      return is("=") ? (take(), ["equal", found, number(sum())]) : found;
    }
    function cases() { // as LaTeX writes them; NaN where none holds
      const rows = [], outer = bars;
      let separator = take(), rest = NaN;
      bars = "";
      while (["cases", ","].includes(separator.kind) && !is("end of cases")) {
        const found = number(sum());
        if (is("else")) {
          take();
          rest = found;
          break;
        }
        expect("if");
        rows.push([condition(), found]);
        separator = tokens[at];
        if (is(",")) take();
      }
      expect("end of cases");
      bars = outer;
      return rows.reduceRight((other, [holds, found]) => oneOf(holds, found, () => other), /** @type {any} */ (rest));
    }
    function oneOf(condition, found, rest) {
      const other = rest();
      if (!COMPARED.has(condition[0])) refuse("a condition is a comparison, such as a > 0");
      return ["where", condition, found, other];
    }
    function compared() {
      const found = sum();
      if (!is("<", ">", "<=", ">=", "==", "≠")) return found;
      const sign = take().kind, a = number(found), b = number(sum());
      if (sign === "==" || sign === "≠") return [sign === "==" ? "equal" : "differs", a, b];
      return [sign.length === 2 ? "at least" : "greater", ...(sign[0] === ">" ? [a, b] : [b, a])];
    }
    function absolute() {
      const {kind} = take(), outside = bars;
      bars += kind;
      const found = sum();
      expect(kind);
      bars = outside;
      return found.vector && kind === "‖" ? ["sqrt", dot(found, found)] : ["abs", number(found)];
    }
    function total() { // a sum over an index: of the product that follows, and not of what is added to it
      const token = take(), start = at, outer = new Map(places), [index, first, last] = token.text.split(" ");
      const from = Number(first || 1), end = last ? Number(last) : reach(index, from, token), terms = [];
      if (!(from <= end && end < from + TERMS))
        refuse(`the sum in column ${token.column} has 1 to ${TERMS} terms, not from ${from} to ${end}`);
      for (let place = from; place <= end; place++) {
        at = start;
        places.set(index, place);
        terms.push(summand(token));
      }
      places.clear();
      outer.forEach((place, other) => places.set(other, place));
      return terms.reduce(added);
    }
    function summand({column}) { // one term; after a fraction's / it is nothing but what follows at once
      if (tokens[at - 2]?.kind !== "/") return product();
      const found = power();
      if (starts() || is("*")) refuse(`where the sum in column ${column} ends is not clear: put brackets around it`);
      return found;
    }
    function reach(index, from, {column}) { // as far as there are names, all of which end at one place
      const start = at, outer = reaches.get(index), found = new Set();
      reaches.set(index, found);
      places.set(index, from);
      summand({column});
      at = start;
      reaches.delete(index);
      if (outer) reaches.set(index, outer);
      if (found.size !== 1 || Math.max(...found) > TERMS)
        refuse(`the sum in column ${column} needs bounds, as in \\sum_{${index}=1}^{3}`);
      return found.values().next().value;
    }
    function indexed() { // a name whose index speaks of what a sum runs over, or that itself as a number
      const token = take(), pieces = token.text.split(" ");
      if (places.has(token.text)) return places.get(token.text);
      const label = located(pieces);
      if (label === undefined) refuse(`${known.unknown(spelled(pieces, places))} (column ${token.column})`);
      return value(label);
    }
    function located(pieces) { // the label of a name in pieces, its letter and its indices
      const label = known.find(spelled(pieces, places));
      for (const [index, found] of label === undefined ? [] : reaches) {
        if (!pieces.slice(1).some((piece) => piece.includes(index))) continue;
        const exists = (place) => known.find(spelled(pieces, new Map(places).set(index, place))) !== undefined;
        let place = places.get(index);
        for (; place <= TERMS && exists(place + 1); place++) step();
        found.add(place);
      }
      return label;
    }
    function spelled([base, ...pieces], now) { // the name with the places in it that indices have
      const apart = (piece) => (/^[a-z]+$/.test(piece) && !now.has(piece) && [...piece].every((x) => now.has(x))
        ? [...piece] : [piece]);
      const placed = (index) => {
        const terms = [...index.matchAll(/([+-]?)([a-z]+|[0-9]+)/g)].map(([, sign, x]) =>
          (sign === "-" ? -1 : 1) * (now.get(x) ?? (/^[0-9]+$/.test(x) ? Number(x) : NaN)));
        const place = terms.reduce((a, b) => a + b, 0);
        return Number.isNaN(place) ? index : String(place);
      };
      return [base, ...pieces.flatMap(apart).map(placed)].join("_");
    }
    function derivative() {
      const token = take(), [d, ...sides] = token.text.split(" ");
      const [above, below] = sides.map((name) => located(name.split("_")));
      if (above === known.asked[0] && below === known.asked[1])
        refuse(`d${above}/d${below} in column ${token.column} is what is asked for: write it out`);
      if (above === undefined || below === undefined || meanings.has(above) || meanings.has(below))
        refuse(`there is no derivative d${sides[0]}/d${sides[1]} here (column ${token.column})`);
      return {name: `${d}${above}/${d}${below}`};
    }

    const found = conditional(sum());
    return is("end") ? found : unexpected();
  }

  const OWN = {
    sum: (a, b) => a + b, product: (a, b) => a * b, negative: (x) => -x, inverse: (x) => 1 / x, power: Math.pow,
    greater: (a, b) => Number(a > b), "at least": (a, b) => Number(a >= b), equal: (a, b) => Number(a === b),
    differs: (a, b) => Number(a !== b),
  };
  const defined = new Map();
  function definition(name) { // the tree, in x, of a function that is a formula
    if (DEFINED.has(name) && !defined.has(name)) defined.set(name, parse(DEFINED.get(name), names(["x"])));
    return defined.get(name);
  }

  // The formula as a function of a Map from names to numbers, as IEEE arithmetic has it.
  function evaluator(tree) {
    if (typeof tree === "number") return () => tree;
    if (!Array.isArray(tree)) return (values) => values.get(tree.name);
    const name = tree[0], inside = tree.slice(1).map(evaluator);
    if (DEFINED.has(name)) {
      const value = evaluator(definition(name));
      return (values) => value(new Map([["x", inside[0](values)]]));
    }
    if (!Object.hasOwn(OWN, name)) return (values) => FUNCTIONS[name].apply(inside.map((each) => each(values)))[0];
    const apply = OWN[name], [first, ...rest] = inside;
    if (!rest.length) return (values) => apply(first(values));
    return (values) => rest.reduce((result, each) => apply(result, each(values)), first(values));
  }

  return {FormulaError, names, read, parse, parts, definition, evaluator};
})(NOTATION);
