// What the panel says of a pixel: the window that it is computed from, the windows that it is in, where its gradient
// comes from and goes, and for a weight all places where it acts. Each part is { heading, rows, summed, after, marks }.

const human = (k) => k + 1;
/** @type {(at: number[]) => string} */
const placed = ([row, column]) => `row ${human(row)}, column ${human(column)}`;
const covered = (places) => places.flatMap(({ pixel }) => (pixel ? [pixel] : []));
const span = (first, count) => Array.from({ length: count }, (_, i) => first + i);

class PixelWords {
  /**
   * @param {(place: number | null, which: string) => any} numbers of a node, null if they are not known
   * @param {(place: number) => string} name
   */
  constructor(numbers, name) {
    this.numbers = numbers;
    this.name = name;
  }

  // What to say of a pixel: of its value what it is computed from, of its gradient where that comes from and goes.
  parts({ place, which, map, at }) {
    if (data.images.kinds[place] === "filters") {
      return users(place, "filters").map((windows) => this.acting(windows, map, at, which));
    }
    const [from, into] = [sourceOf(place), users(place, "image")];
    if (which === "gradient") {
      const sent = from ? [this.sends(from, map, at)] : [];
      return [...into.map((windows) => this.received(windows, map, at)), ...sent];
    }
    return from ? [this.window(from, map, at)] : into.map((windows) => this.reached(windows, map, at));
  }

  // A grid of numbers of a node, in the colours of its maps.
  cells(place, which, numbers, columns, name) {
    const all = Array.from(this.numbers(place, which) ?? []);
    return { numbers, columns, tone: tone(data.images.kinds[place], which, all), most: largest(all), name };
  }

  // The pixels of the image under some weights, null in the padding.
  pixelsOf({ image }, channel, places, columns, name) {
    const all = this.numbers(image, "value");
    const numbers = places.map(({ pixel }) => pixel && numberAt(image, all, channel, pixel));
    return this.cells(image, "value", numbers, columns, name);
  }

  // The weights that pixels have in their windows; of a pooling, the shares.
  weightsOf(windows, map, channel, places, columns, name) {
    const [filters, given] = [isPooling(windows) ? null : this.numbers(windows.filters, "value"), this.given(windows)];
    const numbers = places.map(({ weight, place }) => weightIn(windows, given, map, channel, place, weight));
    const most = largest(filters ? Array.from(filters) : numbers);
    return { numbers, columns, tone: "value", most, name: filters ? name : "shares" };
  }

  given(windows) {
    const filters = isPooling(windows) ? null : this.numbers(windows.filters, "value");
    return { image: this.numbers(windows.image, "value"), filters };
  }

  // Forward: the window over each channel, times the filter, added up; of a pooling the window alone.
  window({ windows, steps }, map, at) {
    const [{ image, output, filters, size }, { first, count }] = [windows, channelsOf(windows, map)];
    const places = windowAt(windows, at).map((one) => ({ ...one, place: at }));
    const [given, value] = [this.given(windows), this.numbers(output, "value")];
    const marks = [{ place: image, which: "value", maps: span(first, count), pixels: covered(places) }];
    const heading = `Its window in ${this.name(image)}`;
    if (!given.image || !value) return { heading, rows: [], after: [], marks };
    const result = numberAt(output, value, map, at);
    const before = image < 0 ? [outlined(image, given.image, first, covered(places))] : []; // which no box shows
    if (isPooling(windows)) {
      const patch = this.pixelsOf(windows, map, places, size[1], "pixels");
      const after = [...this.pooled(windows, patch, places, result), ...this.then(steps, map, at)];
      return { heading, before, rows: [], after, marks };
    }
    const own = span(first, count).map((channel) => filterOf(windows, map, channel));
    marks.push({ place: filters, which: "value", maps: own, pixels: null });
    const rows = span(first, count).map((channel) => ({
      name: `channel ${human(channel)}`,
      left: this.pixelsOf(windows, channel, places, size[1], "pixels"),
      right: this.weightsOf(windows, map, channel, places, size[1], `filter ${human(map)}`),
      tone: "value",
      products: "products",
    }));
    const sums = rows.map((row) => total(productsOf(row)));
    const bias = steps.at(-1)?.bias ?? null;
    const added = bias === null ? null : this.numbers(bias, "value");
    if (!added) {
      const after = [addedUp(sums, count > 1 ? "the sums" : "the sum", result), ...this.then(steps, map, at)];
      return { heading, before, rows, summed: true, after, marks };
    }
    const names = `the sum${count > 1 ? "s" : ""} and the bias`;
    const whole = addedUp([...sums, added[map]], names, total(sums) + added[map]);
    const after = [whole, ...this.then(steps.slice(0, -1), map, at)];
    return { heading, before, rows, summed: true, after, marks };
  }

