// Where things lie on the canvas, and what is lit there.

interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}
type Size = Pick<Place, "width" | "height">;
interface Arrow {
  parent: number;
  child: number;
  source: number;
  local: boolean;
}
interface Route {
  curve: string;
  x: number;
  y: number;
  end: number;
  roomy: boolean;
}
interface Camera {
  x: number;
  y: number;
  k: number; // the scale
}
interface Picture {
  view: Camera; // as it was last looked at
}
interface Lit {
  boxes: Set<number>;
  links: Set<number>;
}
type Point = Pick<Place, "x" | "y">;
interface Leg {
  row: number;
  points: Point[];
}
// A part of what was laid out long from `start` on, moved to the `left` and `down`.
interface Row {
  start: number;
  left: number;
  down: number;
  top: number;
  bottom: number;
}
// One that is being made: the heights at which lines come in, all that it reaches, and its boxes' right sides.
interface Part extends Row {
  coming: number[];
  heights: number[];
  sides: number[];
}
interface Laid {
  boxes: Place[];
  frames: Place[];
  routes: Point[][];
  rows: Row[];
  size: Size;
}
