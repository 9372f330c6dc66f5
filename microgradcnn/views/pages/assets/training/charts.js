// Charts of a training: curves over epochs with ticks and numbers, in an <svg> that is drawn anew for every frame.
"use strict";

const CURVE_POINTS = 300; // of a curve, at most
const AREA = {left: 52, right: 408, top: 14, bottom: 176};

function svgElement(tag, attributes, content = []) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  made.append(...content);
  return made;
}

// A number as people read it: 0.02, 1500, 3·10⁻⁵.
function readable(x) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "not a number" : "∞";
  if (x === 0 || (Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5)) return String(Number(x.toPrecision(3))).replace("-", "−");
  const [digits, power] = x.toExponential(1).split("e");
  const high = [...String(Number(power))].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
  const factor = digits.replace(/\.0$/, "").replace("-", "−");
  return factor === "1" ? `10${high}` : `${factor}·10${high}`;
}

// Round numbers from low to high, at most so many and one more, two at least.
function roundSteps(low, high, most = 4) {
  const rough = (high - low) / most || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((k) => k * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({length: last - first + 1}, (_, i) => step * (first + i));
}

// What an axis reaches up to: the largest number, but not one that few reach and that is far above all others.
function withoutSpikes(numbers, far = 4) {
  const sorted = numbers.toSorted((a, b) => a - b), most = sorted.at(-1);
  const usual = sorted[Math.floor(0.95 * (sorted.length - 1))];
  return sorted.length > 4 && usual > 0 && most > far * usual ? 1.25 * usual : most;
}

class CurveChart {
  constructor(title, logarithmic = false) {
    [this.title, this.logarithmic] = [title, logarithmic];
    this.svg = svgElement("svg", {class: "curves", viewBox: "0 0 420 212", role: "img"});
    this.key = made("p", {class: "key"}); // every curve's name, and its number at the epoch that is looked at
    this.keyed = "";
  }

  // `curves` are [class, name, [[epoch, number], ...]]; `at` is the epoch that is looked at.
  draw(curves, at, range = null) {
    const known = curves.flatMap(([, , points]) => points.map(([, y]) => y)).filter(Number.isFinite);
    const positive = known.filter((y) => y > 0), log = this.logarithmic && positive.length > 0;
    const first = Math.max(...curves.map(([, , points]) => points[0]?.[1] || 0));
    const most = !known.length ? 1 : log ? Math.min(withoutSpikes(known, 1e6), 1e3 * first) : withoutSpikes(known);
    const [low, high] = range ?? (log
      ? [Math.floor(Math.log10(positive.reduce((a, b) => Math.min(a, b)))), Math.ceil(Math.log10(most))]
      : [known.reduce((a, b) => Math.min(a, b), 0), most]);
    const top = high > low ? high : low + 1;
    const last = Math.max(1, ...curves.map(([, , points]) => points.at(-1)?.[0] ?? 0));
    const across = (epoch) => AREA.left + ((AREA.right - AREA.left) * epoch) / last;
    const height = (y) => AREA.bottom - ((AREA.bottom - AREA.top) * (y - low)) / (top - low);
    const up = (y) => Math.max(AREA.top - 3, Math.min(AREA.bottom, height(log ? Math.log10(Math.max(y, 1e-300)) : y)));
    const text = (x, y, anchor, words) => svgElement("text", {x, y, "text-anchor": anchor}, [words]);
    const line = (points) => points.filter(([, y]) => Number.isFinite(y))
      .map(([x, y]) => `${across(x).toFixed(1)},${up(y).toFixed(1)}`).join(" ");
    const levels = roundSteps(low, top).filter((y) => !log || Number.isInteger(y));
    const epochs = roundSteps(0, last).filter(Number.isInteger);
    this.svg.replaceChildren(
      ...levels.flatMap((y) => [
        svgElement("line", {x1: AREA.left, x2: AREA.right, y1: height(y), y2: height(y)}),
        text(AREA.left - 6, height(y) + 4, "end", readable(log ? 10 ** y : y))]),
      ...epochs.map((t) => text(across(t), AREA.bottom + 17, "middle", t.toLocaleString("en"))),
      text(AREA.right, AREA.bottom + 33, "end", "epochs"), text(230, 99, "middle", known.length ? "" : "nothing yet"),
      svgElement("line", {class: "at", x1: across(at), x2: across(at), y1: AREA.top, y2: AREA.bottom}),
      ...curves.map(([kind, , points]) => svgElement("polyline", {class: kind, points: line(thinned(points))})),
      ...(!range && known.some((y) => y > (log ? 10 ** top : top))
        ? [text(AREA.right - 6, AREA.top + 18, "end", "↑ some are higher")] : []));
    const ends = curves.map(([, name, points]) => `${name} ${points.length ? readable(points.at(-1)[1]) : "unknown"}`);
    this.svg.setAttribute("aria-label", `${this.title} over ${last} epoch${last === 1 ? "" : "s"}: ${ends.join(", ")}`);
    this.drawKey(curves, at);
  }

  drawKey(curves, at) {
    const numbers = curves.map(([, , points]) => points.findLast(([epoch]) => epoch <= at)?.[1]);
    const shown = curves.map(([kind, name], i) => `${kind}|${name}: ${numbers[i]}`).join("\n");
    if (shown === this.keyed) return;
    this.keyed = shown;
    this.key.replaceChildren(...curves.map(([kind, name], i) =>
      made("span", {class: kind}, numbers[i] === undefined ? name : `${name} ${readable(numbers[i])}`)));
  }
}

function thinned(points) {
  const every = Math.ceil(points.length / CURVE_POINTS);
  return every < 2 ? points : points.filter((_, i) => i % every === 0 || i === points.length - 1);
}