  pooled({ op, output }, patch, places, result) {
    const seen = patch.numbers.filter((x) => x !== null);
    const won = op === "max_pool2d" ? patch.numbers.flatMap((x, i) => (x === result ? [i] : [])) : [];
    const tie = `The largest is ${shown(result)}: ${won.length} pixels have it, and share the gradient.`;
    const best = won.length === 1 ? placed(places[won[0]].pixel) : "";
    const one = `The largest is ${shown(result)}, at ${best}: it gets the gradient.`;
    const mean = `Their sum, ${shown(total(seen))}, divided by ${places.length} is ${shown(result)}.`;
    const said = won.length > 1 ? tie : best ? one : mean;
    return [html("div", { className: "factors" }, named({ ...patch, won }, false)), words(said)];
  }

  // What is computed of it pixel by pixel, the first step first.
  then(steps, map, at) {
    return steps.toReversed().flatMap(({ place, op }) => {
      const all = this.numbers(place, "value");
      return all ? [words(`Then ${op}: ${this.name(place)} is ${shown(numberAt(place, all, map, at))} here.`)] : [];
    });
  }

  // Forward, a pixel of the input: the windows that it is in, and what it adds to each.
  reached(windows, channel, pixel) {
    const [{ image, output }, found, maps] = [windows, windowsOver(windows, pixel), mapsOf(windows, channel)];
    const marks = [{ place: output, which: "value", maps, pixels: found.map(({ place }) => place) }];
    const heading = `It is in ${found.length} windows of each map of ${this.name(output)}`;
    const { image: all, filters } = this.given(windows);
    if (!found.length || !all || (!filters && !isPooling(windows))) return { heading, rows: [], after: [], marks };
    const [left, columns] = [numberAt(image, all, channel, pixel), columnsReached(found)];
    const rows = maps.map((map) => {
      const right = this.weightsOf(windows, map, channel, found, columns, "the weight over it");
      return { name: `map ${human(map)}`, left, right, tone: "value", products: "what it adds" };
    });
    return { heading, rows, after: [], marks };
  }

  // Backward: the gradient of a pixel comes from the windows that it is in, by the weight over it in each.
  received(windows, channel, pixel) {
    const [{ image, output }, found, maps] = [windows, windowsOver(windows, pixel), mapsOf(windows, channel)];
    const marks = [{ place: output, which: "gradient", maps, pixels: found.map(({ place }) => place) }];
    const heading = `Its gradient comes from ${this.name(output)}`;
    const [all, own] = [this.numbers(output, "gradient"), this.numbers(image, "gradient")];
    if (!found.length) return { heading, rows: [], after: [words("No window reaches it: it changes nothing.")], marks };
    if (!all || !own) return { heading, rows: [], after: [], marks };
    const columns = columnsReached(found);
    const rows = maps.map((map) => {
      const slopes = found.map(({ place }) => numberAt(output, all, map, place));
      const left = this.cells(output, "gradient", slopes, columns, "gradients there");
      const right = this.weightsOf(windows, map, channel, found, columns, "weights over it");
      return { name: `map ${human(map)}`, left, right, tone: "gradient", products: "products" };
    });
    const sums = rows.map((row) => total(productsOf(row)));
    const [sum, mine] = [total(sums), numberAt(image, own, channel, pixel)];
    const most = Math.max(...sums.map(Math.abs), Math.abs(mine));
    const more = Math.abs(sum - mine) > 1e-4 * most ? [words(`With what comes other ways it is ${shown(mine)}.`)] : [];
    return { heading, rows, summed: true, after: [addedUp(sums, "added up", sum), ...more], marks };
  }

