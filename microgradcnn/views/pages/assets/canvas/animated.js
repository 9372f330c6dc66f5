// What moves takes a moment, unless motion is not wanted; and from which scale on a picture can be read.

const READABLE = 10 / 11; // the smallest letters, of subscripts, are 11 pixels high where a picture has its own size
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// Runs `frame` with shares from 0 to 1 of a moment, or at once where motion is not wanted.
/** @param {(share: number) => void} frame */
function animated(frame, duration = 220) {
  if (calm.matches || document.hidden) return frame(1), () => {};
  const start = performance.now();
  let asked = requestAnimationFrame(function next(now) {
    const share = Math.min(1, Math.max(0, now - start) / duration);
    frame(1 - (1 - share) ** 3);
    if (share < 1) asked = requestAnimationFrame(next);
  });
  return () => cancelAnimationFrame(asked);
}
