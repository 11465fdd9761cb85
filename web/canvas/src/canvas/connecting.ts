// What dragging a cable does: which drops are allowed, and what each of them changes.

import type { Connection, Edge, FinalConnectionState, OnConnectStartParams } from '@xyflow/react';
import { t } from '../i18n';
import { linkInto, type NodeId, type Point } from '../model/document';
import {
  bestInput,
  bestOutput,
  connect,
  type InputEnd,
  inputTypeOf,
  mayConnect,
  moveLink,
  type OutputEnd,
  outputTypeOf,
  removeLinks,
  type Verdict,
} from '../model/links';
import { shapeOf } from '../model/shape';
import { currentCatalogue } from '../stores/catalog';
import { commit, currentDoc } from '../stores/document';
import { type CableDrag, toast, useUi } from '../stores/ui';
import { type HandleEnd, readHandle } from './flow';
import { lightNoSockets, lightSockets } from './highlight';

function current(): CableDrag | null {
  return useUi.getState().drag;
}

function begin(drag: CableDrag): void {
  useUi.setState({ drag });
}

export function connectionStarted({ nodeId, handleId }: OnConnectStartParams): void {
  const end = readHandle(handleId);
  if (!nodeId || !end) return;
  const doc = currentDoc();
  const catalogue = currentCatalogue();
  if (end.side === 'output') {
    const output = { node: nodeId, output: end.output };
    begin({ output, input: null, carried: null });
    lightSockets(outputTypeOf(doc, catalogue, output) ?? '*', 'input');
    return;
  }
  const input = { node: nodeId, input: end.input };
  const link = linkInto(doc, nodeId, end.input);
  if (link) {
    const output = { node: link.from, output: link.output };
    begin({ output, input: null, carried: link });
    lightSockets(outputTypeOf(doc, catalogue, output) ?? '*', 'input');
    return;
  }
  begin({ output: null, input, carried: null });
  lightSockets(inputTypeOf(doc, catalogue, input) ?? '*', 'output');
}

/** Where a drop would connect, given the drag: null when both ends are of one kind. */
function wish(connection: Connection | Edge): { from: OutputEnd; to: InputEnd } | null {
  const source = readHandle(connection.sourceHandle);
  const target = readHandle(connection.targetHandle);
  const drag = current();
  if (drag?.carried && drag.output) {
    // React Flow calls the handle that the drag began at the target: the drop is the source.
    if (source?.side !== 'input') return null;
    return { from: drag.output, to: { node: connection.source, input: source.input } };
  }
  if (source?.side !== 'output' || target?.side !== 'input') return null;
  return {
    from: { node: connection.source, output: source.output },
    to: { node: connection.target, input: target.input },
  };
}

function verdict(from: OutputEnd, to: InputEnd): Verdict {
  const carried = current()?.carried;
  const doc = carried ? removeLinks([carried.id])(currentDoc()) : currentDoc();
  return mayConnect(doc, currentCatalogue(), from, to);
}

export function isValid(connection: Connection | Edge): boolean {
  const ends = wish(connection);
  return ends !== null && verdict(ends.from, ends.to).ok;
}

function join(from: OutputEnd, to: InputEnd): void {
  const catalogue = currentCatalogue();
  const carried = current()?.carried;
  commit(carried ? moveLink(catalogue, carried, to) : connect(catalogue, from, to));
}

export function connected(connection: Connection): void {
  const ends = current() ? wish(connection) : null;
  if (ends) join(ends.from, ends.to);
}

function titleOf(id: NodeId): string {
  const node = currentDoc().nodes.get(id);
  return node ? shapeOf(currentCatalogue(), node.body).title : id;
}

function refuse(reason: Verdict, from: OutputEnd | null, to: InputEnd | null): void {
  if (reason.ok) return;
  if (reason.why === 'cycle') {
    toast(t('connect.cycle', { path: reason.nodes.map(titleOf).join(' → ') }), 'error');
    return;
  }
  const doc = currentDoc();
  const catalogue = currentCatalogue();
  const give = (from && outputTypeOf(doc, catalogue, from)) ?? '?';
  const take = (to && inputTypeOf(doc, catalogue, to)) ?? '?';
  toast(t('connect.type', { give, take }), 'error');
}

/** A drop on the body of a node: its best fitting socket takes the cable. */
function droppedOnNode(node: NodeId, going: CableDrag): void {
  const doc = currentDoc();
  const catalogue = currentCatalogue();
  const to = going.output ? bestInput(doc, catalogue, going.output, node) : going.input;
  const from = going.input ? bestOutput(doc, catalogue, going.input, node) : going.output;
  if (!from || !to) {
    toast(t('connect.nothing', { node: titleOf(node) }), 'error');
    return;
  }
  const answer = verdict(from, to);
  if (answer.ok) join(from, to);
  else refuse(answer, from, to);
}

function droppedOnNothing(going: CableDrag, screen: Point, place: Point): void {
  if (going.carried) {
    commit(removeLinks([going.carried.id]));
    return;
  }
  const doc = currentDoc();
  const catalogue = currentCatalogue();
  const type = going.output
    ? outputTypeOf(doc, catalogue, going.output)
    : going.input && inputTypeOf(doc, catalogue, going.input);
  useUi.setState({
    search: {
      screen,
      place,
      filter: { side: going.output ? 'input' : 'output', type: type ?? '*' },
      from: going.output,
      to: going.input,
    },
  });
}

export function cancelConnection(): void {
  lightNoSockets();
  if (current()) useUi.setState({ drag: null });
}

export interface Drop {
  readonly state: FinalConnectionState;
  readonly under: Element | null;
  readonly screen: Point;
  readonly place: Point;
}

export function connectionEnded({ state, under, screen, place }: Drop): void {
  const going = current();
  if (!going) return;
  if (!state.isValid) decide(going, { state, under, screen, place });
  cancelConnection();
}

function decide(going: CableDrag, { state, under, screen, place }: Drop): void {
  const node = under?.closest('.react-flow__node')?.getAttribute('data-id') ?? null;
  const home = state.fromNode?.id;
  const handle = readHandle(state.toHandle?.id);
  if (handle && state.toNode && state.toNode.id !== home) {
    refuseHandle(going, state.toNode.id, handle);
  } else if (node === home) {
    return;
  } else if (node) {
    droppedOnNode(node, going);
  } else if (under?.closest('.react-flow__pane')) {
    droppedOnNothing(going, screen, place);
  }
}

/** A drop on a socket that can't take the cable: says why. */
function refuseHandle(going: CableDrag, node: NodeId, handle: HandleEnd): void {
  if (handle.side !== (going.output ? 'input' : 'output')) {
    toast(t('connect.sides'), 'error');
    return;
  }
  const to = handle.side === 'input' ? { node, input: handle.input } : going.input;
  const from = handle.side === 'output' ? { node, output: handle.output } : going.output;
  if (from && to) refuse(verdict(from, to), from, to);
}
