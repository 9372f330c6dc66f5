// The canvas that a picture lies on: one transform zooms and moves it, a map shows where one is, and keys do the same.

const [NEAREST, MARGIN, BUTTONS] = [4, 12, 46]; // the largest scale, around a picture, and for the buttons above it
const REST = 150; // milliseconds without a movement after which the picture is drawn anew at its scale
const ILLEGIBLE = 0.3; // the scale under which letters are left out: they take most of a frame
const printing = matchMedia("print");

class Canvas {
  /** @param {HTMLElement} figure */
  constructor(figure) {
    /** @type {HTMLElement} */ this.figure = figure;
    /** @type {HTMLCanvasElement} */ this.map = document.getElementById("map");
    /** @type {Map<number, { x: number, y: number }>} */ this.fingers = new Map();
    this.from = { x: 0, y: 0 }; // where the first one came down
    /** @type {number[]} */ this.followed = []; // the boxes to keep in sight
    this.stop = () => {}; // ends a movement
    this.plane = html("div", { id: "plane" }, figure.querySelector("svg"));
    figure.prepend(this.plane);
    this.size = { width: 0, height: 0 }; // of the figure, see measure
    this.drawn = { x: 0, y: 0, k: 1 }; // the view in which the picture was drawn last
    this.resting = 0;
    this.rested = () => {}; // told when a movement has ended
    this.touched = false; // whether somebody has moved the picture
    this.ground = element("rect", { fill: "none" });
    /** @type {Picture} */ this.picture; // see show
    const told = "The graph: + and − zoom, 0 shows the whole, arrows move it";
    const attributes = { tabindex: 0, role: "group", "aria-label": told };
    for (const name in attributes) figure.setAttribute(name, attributes[name]);
    const options = { passive: false };
    figure.addEventListener("wheel", (event) => this.wheel(event), options);
    for (const kind of ["down", "move", "up", "cancel"]) {
      figure.addEventListener(`pointer${kind}`, (event) => this[kind](event));
    }
    figure.addEventListener("click", (event) => this.dragged && event.stopPropagation(), true);
    figure.addEventListener("scroll", () => figure.scrollTo(0, 0)); // what is focused is brought into view by reveal
    this.map.addEventListener("pointerdown", (event) => this.jump(event));
    this.map.addEventListener("pointermove", (event) => event.buttons && this.jump(event));
    new ResizeObserver(() => this.resized()).observe(figure);
    printing.addEventListener("change", () => this.settle());
  }

  // Puts a picture on the canvas, as it was looked at before or as it opens.
  /** @param {Picture} picture */
  show(picture) {
    if (this.picture === picture) return;
    this.stop();
    [this.picture, this.followed] = [picture, []];
    this.plane.replaceChildren(picture.svg);
    this.measure();
    picture.view ??= this.opening();
    this.settle();
    drawMap(this);
  }

  // From an older picture of the same graph every box moves to where it is now: out of a group, or into it. What was
  // opened or closed stays where it is on the screen, if not all can be seen, and large enough to be read.
  /** @param {Picture} from @param {number} group */
  rearrange(from, group) {
    const [{ picture }, was] = [this, new Map()];
    from.level.boxes.forEach((box, i) => nodesOf(box).forEach((node) => was.set(node, from.places[i])));
    const start = picture.level.boxes.map((box, i) => was.get(nodesOf(box)[0]) ?? picture.places[i]);
    if (this.fitting < READABLE) this.set(this.anchored(from, new Set(data.groups[group].members)));
    picture.svg.classList.add("moving");
    animated((share) => {
      picture.boxes.forEach((g, i) => {
        const [at, to] = [start[i], picture.places[i]];
        g.style.translate = share < 1 ? `${(1 - share) * (at.x - to.x)}px ${(1 - share) * (at.y - to.y)}px` : "";
      });
      if (share === 1) picture.svg.classList.remove("moving");
    }, 450);
  }

