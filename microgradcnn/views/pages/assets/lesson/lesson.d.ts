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
  live: Live;
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
  fill?: ((n: number) => string) | null;
  along?: string[] | null;
}
interface Array<T> {
  findLastIndex(holds: (item: T, place: number) => boolean): number;
}
