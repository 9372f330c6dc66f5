// The map in a corner of the canvas: every box, and a frame around what is seen; it goes when that is all.

/** @param {Canvas} canvas */
function drawMap({ map, size, picture, figure }) {
  const { bounds, places, view } = picture;
  const { x, y, k } = view;
  const seen = { x: -x / k, y: -y / k, width: size.width / k, height: size.height / k };
  const inside = (low, length) => {
    return bounds[low] >= seen[low] - 1 && bounds[low] + bounds[length] <= seen[low] + seen[length] + 1;
  };
  map.hidden = inside("x", "width") && inside("y", "height");
  if (map.hidden) return;
  const room = { width: Math.min(160, 0.3 * size.width), height: Math.min(100, 0.2 * size.height) };
  const scale = Math.min(room.width / bounds.width, room.height / bounds.height);
  const sharp = devicePixelRatio || 1;
  const [width, height] = [bounds.width, bounds.height].map((length) => Math.max(20, Math.round(length * scale)));
  if (map.width !== width * sharp || map.height !== height * sharp) {
    Object.assign(map, { width: width * sharp, height: height * sharp });
    Object.assign(map.style, { width: `${width}px`, height: `${height}px` });
  }
  const inset = { x: (width - scale * bounds.width) / 2, y: (height - scale * bounds.height) / 2 };
  const pen = /** @type {CanvasRenderingContext2D} */ (map.getContext("2d"));
  const colours = getComputedStyle(figure);
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, width, height);
  const rect = (fill, { x, y, width, height }) => {
    const [wide, high] = [width, height].map((length) => Math.max(1.5, scale * length));
    pen[fill](scale * (x - bounds.x) + inset.x, scale * (y - bounds.y) + inset.y, wide, high);
  };
  pen.fillStyle = colours.getPropertyValue("--line");
  for (const place of places) rect("fillRect", place);
  [pen.strokeStyle, pen.lineWidth] = [colours.getPropertyValue("--accent"), 2];
  const [left, top] = [Math.max(seen.x, bounds.x), Math.max(seen.y, bounds.y)];
  const right = Math.min(seen.x + seen.width, bounds.x + bounds.width);
  const bottom = Math.min(seen.y + seen.height, bounds.y + bounds.height);
  rect("strokeRect", { x: left, y: top, width: right - left, height: bottom - top });
}
