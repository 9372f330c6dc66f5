// The tables of an exercise, as exercise.py and assets/__init__.py write them, and what its classes are made with.

declare const NOTATION: any;
declare const FUNCTIONS: Record<string, { inputs: string[]; static: string[]; apply: Program }>;
declare const EDITS: {
  linear: string[];
  bounds: Record<string, number>;
  instead: [string, string, string][];
  said: Record<string, [string, string]>;
  written: Record<string, string>;
};

interface Flow {
  program: LossProgram;
  theta: number;
  closed: Set<number>;
  changed: Map<number, Numbers>;
  nothing: Numbers;
}
interface Diagnosis {
  kind: string;
  clause: string;
  factor: number | null;
  names: string[];
  nodes: string[];
  direct?: boolean;
}
interface Edit {
  diagnosis: Diagnosis;
  values: Numbers;
  changed: Map<number, Numbers>;
}
interface Edits {
  flow: Flow;
  families: number[][];
  steps: Steps;
  program: LossProgram;
  nodes: LossProgram["nodes"];
  known: Map<number, Map<number, Numbers>>;
}
interface SortedRows {
  rows: Numbers[];
  point: number;
}
interface EditsOfEdge {
  e: number;
  edits: Edit[];
  changes: Numbers[];
}
interface Terms {
  evidence: Evidence;
  flow: Flow;
  program: LossProgram;
  nodes: LossProgram["nodes"];
  steps: Steps;
}
interface Evidence {
  g: Numbers;
  name: string;
  label: string;
}
interface Search {
  evidence: Evidence;
  answer: Written;
  flow: Flow;
  steps: Steps;
  values: Numbers;
}
