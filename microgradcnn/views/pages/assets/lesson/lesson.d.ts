// What the classes of a lesson's scenes are made with, and what a page tells them.

interface Live {
  weights: string[];
  weight: string;
  f: string;
  open: boolean;
}
interface LiveDrawing {
  svg: any;
  live: Live;
}
interface Guess {
  live: { open: boolean; watch: (show: () => void) => void };
  place: any;
  wanted: () => { name: any[]; number: number; about: string };
  shown: (open: boolean) => void;
  open: boolean;
  about: string;
}
interface Boxes {
  edges: [number, number, boolean][];
  words: (n: number) => string;
  about: string;
  under?: ((n: number) => string[]) | null;
  beside?: boolean;
  fill?: ((n: number) => string) | null;
  along?: string[] | null;
}
interface Parts {
  scene: any;
  title: any;
  changed: () => void;
}
interface ArrayGraph {
  f: string;
  root: number;
  moved: number;
  nodes: [number, number[], number[], any][];
  operations: { to: number[]; value: (v: Float64Array) => any[]; back: (v: Float64Array) => any[] }[];
  edges: [number, number][];
}
declare const GREEK: Map<string, string>;
interface Array<T> {
  findLast(holds: (item: T) => boolean): T | undefined;
  findLastIndex(holds: (item: T, place: number) => boolean): number;
}
