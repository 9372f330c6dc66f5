// What Python writes into a page that trains, and fields of classes that are given several at once.

declare const KERNELS: ((memory: Float64Array, code: Int32Array, place: number, rows: number) => number)[];
declare const formula: {FormulaError: new (words: string) => Error};

interface Generator {
  inc: bigint;
}
interface Optimiser {
  name: string;
  steps: number;
}
interface Snapshots {
  stride: number;
  first: number;
}
interface Run {
  task: any;
  chosen: any;
}
interface CurveChart {
  title: string;
  logarithmic: boolean;
}
interface Learnt {
  task: any;
  heading: (words: string) => HTMLElement;
  later: () => void;
}
interface TrainingPanel {
  root: any;
  task: any;
  written: (() => any) | null;
}
interface Array<T> {
  findLast(wanted: (item: T) => boolean): T | undefined;
}
