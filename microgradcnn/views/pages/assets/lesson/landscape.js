// The loss over two weights as a map with contours, and the path of gradient descent over it, in `section`.
"use strict";

function landscape(section, task) {
  const SIZE = 480, CELLS = 40, LEVELS = 16, STEPS = 60;
  const COLOURS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]]; // viridis: low is dark
  const $ = (selector) => section.querySelector(selector), canvas = $("canvas"), pen = canvas.getContext("2d");
  let axes, ranges, stable, image, from, drawn;

  const loss = (point) => task.loss(axes.reduce((weights, i, k) => weights.with(i, point[k]), task.trained));
  const onto = (point) => point.map((x, k) => (x - ranges[k][0]) / (ranges[k][1] - ranges[k][0]) * SIZE)
    .map((x, k) => (k ? SIZE - x : x));
  const back = (pixel) => pixel.map((x, k) => ranges[k][0] + (k ? SIZE - x : x) / SIZE * (ranges[k][1] - ranges[k][0]));

  function colour(t) {
    const k = Math.min(3, Math.floor(4 * t)), part = 4 * t - k;
    return COLOURS[k].map((c, i) => c + part * (COLOURS[k + 1][i] - c));
  }

  function stableRate() { // 2/λmax of the two weights where training ended
    const h = 0.01, [a, b] = axes.map((i) => task.trained[i]), f = (i, j) => loss([a + i * h, b + j * h]);
    const xx = f(1, 0) - 2 * f(0, 0) + f(-1, 0), yy = f(0, 1) - 2 * f(0, 0) + f(0, -1);
    const xy = (f(1, 1) - f(1, -1) - f(-1, 1) + f(-1, -1)) / 4;
    return 2 * h * h / Math.max(1e-9, (xx + yy) / 2 + Math.hypot((xx - yy) / 2, xy));
  }

  function survey() { // the map around where training began and ended
    axes = ["across", "up"].map((name) => Number($(`[name=${name}]`).value));
    from = axes.map((i) => task.start[i]);
    ranges = axes.map((i) => {
      const low = Math.min(task.start[i], task.trained[i]), high = Math.max(task.start[i], task.trained[i]);
      return [low - Math.max(2, (high - low) / 2), high + Math.max(2, (high - low) / 2)];
    });
    stable = stableRate();
    const grid = Array.from({length: CELLS + 1}, (_, j) => Array.from({length: CELLS + 1},
      (_, i) => loss(back([i * SIZE / CELLS, j * SIZE / CELLS]))));
    const sorted = grid.flat().filter(Number.isFinite).sort((a, b) => a - b);
    const low = sorted[0], high = sorted[Math.floor(0.98 * sorted.length)];
    const level = (i, j) => { // between the points of the grid, in steps that are finer near the minimum
      const x = i * CELLS / SIZE, y = j * CELLS / SIZE, a = Math.floor(x), b = Math.floor(y), s = x - a, t = y - b;
      const between = (row) => row[a] + s * ((row[a + 1] ?? row[a]) - row[a]), above = between(grid[b]);
      const value = above + t * (between(grid[b + 1] ?? grid[b]) - above);
      const share = Math.min(1, Math.max(0, (value - low) / ((high - low) || 1)));
      return Number.isNaN(share) ? LEVELS : Math.floor(LEVELS * Math.sqrt(share)); // next to a pole, or where no log is
    };
    image = pen.createImageData(SIZE, SIZE);
    for (let j = 0; j < SIZE; j++)
      for (let i = 0; i < SIZE; i++) {
        const here = level(i, j), edge = here !== level(i + 1, j) || here !== level(i, j + 1);
        image.data.set([...colour(here / LEVELS).map((c) => (edge ? 0.6 * c : c)), 255], 4 * (j * SIZE + i));
      }
  }

  function draw() {
    const rate = 10 ** $("[name=rate]").value, weights = axes.reduce((w, i, k) => w.with(i, from[k]), task.trained);
    const path = task.descend(weights, rate, STEPS, {moving: (name) => axes.some((i) => task.parameters[i] === name)});
    const points = path.map((step) => onto(axes.map((i) => step.weights[i])));
    pen.putImageData(image, 0, 0);
    for (const [width, style] of /** @type {[number, string][]} */ ([[5, "#000"], [2.5, "#fff"]])) {
      Object.assign(pen, {lineWidth: width, strokeStyle: style, fillStyle: style, lineJoin: "round"});
      pen.beginPath();
      points.forEach(([x, y]) => pen.lineTo(x, y));
      pen.stroke();
      for (const [i, [x, y]] of points.entries()) {
        pen.beginPath();
        pen.arc(x, y, (i ? 1.5 : 6) + width / 2, 0, 7);
        pen.fill();
      }
    }
    drawn = canvas.clientWidth;
    const size = parseFloat(getComputedStyle(canvas).fontSize) * SIZE / (drawn || SIZE); // as all words
    pen.font = `bold ${size}px system-ui, sans-serif`;
    Object.assign(pen, {lineWidth: 4, strokeStyle: "#000", fillStyle: "#fff"});
    const write = (words, x, y, align) => {
      pen.textAlign = align;
      pen.strokeText(words, x, y);
      pen.fillText(words, x, y);
    };
    const [[left, right], [bottom, top]] = ranges.map((range) => range.map((x) => x.toFixed(1).replace("-", "−")));
    const [across, up] = ["across", "up"].map((name) => $(`[name=${name}]`).selectedOptions[0].text);
    write(`${across} = ${left}`, 8, SIZE - 10, "left");
    write(`${across} = ${right}`, SIZE - 8, SIZE - 10, "right");
    write(`${up} = ${top}`, 8, 5 + size, "left");
    write(`${up} = ${bottom}`, 8, SIZE - 17 - size, "left");
    const end = path.at(-1).loss, began = path[0].loss;
    const grown = end <= began ? end.toFixed(3)
      : `${Number.isNaN(end) ? "no number" : end.toPrecision(3)}, for the rate is too large`;
    $("[name=rate] + output").textContent = figures(rate, 2);
    $(".told").textContent = `${path.length - 1} step${path.length === 2 ? "" : "s"} at rate ${figures(rate, 2)}: ` +
      `loss ${began.toFixed(3)} → ${grown}. Near the minimum, descent is stable below about ${figures(stable, 2)}.`;
  }

  function begin() {
    survey();
    Object.assign($("[name=rate]"), {min: Math.log10(stable / 100), max: Math.log10(stable * 10)});
    $("[name=rate]").value = Math.log10(stable / 2);
    draw();
  }

  for (const name of ["across", "up"]) $(`[name=${name}]`).addEventListener("change", begin);
  $("[name=rate]").addEventListener("input", draw);
  for (const button of section.querySelectorAll("button[data-rate]"))
    button.addEventListener("click", () => {
      $("[name=rate]").value = Math.log10(button.dataset.rate * stable);
      draw();
    });
  canvas.addEventListener("click", ({offsetX, offsetY}) => {
    from = back([offsetX, offsetY].map((x) => x * SIZE / canvas.clientWidth));
    draw();
  });
  canvas.addEventListener("keydown", (event) => {
    const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    if (!move) return;
    event.preventDefault();
    from = back(onto(from).map((x, k) => x + move[k] * SIZE / 24));
    draw();
  });
  new ResizeObserver(() => canvas.clientWidth === drawn || draw()).observe(canvas);
  begin();
}