  /** @param {Picture} from @param {Set<number>} members @returns {Camera} */
  anchored(from, members) {
    const { view } = from;
    const middle = ({ level, places }) => {
      const held = places.filter((_, i) => nodesOf(level.boxes[i]).some((node) => members.has(node)));
      const between = (name, length) => {
        const ends = held.flatMap((place) => [place[name], place[name] + place[length]]);
        return (Math.min(...ends) + Math.max(...ends)) / 2;
      };
      return { x: between("x", "width"), y: between("y", "height") };
    };
    const across = this.picture.shown.rows.length > 1 ? this.opening() : null; // rows are seen in their whole width
    const [before, now, k] = [middle(from), middle(this.picture), across?.k ?? Math.max(view.k, READABLE)];
    const seen = (at, room) => Math.min(Math.max(at, 0.2 * room), 0.8 * room); // who opens it by the menu sees it too
    const x = across?.x ?? seen(view.x + view.k * before.x, this.size.width) - k * now.x;
    return { x, y: seen(view.y + view.k * before.y, this.size.height) - k * now.y, k };
  }

  // Browsers note for everything that is drawn that it waits for the wheel, for each frame anew; not for what lies on
  // something as large that does.
  measure() {
    const { clientWidth: width, clientHeight: height } = this.figure;
    this.size = { width, height };
    this.ground.remove();
    this.picture.measure({ width: width - 3 * MARGIN, height: height - BUTTONS - 2 * MARGIN });
    const [far, { bounds }] = [5000, this.picture];
    const [wide, high] = [bounds.width + 2 * far, bounds.height + 2 * far];
    const place = { x: bounds.x - far, y: bounds.y - far, width: wide, height: high };
    for (const name in place) this.ground.setAttribute(name, String(place[name]));
    this.picture.camera.prepend(this.ground);
  }

  // The scale at which all of the picture can be seen.
  get fitting() {
    const { width, height } = this.size;
    const { bounds } = this.picture;
    const scales = [(width - 2 * MARGIN) / bounds.width, (height - BUTTONS - MARGIN) / bounds.height];
    return Math.max(0.02, Math.min(...scales, 1.5));
  }

  // The whole picture in the middle, or where there is room below the buttons, there.
  whole() {
    const [k, { width, height }, { bounds }] = [this.fitting, this.size, this.picture];
    const [x, y] = [width / 2 - k * (bounds.x + bounds.width / 2), height / 2 - k * (bounds.y + bounds.height / 2)];
    const lowest = height - MARGIN - k * (bounds.y + bounds.height);
    return { x, y: Math.max(y, Math.min(lowest, BUTTONS - k * bounds.y)), k };
  }

  // The whole picture, or where it could not be read so, its end.
  opening() {
    if (this.fitting >= READABLE) return this.whole();
    const [{ width, height }, { bounds, places, level, shown }] = [this.size, this.picture];
    const end = places[level.root];
    if (shown.rows.length > 1) {
      const k = Math.min(1, (width - 2 * MARGIN) / bounds.width);
      return { x: MARGIN - k * bounds.x, y: height - 3 * BUTTONS - k * (bounds.y + bounds.height), k }; // above the map
    }
    const low = bounds.height < height - 2 * MARGIN ? bounds : end; // all that there is above each other, if it fits
    return { x: width - MARGIN - bounds.x - bounds.width, y: height / 2 - low.y - low.height / 2, k: 1 };
  }

  // Moves the picture at once; some of it stays in sight.
  /** @param {Camera} view */
  set({ x, y, k }) {
    const [{ width, height }, { bounds }] = [this.size, this.picture];
    const kept = (at, low, length, room) => Math.min(Math.max(at, 60 - k * (low + length)), room - 60 - k * low);
    this.picture.view = { x: kept(x, bounds.x, bounds.width, width), y: kept(y, bounds.y, bounds.height, height), k };
    this.place();
  }