  // A weight: every place where it acts with the pixel under it there, and backward the products with the gradients.
  acting(windows, index, weight, which) {
    const [{ image, output, filters }, found] = [windows, actionsOf(windows, weight)];
    const { map, channel } = endsOf(windows, index);
    const marks = [
      { place: image, which: "value", maps: [channel], pixels: covered(found) },
      { place: output, which, maps: [map], pixels: null },
    ];
    const before = image < 0 ? [outlined(image, this.given(windows).image, channel, covered(found))] : [];
    const heading = `Where it acts: ${found.length} places of ${this.name(output)}`;
    const [given, slopes] = [this.given(windows), this.numbers(output, "gradient")];
    if (!given.image || (which === "gradient" && !slopes)) return { heading, rows: [], after: [], marks };
    const columns = shapeOf(output)[3];
    const right = this.pixelsOf(windows, channel, found, columns, "pixels under it");
    if (which === "value") {
      const left = numberAt(filters, given.filters, index, weight);
      const row = { left, right, tone: "value", products: "what it adds" };
      return { heading, before, rows: [row], after: [], marks };
    }
    const gradients = found.map(({ place }) => numberAt(output, slopes, map, place));
    const left = this.cells(output, "gradient", gradients, columns, "gradients g");
    const row = { left, right, tone: "gradient", products: "g · pixel" };
    return { heading, before, rows: [row], after: this.whole(windows, index, weight, total(productsOf(row))), marks };
  }

  // The sum of the products, beside the gradient of the weight, which adds up all examples.
  whole({ image, filters }, index, weight, sum) {
    const [slopes, [examples]] = [this.numbers(filters, "gradient"), shapeOf(image)];
    const mine = slopes && numberAt(filters, slopes, index, weight);
    const same = mine !== null && Math.abs(sum - mine) <= 1e-4 * Math.max(Math.abs(mine), 1e-6);
    const whole = mine === null || same ? "" : ` Its gradient, from all ways, is ${shown(mine)}.`;
    if (examples === 1) return [words(`Added up: ${shown(sum)}${same ? ", the gradient of the weight" : ""}.${whole}`)];
    const all = mine === null ? "" : ` All ${examples} examples together give its gradient, ${shown(mine)}.`;
    return [words(`Added up in the first example: ${shown(sum)}.${all}`)];
  }

  // What a pixel's gradient gives on: to the pixels of its window times the weights, to the weights times the pixels.
  sends({ windows, steps }, map, at) {
    const [{ image, output, size }, { first, count }] = [windows, channelsOf(windows, map)];
    const places = windowAt(windows, at).map((one) => ({ ...one, place: at }));
    const marks = [{ place: image, which: "gradient", maps: span(first, count), pixels: covered(places) }];
    const heading = `What it sends to ${this.name(image)}`;
    const all = this.numbers(output, "gradient");
    if (!all || !this.given(windows).image) return { heading, rows: [], after: [], marks };
    const left = numberAt(output, all, map, at);
    const changing = steps.filter(({ bias }) => bias === null).map(({ op }) => op);
    const through = changing.length ? `Before ${changing.join(" and ")} the gradient is ${shown(left)}. ` : "";
    if (!left) return { heading, rows: [], after: [words(`${through}A gradient of 0 sends nothing.`)], marks };
    const reached = image < 0 ? [] : span(first, count); // a raw array gets no gradient
    const rows = reached.map((channel) => {
      const own = this.weightsOf(windows, map, channel, places, size[1], `filter ${human(map)}`);
      const right = { ...own, numbers: own.numbers.map((weight, i) => (places[i].pixel ? weight : null)) };
      return { name: `channel ${human(channel)}`, left, right, tone: "gradient", products: "to the pixels" };
    });
    const after = through ? [words(through)] : [];
    if (!isPooling(windows)) {
      const name = count > 1 ? `pixels of channel ${human(first)}` : "pixels";
      const right = this.pixelsOf(windows, first, places, size[1], name);
      const row = { left, right, tone: "gradient", products: "to the weights" };
      after.push(html("h3", {}, "What it sends to the weights"), factors(row));
    }
    return { heading: image < 0 ? "" : heading, rows, after, marks };
  }
}

// Outputs that a pixel reaches lie in a rectangle: in so many columns.
const columnsReached = (found) => new Set(found.map(({ place }) => place[1])).size;
