// One node. Reads its own document node from the store, so an edit re-renders one component; far out
// it is drawn as a title, and further out as a plain box.

import { type NodeProps, useStore } from '@xyflow/react';
import { memo, type ReactElement, useMemo } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { subgraphName } from '../formats/prompt';
import { t } from '../i18n';
import { BYPASSED, linkIndex, MUTED, type NodeBody, type NodeId } from '../model/document';
import type { NodeRun } from '../model/run';
import { type Shape, shapeOf } from '../model/shape';
import { useCatalog } from '../stores/catalog';
import { useBody, useDocument } from '../stores/document';
import { useRun } from '../stores/run';
import { layoutOf } from './flow';
import { NodeBodyView } from './NodeBody';
import { endText, NodeFate } from './NodeFate';
import { NodeHeader, runText } from './NodeHeader';
import { NodeResize } from './NodeResize';

const TITLE_ZOOM = 0.45;
const BOX_ZOOM = 0.15;

function useDetail(): 'full' | 'title' | 'box' {
  return useStore(({ transform: [, , zoom] }) =>
    zoom < BOX_ZOOM ? 'box' : zoom < TITLE_ZOOM ? 'title' : 'full',
  );
}

/** Names of the inputs and indexes of the outputs that have links, as one stable text. */
function useLinked(id: NodeId): ReadonlySet<string> {
  const ends = useDocument(
    useShallow(({ history: { present } }) => {
      const { into, outOf } = linkIndex(present);
      return [
        ...(into.get(id)?.keys() ?? []),
        ...(outOf.get(id) ?? []).map((link) => `>${link.output}`),
      ];
    }),
  );
  return useMemo(() => new Set(ends), [ends]);
}

function useStateClass(id: NodeId, body: NodeBody | undefined, missing: boolean): string {
  const phase = useRun((state) => state.nodes.get(id)?.phase ?? '');
  const wrong = useRun((state) => state.problems.some((problem) => problem.node === id));
  const mode = body?.mode;
  return [
    phase,
    wrong && 'wrong',
    mode === MUTED && 'muted',
    mode === BYPASSED && 'bypassed',
    missing && 'missing',
    body?.collapsed && 'collapsed',
  ]
    .filter(Boolean)
    .join(' ');
}

/** A subgraph is called by its definition's name: its class is a number nobody knows. */
function useNamed(body: NodeBody | undefined, shape: Shape | null): Shape | null {
  const name = useDocument(({ history: { present } }) =>
    body && shape?.def === null ? subgraphName(present, body.type) : null,
  );
  const title = body?.title ?? name;
  return useMemo(
    () => (shape && name && title ? { ...shape, title } : shape),
    [shape, name, title],
  );
}

/** What the name of a node tells of its run; progress has a bar with words of its own. */
function saidOf(run: NodeRun | undefined): string {
  return run?.phase === 'running' ? '' : runText(run) || endText(run);
}

function NodeViewInner({ id, selected }: NodeProps): ReactElement | null {
  const body = useBody(id);
  const size = useDocument((state) => state.history.present.nodes.get(id)?.size);
  const catalogue = useCatalog((state) => state.catalogue);
  const detail = useDetail();
  const linked = useLinked(id);
  const picture = useRun((state) => state.pictures.has(id));
  const shape = useNamed(body, body ? shapeOf(catalogue, body) : null);
  const state = useStateClass(id, body, shape?.def === null);
  const said = useRun((run) => saidOf(run.nodes.get(id)));
  if (!body || !size || !shape) return null;
  const places = layoutOf({ body, size }, shape, picture);
  const name = [shape.title, body.type, said].filter(Boolean).join(', ');
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset groups form fields, this groups a node
    <div
      role="group"
      className={`node ${state} ${selected ? 'selected' : ''} ${detail}`}
      aria-label={t('node.name', { name })}
    >
      {detail !== 'box' && <NodeHeader id={id} body={body} shape={shape} />}
      {detail === 'full' && (
        <NodeBodyView id={id} body={body} shape={shape} places={places} linked={linked} />
      )}
      {detail === 'full' && !body.collapsed && <NodeResize id={id} />}
      {detail === 'full' && <NodeFate id={id} />}
    </div>
  );
}

export const NodeView = memo(NodeViewInner, (a, b) => a.id === b.id && a.selected === b.selected);
