// Gradient descent on the leaves that are ticked, with the loss drawn.

const recordedNumbers = data.leaves.flatMap((leaf) => leaf.numbers.map(Number));
const fields = [...document.querySelectorAll("[data-place]")];

function showNumbers(numbers) {
  for (const field of fields) {
    if (field !== document.activeElement) field.value = Number(numbers[field.dataset.place].toPrecision(4));
  }
}

// The places of the numbers that descent moves.
function movedPlaces() {
  const families = [...document.querySelectorAll("[data-family]:checked")].map((tick) => tick.dataset.family);
  const moved = data.leaves.filter((leaf) => families.includes(leaf.family));
  return new Set(moved.flatMap((leaf) => leaf.numbers.map((_, i) => leaf.place + i)));
}

// Steps of gradient descent: the numbers after them, and the loss after each.
function descend(level, numbers, rate, steps) {
  const [moved, losses] = [movedPlaces(), []];
  for (let step = 0; step < steps; step++) {
    const { gradients } = level.compute(numbers);
    const slopes = [];
    level.boxes.forEach(({ place }, box) => gradients[box]?.forEach((slope, i) => (slopes[place + i] = slope)));
    numbers = numbers.map((x, i) => (moved.has(i) ? x - rate * slopes[i] : x));
    losses.push(level.loss(numbers));
  }
  return { numbers, losses };
}

function draw(losses, name) {
  const chart = document.getElementById("chart");
  const steps = losses.length - 1;
  chart.classList.toggle("drawn", steps > 0);
  const finite = losses.filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...finite), Math.max(...finite)];
  const points = losses.map((loss, i) => {
    const share = ((Number.isFinite(loss) ? loss : high) - low) / (high - low || 1);
    return `${(8 + (264 * i) / (steps || 1)).toFixed(1)} ${(112 - 104 * share).toFixed(1)}`;
  });
  chart.querySelector("path").setAttribute("d", points.length ? `M${points.join("L")}` : "");
  const text = steps > 0 ? `${steps} steps: ${name} from ${shown(losses[0])} to ${shown(losses.at(-1))}.` : "";
  const up = steps > 0 && !(losses.at(-1) <= losses[0]) ? " It went up: try a smaller rate." : "";
  document.getElementById("descended").textContent = text + up;
  chart.setAttribute("aria-label", text);
}
