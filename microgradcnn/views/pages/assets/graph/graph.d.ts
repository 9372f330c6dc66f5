// The data of a graph's page, as page.py writes it, and what its levels compute.

// A level of arrays gives {data, shape}, one of scalars numbers.
declare const programs: (((numbers: Float64Array, constants: Float64Array) => any[]) | null)[];

interface BoxData {
  name: string;
  within?: string; // of a parameter that is called by a letter: where it is in its model
  leaf: boolean;
  node?: number; // its place in the order of the graph
  place?: number; // of a leaf: where its numbers begin
  gradient?: boolean;
  shape?: number[];
  columns?: number; // of its heat map
  cells?: number[];
  maps?: MapsData; // where its numbers are drawn as strips or images
  group?: number; // which it is, closed
  ends: number[]; // of a view: the boxes of the finest level whose numbers it shows
}

interface LinkData {
  parent: number;
  child: number;
  local: boolean;
  size: number; // how many numbers are sent back, 0 for none
  recorded?: string;
  links: number[]; // of a view: the links of the finest level that it stands for
  through: number | null; // the group that it ends at, closed
  from: number;
}

interface LevelData {
  title: string;
  live: boolean;
  backward: boolean; // whether it has gradients, computed live
  arrays: boolean; // whether its program gives arrays
  constants: number; // how many of the page's numbers are constants of its program
  root: number;
  most: { value: number; gradient: number };
  boxes: BoxData[];
  links: LinkData[];
  passes: number[];
  derivations: Record<number, [string, number[]][] | undefined>;
  closed?: number[] | null;
  shownAs: number[]; // of a view: the box that each of the finest level is in
}
interface Level extends Omit<LevelData, "constants"> {
  fine?: Level | null;
  before?: Map<number, number[]>; // the links into each box, see linksInto
}

interface MapsData {
  kind: string;
  stacked: boolean;
  columns?: number; // of a strip
  rows?: number;
}

interface GroupData {
  columns: number;
  maps?: MapsData;
  name: string;
  kind: string;
  members: number[];
  head: number | null;
  outer: number | null;
}

interface Step {
  kind: string; // of tellings, in step_words.js
  box?: number; // whose value or gradient it is
  link?: any; // along which something is sent back
}

interface Results {
  values: Numbers[]; // of each box
  gradients: any[]; // likewise, null where no gradient flows
  locals: any[]; // of each link the local derivative, null where it is no number
  sent: any[]; // likewise all that is sent back, null where nothing is
  all?: Results; // of a view: those of the finest level
}

// What a box was painted with.
interface Painted {
  known: boolean;
  complete: boolean;
  asked: boolean;
  lit: boolean;
  live: boolean;
  numbers: any[];
}

interface State {
  level: Level;
  step: number;
  numbers: Float64Array; // of the leaves
  derived: number | null; // the box whose gradient is derived
  prediction: Prediction | null;
  losses: Numbers; // of descent
  pointed: number | null;
  opening: boolean; // whether nobody has asked for a step yet
}

interface DocumentEventMap {
  "close-group": CustomEvent<{ group: number }>;
  "light-path": CustomEvent<{ labels: string[] }>;
}
