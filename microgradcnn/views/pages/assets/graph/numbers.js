// Numbers as people read them, and the elements that hold them.

function html(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function math(tag, ...children) {
  const made = document.createElementNS("http://www.w3.org/1998/Math/MathML", tag);
  made.append(...children);
  return made;
}

// Another text, where it is another: browsers lay out anew what is only set.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const words = (...parts) => html("p", {}, ...parts);

// Four significant digits, with a real minus.
function shown(x) {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return "NaN";
  if (size === Infinity) return x > 0 ? "∞" : "−∞";
  if (size >= 1e6 || (size < 1e-4 && size > 0)) {
    return x.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e").replaceAll("-", "−");
  }
  return String(size >= 1000 ? Math.round(x) : Number(x.toPrecision(4))).replace("-", "−");
}

// A number, or the smallest and the largest of several.
function range(numbers) {
  if (numbers.length === 1) return shown(numbers[0]);
  const lowest = numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const highest = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  const [low, high] = [lowest, highest].map((x) => shown(Number(x.toPrecision(2))));
  return low === high ? low : `${low} … ${high}`;
}

function largest(numbers) {
  return numbers.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
}

function fence(sign) {
  const made = math("mo", sign);
  made.setAttribute("stretchy", "false"); // what may grow has wide room around it
  return made;
}

// A number in a formula; in brackets, unless it stands alone, if it has a sign or a power of ten.
function number(x, alone = true) {
  const [digits, exponent] = shown(Math.abs(x)).split("e");
  const parts = [math("mn", digits)];
  if (exponent) parts.push(math("mo", "·"), math("msup", math("mn", "10"), math("mn", exponent)));
  if (x < 0) parts.unshift(math("mo", "−"));
  const row = math("mrow", ...parts);
  return alone || (x >= 0 && !exponent) ? row : math("mrow", fence("("), row, fence(")"));
}

const [CELL, BESIDE] = [74, 96]; // the width of a number of a matrix, and of what stands beside that

// A number, a small matrix that fits the place of what is told, or how large an array is and between what its numbers
// are. Vectors are columns where a row would not fit.
function quantity(numbers, shape = []) {
  if (!shape.length) return number(numbers[0]);
  const room = Math.max(1, Math.floor(((document.getElementById("telling")?.clientWidth || 1000) - BESIDE) / CELL));
  const columns = shape.length === 1 && numbers.length > room ? 1 : shape.at(-1);
  if (shape.length > 2 || columns > Math.min(6, room) || numbers.length > 8 * columns) {
    return math("mtext", `${shape.join("×")}${shape.length > 1 ? "" : " numbers"}: ${range(numbers)}`);
  }
  const cells = Array.from(numbers, (x) => math("mtd", number(columns > 1 ? Number(x.toPrecision(3)) : x)));
  const rows = Array.from({ length: numbers.length / columns }, () => math("mtr", ...cells.splice(0, columns)));
  return math("mrow", math("mo", "("), math("mtable", ...rows), math("mo", ")"));
}

// The sides of an equation, without those that there are not, or that repeat the one before.
function distinct(sides) {
  return sides.filter(Boolean).filter((side, i, all) => side.textContent !== all[i - 1]?.textContent);
}

function equation(sides) {
  return math("math", ...distinct(sides).flatMap((side, i) => (i ? [math("mo", "="), side] : [side])));
}

// A line of its own, which may break between its parts.
function broken(...parts) {
  return html("div", { className: "wide" }, ...parts.map((part) => math("math", ...part)));
}

const display = (...sides) => broken(...distinct(sides).map((side, i) => (i ? [math("mo", "="), side] : [side])));
