// What a run would do, as POST /plan tells it.

import { figure } from './account';
import type { NodeId } from './document';
import { type Json, type JsonObject, listOf, objectOf, textOf } from './json';

export interface PlannedNode {
  readonly node: NodeId;
  readonly title: string;
  readonly text: string;
  readonly seconds: number | null;
}

/** Something to say about a node, or about the whole graph. */
export interface Remark {
  readonly node: NodeId | null;
  readonly text: string;
}

export interface Plan {
  readonly run: readonly PlannedNode[];
  readonly cached: number;
  readonly missing: readonly Remark[];
  readonly problems: readonly Remark[];
  /** What nodes say already: a LoRA that fits in part. */
  readonly warnings: readonly Remark[];
  readonly seconds: number;
  readonly peak: number | null;
  /** Classes that have never run here, so that nothing is known of their time. */
  readonly unknown: readonly string[];
}

function place(kind: string): string {
  return kind === 'input' ? 'the input folder' : `models/${kind}`;
}

function objects(json: Json | undefined): JsonObject[] {
  return listOf(json).map((one) => objectOf(one));
}

function warningsOf(notes: JsonObject): Remark[] {
  return Object.entries(notes).flatMap(([node, shown]) =>
    listOf(objectOf(shown).warnings).map((text) => ({ node, text: textOf(text) })),
  );
}

/** The plan in the answer; null when the server refused to make one. */
export function readPlan(answer: JsonObject): Plan | null {
  if (answer.plan === undefined) return null;
  const plan = objectOf(answer.plan);
  const expected = objectOf(plan.expected);
  return {
    run: objects(plan.run).map((item) => ({
      node: textOf(item.node_id),
      title: textOf(item.title),
      text: textOf(item.text),
      seconds: figure(item.seconds),
    })),
    cached: listOf(plan.cached).length,
    missing: objects(plan.missing_models).map((item) => ({
      node: textOf(item.node_id),
      text: `${textOf(item.name)} is not in ${place(textOf(item.kind))}.`,
    })),
    problems: objects(plan.problems).map((item) => ({
      node: textOf(item.node_id) || null,
      text: textOf(item.message),
    })),
    warnings: warningsOf(objectOf(plan.notes)),
    seconds: figure(expected.seconds) ?? 0,
    peak: figure(expected.peak_bytes),
    unknown: listOf(expected.unknown).map((name) => textOf(name)),
  };
}