  // While the picture moves, what has been drawn of it is moved and stretched.
  place() {
    const [{ view }, at] = [this.picture, this.drawn];
    const k = view.k / at.k;
    this.plane.style.transform = `translate(${view.x - k * at.x}px, ${view.y - k * at.y}px) scale(${k})`;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.settle(), REST);
    drawMap(this);
  }

  // When it rests it is drawn where it is, as large as it is; on paper it is whole.
  settle() {
    clearTimeout(this.resting);
    const { svg, camera, view, bounds } = this.picture;
    const { x, y, width, height } = bounds;
    this.plane.style.transform = "";
    if (printing.matches) {
      svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
      return camera.removeAttribute("transform");
    }
    this.drawn = view;
    this.rested();
    svg.removeAttribute("viewBox");
    camera.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.k})`);
    svg.classList.toggle("far", view.k < ILLEGIBLE);
  }

  // The view by the point of the picture that is in the middle, in one row, which holds in a window of any size.
  centred() {
    const [{ view: { x, y, k }, shown }, { width, height }] = [this.picture, this.size];
    return { ...inOneRow(shown, { x: (width / 2 - x) / k, y: (height / 2 - y) / k }), k };
  }

  // Moves at once to a point in the middle.
  /** @param {Camera} middle */
  look({ k, ...middle }) {
    const { x, y } = inItsRow(this.picture.shown, middle);
    this.act(() => this.set({ x: this.size.width / 2 - k * x, y: this.size.height / 2 - k * y, k }));
  }

  /** @param {Camera} to */
  glide(to) {
    this.stop();
    const from = this.picture.view;
    this.stop = animated((share) => {
      const between = (name) => from[name] + share * (to[name] - from[name]);
      this.set({ x: between("x"), y: between("y"), k: between("k") });
    });
  }

  // The view with another scale and the same point under (x, y).
  /** @param {number} factor @returns {Camera} */
  zoomed(factor, x = this.size.width / 2, y = this.size.height / 2) {
    const { view } = this.picture;
    const k = Math.min(NEAREST, Math.max(Math.min(this.fitting, READABLE) / 2, view.k * factor));
    return { x: x - ((x - view.x) * k) / view.k, y: y - ((y - view.y) * k) / view.k, k };
  }

  /** @param {() => void} action */
  act(action) {
    this.touched = true;
    this.stop();
    action();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.act(() => this.glide(this.zoomed(factor)));
  }

  /** @param {number} x @param {number} y */
  pan(x, y) {
    const { view } = this.picture;
    this.act(() => this.glide({ x: view.x + x, y: view.y + y, k: view.k }));
  }

  fit() {
    this.act(() => this.glide(this.whole()));
    this.touched = false;
  }

  // Whether buttons or the map would lie over one of these boxes.
  /** @param {number[]} boxes @param {Camera} view */
  covered(boxes, { x, y, k }) {
    const ground = this.figure.getBoundingClientRect();
    const over = [...this.figure.querySelectorAll("#view, #map, #groups")].map((part) => part.getBoundingClientRect());
    return boxes.some((box) => {
      const place = this.picture.places[box];
      const [left, top] = [ground.left + x + k * place.x, ground.top + y + k * place.y];
      const [right, bottom] = [left + k * place.width, top + k * place.height];
      return over.some((a) => left < a.right && right > a.left && top < a.bottom && bottom > a.top);
    });
  }

  // Moves the picture as little as needed for these boxes, or at least the last one, to be seen, not quite at an edge.
  /** @param {number[]} boxes */
  reveal(boxes) {
    this.followed = boxes;
    const { clientWidth: width, clientHeight: height } = this.figure; // the words beside it may just have grown
    if (!boxes.length || !width) return;
    const { view, places } = this.picture;
    const shift = (name, length, start, room, stays = true) => {
      const ends = boxes.map((box) => [places[box][name], places[box][name] + places[box][length]]);
      const [low, high] = [Math.min(...ends.map(([a]) => a)), Math.max(...ends.map(([, b]) => b))];
      const [from, to] = (high - low) * view.k <= room - 2 * MARGIN ? [low, high] : ends.at(-1);
      const near = MARGIN - 1; // a picture that just fits is seen, whatever is lost in rounding
      if (stays && start + view.k * from >= near && start + view.k * to <= room - near) return start;
      return room / 2 - (view.k * (from + to)) / 2;
    };
    const to = { x: shift("x", "width", view.x, width), y: shift("y", "height", view.y, height), k: view.k };
    this.map.classList.remove("left");
    if (this.covered(boxes, to)) to.y = shift("y", "height", view.y, height, false);
    if (this.covered(boxes, to)) this.map.classList.add("left");
    if (this.covered(boxes, to)) this.map.classList.remove("left"); // no better
    if (to.x !== view.x || to.y !== view.y) this.glide(to);
  }

  // Whether a box is seen in the upper half.
  /** @param {number} box */
  above(box) {
    const { places, view } = this.picture;
    return view.y + view.k * (places[box].y + places[box].height / 2) < this.size.height / 2;
  }

  // A box in the middle, large enough to be read.
  /** @param {number} box */
  centre(box) {
    const [{ view, places }, { width, height }] = [this.picture, this.size];
    const [k, at] = [Math.max(view.k, 1), places[box]];
    const [x, y] = [width / 2 - k * (at.x + at.width / 2), height / 2 - k * (at.y + at.height / 2)];
    this.act(() => this.glide({ x, y, k }));
  }

  // Until somebody moves the picture it opens anew in a frame of another size; then its middle stays where it is.
  resized() {
    if (!this.picture || !this.figure.clientWidth) return;
    const middle = this.centred();
    this.measure();
    this.stop();
    if (this.touched) this.look(middle);
    else this.set(this.opening());
    this.reveal(this.followed);
  }

  // Where the page itself scrolls, or lies in another, the wheel is the page's until the picture has been clicked.
  /** @param {WheelEvent} event */
  wheel(event) {
    const { scrollHeight, clientHeight } = document.documentElement;
    const shared = window !== window.parent || scrollHeight > clientHeight + 1;
    if (event.target.closest("details") || (shared && !event.ctrlKey && !this.figure.matches(":focus-within"))) return;
    event.preventDefault();
    const { left, top } = this.figure.getBoundingClientRect();
    const step = event.deltaMode ? 20 : 1;
    const { view } = this.picture;
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const along = step * (event.deltaX || event.deltaY);
    const factor = Math.exp((event.ctrlKey ? -0.01 : -0.0015) * step * event.deltaY);
    const zoomed = () => this.zoomed(factor, event.clientX - left, event.clientY - top);
    this.act(() => this.set(sideways ? { ...view, x: view.x - along } : zoomed()));
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.dragged = false;
    if (event.button || event.target.closest("button, details, canvas")) return;
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.from = { x: event.clientX, y: event.clientY };
  }

  // One finger or the mouse moves the picture, two zoom it as well.
  /** @param {PointerEvent} event */
  move(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (!this.dragged && this.fingers.size === 1 && Math.hypot(now.x - this.from.x, now.y - this.from.y) < 4) return;
    this.dragged = true;
    if (!this.figure.hasPointerCapture(event.pointerId)) this.figure.setPointerCapture(event.pointerId);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.fingers.set(event.pointerId, now);
    this.act(() => {
      const { left, top } = this.figure.getBoundingClientRect();
      const second = (a) => other ?? a; // one finger is its own
      const spread = (a) => Math.hypot(a.x - second(a).x, a.y - second(a).y) || 1;
      const middle = (a) => ({ x: (a.x + second(a).x) / 2, y: (a.y + second(a).y) / 2 });
      const [was, is] = [middle(before), middle(now)];
      const view = this.zoomed(spread(now) / spread(before), was.x - left, was.y - top);
      this.set({ ...view, x: view.x + is.x - was.x, y: view.y + is.y - was.y });
    });
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.fingers.delete(event.pointerId);
  }

  cancel(event) {
    this.up(event);
  }

  /** @param {PointerEvent} event */
  jump(event) {
    const [{ left, top, width }, { bounds, view }] = [this.map.getBoundingClientRect(), this.picture];
    const scale = bounds.width / width;
    const [x, y] = [bounds.x + scale * (event.clientX - left), bounds.y + scale * (event.clientY - top)];
    this.act(() => this.set({ x: this.size.width / 2 - view.k * x, y: this.size.height / 2 - view.k * y, k: view.k }));
  }
}
