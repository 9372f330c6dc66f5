// What page.py and told.py tell of images, and what the scripts speak of.

interface BoxData {
  maps?: { kind: string; stacked: boolean; rows?: number; columns?: number };
}

interface WindowsData {
  op: string;
  output: number; // nodes, by their places in the order of the graph
  image: number;
  filters: number | null;
  size: number[];
  stride: number[];
  before: number[];
  dilation: number[];
  groups: number;
  transposed: boolean; // windows lie in the output
}

interface Pixel {
  place: number; // of the node
  which: string; // "value" or "gradient"
  map: number;
  at: number[]; // row and column
}

interface Cells {
  numbers: (number | null)[]; // null where there is only padding
  columns: number;
  tone: string;
  most: number; // what the colours end at
  name: string;
  won?: number[]; // cells to mark
}

interface Factors {
  name?: string; // where there are several
  left: number | Cells;
  right: Cells;
  tone: string;
  products: string; // what they are called
}

interface Mark {
  place: number;
  which: string;
  maps: number[];
  pixels: number[][] | null; // null for all
}

interface DocumentEventMap {
  changed: CustomEvent;
  theme: CustomEvent;
}
