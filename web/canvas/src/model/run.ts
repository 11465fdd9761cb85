// What is known about runs, as a value: each message of the server makes the next one. No sockets and
// no pictures in memory here: see server/socket.ts and stores/run.ts.

import type { NodeId } from './document';
import { isObject, type Json, type JsonObject, listOf, numberOf, objectOf, textOf } from './json';
import { executionProblem, type Problem } from './problems';

export type Phase = 'running' | 'done' | 'cached' | 'error';

export interface NodeRun {
  readonly phase: Phase;
  readonly value: number;
  readonly max: number;
  /** Milliseconds on the clock given to `receive`. */
  readonly since: number;
  readonly took: number | null;
}

export interface FileRef {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

export interface RunState {
  /** Pending and running on the server, whoever sent them. */
  readonly queue: number;
  /** Prompts sent for the open document that have not ended. */
  readonly jobs: ReadonlySet<string>;
  readonly current: string | null;
  readonly nodes: ReadonlyMap<NodeId, NodeRun>;
  readonly pictures: ReadonlyMap<NodeId, readonly FileRef[]>;
  readonly problems: readonly Problem[];
}

export const IDLE: RunState = {
  queue: 0,
  jobs: new Set(),
  current: null,
  nodes: new Map(),
  pictures: new Map(),
  problems: [],
};

export interface Message {
  readonly type: string;
  readonly data: JsonObject;
}

export function submitted(state: RunState, prompt: string, problems: readonly Problem[]): RunState {
  return { ...state, jobs: new Set([...state.jobs, prompt]), problems };
}

function start(prompt: string, state: RunState): RunState {
  return { ...state, current: prompt, nodes: new Map() };
}

function withNode(state: RunState, id: NodeId, run: NodeRun): RunState {
  return { ...state, nodes: new Map(state.nodes).set(id, run) };
}

function running(state: RunState, id: NodeId, value: number, max: number, now: number): RunState {
  const before = state.nodes.get(id);
  const since = before?.phase === 'running' ? before.since : now;
  const same = before?.phase === 'running' && before.value === value && before.max === max;
  if (same) return state;
  return withNode(state, id, { phase: 'running', value, max, since, took: null });
}

function finished(state: RunState, id: NodeId, now: number): RunState {
  const before = state.nodes.get(id);
  if (before && before.phase !== 'running') return state;
  const since = before?.since ?? now;
  return withNode(state, id, { phase: 'done', value: 1, max: 1, since, took: now - since });
}

/** Everything that still runs is over: `executing` with no node, or the end of the prompt. */
function settle(state: RunState, now: number): RunState {
  let next = state;
  for (const [id, run] of state.nodes) if (run.phase === 'running') next = finished(next, id, now);
  return next;
}

function ended(state: RunState, prompt: string, now: number): RunState {
  const jobs = new Set(state.jobs);
  jobs.delete(prompt);
  const over = state.current === prompt ? { ...settle(state, now), current: null } : state;
  return { ...over, jobs };
}

/** Drops the marks of nodes that were running when the job was stopped. */
function interrupted(state: RunState, prompt: string, now: number): RunState {
  const nodes = new Map([...state.nodes].filter(([, run]) => run.phase !== 'running'));
  return ended({ ...state, nodes }, prompt, now);
}

function failed(state: RunState, data: JsonObject, now: number): RunState {
  const problem = executionProblem(data);
  const marked = problem.node
    ? withNode(state, problem.node, { phase: 'error', value: 0, max: 1, since: now, took: null })
    : state;
  return { ...marked, problems: [...marked.problems, problem] };
}

export function filesOf(output: Json | undefined): FileRef[] {
  const items = isObject(output) ? [...listOf(output.images), ...listOf(output.gifs)] : [];
  return items.filter(isObject).map((item) => ({
    filename: textOf(item.filename),
    subfolder: textOf(item.subfolder),
    type: textOf(item.type, 'output'),
  }));
}

/** Pictures of a finished node, by the node of the user's graph. */
export function withOutput(state: RunState, node: NodeId, output: Json | undefined): RunState {
  const files = filesOf(output);
  if (files.length === 0) return state;
  return { ...state, pictures: new Map(state.pictures).set(node, files) };
}

function progressState(state: RunState, nodes: JsonObject, now: number): RunState {
  let next = state;
  for (const entry of Object.values(nodes)) {
    const node = objectOf(entry);
    const id = textOf(node.display_node_id) || textOf(node.node_id);
    if (node.state === 'running') {
      next = running(next, id, numberOf(node.value, 0), numberOf(node.max, 1), now);
    } else if (node.state === 'finished') next = finished(next, id, now);
  }
  return next;
}

function cached(state: RunState, ids: Json | undefined, now: number): RunState {
  const nodes = new Map(state.nodes);
  for (const id of listOf(ids)) {
    nodes.set(String(id), { phase: 'cached', value: 1, max: 1, since: now, took: null });
  }
  return { ...state, nodes };
}

function ofJob(state: RunState, { type, data }: Message, prompt: string, now: number): RunState {
  const node = textOf(data.display_node) || textOf(data.node);
  switch (type) {
    case 'execution_start':
      return start(prompt, state);
    case 'execution_cached':
      return cached(state, data.nodes, now);
    case 'executing':
      return node ? running(settle(state, now), node, 0, 1, now) : ended(state, prompt, now);
    case 'progress':
      return running(state, node, numberOf(data.value, 0), numberOf(data.max, 1), now);
    case 'progress_state':
      return progressState(state, objectOf(data.nodes), now);
    case 'executed':
      return withOutput(finished(state, node, now), node, data.output);
    case 'execution_error':
      return failed(state, data, now);
    case 'execution_interrupted':
      return interrupted(state, prompt, now);
    case 'execution_success':
      return settle(state, now);
    default:
      return state;
  }
}

/** The last message about a prompt: its result is on the server's disk. */
export function isEnd({ type, data }: Message): boolean {
  return type === 'executing' && !textOf(data.node);
}

/** The next state; messages of other people's prompts change nothing but the queue count. */
export function receive(state: RunState, message: Message, now: number): RunState {
  const { type, data } = message;
  if (type === 'status') {
    const info = objectOf(objectOf(data.status).exec_info);
    const queue = numberOf(info.queue_remaining, state.queue);
    return queue === state.queue ? state : { ...state, queue };
  }
  const prompt = textOf(data.prompt_id);
  return state.jobs.has(prompt) ? ofJob(state, message, prompt, now) : state;
}

/** A job that ended while the connection was away, from its history entry. */
export function catchUp(state: RunState, prompt: string, entry: JsonObject, now: number): RunState {
  let next = state.current === prompt ? state : start(prompt, state);
  for (const [node, output] of Object.entries(objectOf(entry.outputs))) {
    next = withOutput(finished(next, node, now), node, output);
  }
  for (const message of listOf(objectOf(entry.status).messages)) {
    const [type, data] = listOf(message);
    if (type === 'execution_error') next = failed(next, objectOf(data), now);
  }
  return ended(next, prompt, now);
}

/** Problems stay until their node changes. */
export function forgetNode(state: RunState, id: NodeId): RunState {
  const problems = state.problems.filter((problem) => problem.node !== id);
  const run = state.nodes.get(id);
  if (problems.length === state.problems.length && run?.phase !== 'error') return state;
  const nodes = new Map(state.nodes);
  if (run?.phase === 'error') nodes.delete(id);
  return { ...state, problems, nodes };
}
