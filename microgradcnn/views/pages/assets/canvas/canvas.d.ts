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
