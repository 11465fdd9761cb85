// What became of each node of a job, as GET /explain tells it: read once, then a value.

import type { NodeId } from './document';
import { isObject, type Json, type JsonObject, objectOf, textOf } from './json';

export type Fate = 'ran' | 'cached' | 'failed' | 'not needed' | 'not reached';

export interface NodeAccount {
  readonly title: string;
  readonly fate: Fate;
  /** The server's sentence, such as "ran because seed changed from 1 to 2". */
  readonly text: string;
  /** Seconds after the beginning of the job; null for what did not run. */
  readonly start: number | null;
  readonly seconds: number | null;
  /** Bytes of its results, and the most memory in use while it ran, where that was measured. */
  readonly bytes: number | null;
  readonly peak: number | null;
}

export interface JobAccount {
  readonly prompt: string;
  readonly state: string;
  readonly seconds: number | null;
  readonly nodes: ReadonlyMap<NodeId, NodeAccount>;
  /** Nodes that others put in their place while it ran: on no canvas. */
  readonly added: ReadonlyMap<NodeId, NodeAccount>;
}

const FATES: readonly string[] = ['ran', 'cached', 'failed', 'not needed', 'not reached'];

export function figure(value: Json | undefined): number | null {
  return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : null;
}

function readNode(node: JsonObject): NodeAccount {
  const fate = textOf(node.status);
  return {
    title: textOf(node.title) || textOf(node.class_type),
    fate: FATES.includes(fate) ? (fate as Fate) : 'not needed',
    text: textOf(node.text),
    start: figure(node.start),
    seconds: figure(node.seconds),
    bytes: figure(node.bytes),
    peak: figure(node.peak_bytes),
  };
}

function readNodes(json: Json | undefined): ReadonlyMap<NodeId, NodeAccount> {
  const entries = Object.entries(objectOf(json));
  return new Map(
    entries.flatMap(([id, node]) => (isObject(node) ? [[id, readNode(node)] as const] : [])),
  );
}

export function readAccount(answer: JsonObject): JobAccount {
  return {
    prompt: textOf(answer.prompt_id),
    state: textOf(answer.state),
    seconds: figure(answer.seconds),
    nodes: readNodes(answer.nodes),
    added: readNodes(answer.added),
  };
}
