// What all scripts speak of, and what browsers have beyond ES2022 and TypeScript 4.8, for the type check of
// tests/javascript_types.py. In a folder's d.ts file stands what its scripts take as given: the data that Python writes
// into a page, and the fields that classes get from it.

type Numbers = number[];
type Program = (numbers: Numbers) => Numbers;

// A page's scripts know what is in the page, and ask for the last of a list, or what is under a key, where it is there.
interface ParentNode {
  querySelector(selectors: string): any;
  querySelectorAll(selectors: string): NodeListOf<any>;
}
interface NonElementParentNode {
  getElementById(id: string): any;
}
interface Document {
  getElementById(id: string): any;
}

interface UIEvent {
  readonly target: any;
}
interface Map<K, V> {
  get(key: K): V;
}
interface Array<T> {
  at(place: number): T;
  pop(): T;
  shift(): T;
  toReversed(): T[];
  toSorted(compare?: (a: T, b: T) => number): T[];
  with(place: number, item: T): T[];
}
interface MapConstructor {
  groupBy<T, K>(items: Iterable<T>, key: (item: T) => K): Map<K, T[]>;
}
declare class DecompressionStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor(format: string);
}
interface Float64Array {
  with(place: number, item: number): Float64Array;
}
