// The desk: nodes and cables in React Flow, and what the pointer does on it. Flow changes become
// commands; what is drawn is derived from the document.

import {
  Background,
  ConnectionMode,
  type Edge,
  type EdgeChange,
  type Node,
  type NodeChange,
  type OnConnectEnd,
  ReactFlow,
  type ReactFlowProps,
  SelectionMode,
  useReactFlow,
} from '@xyflow/react';
import { type ReactElement, useEffect, useMemo } from 'react';
import { moveNodes } from '../model/commands';
import type { NodeId, Point } from '../model/document';
import { HEADER } from '../model/geometry';
import { useCatalog } from '../stores/catalog';
import { live, settle, useDoc } from '../stores/document';
import { useRun } from '../stores/run';
import { select, useUi } from '../stores/ui';
import { Cable } from './Cable';
import { ConnectionLine } from './ConnectionLine';
import { connected, connectionEnded, connectionStarted, isValid } from './connecting';
import { FILE_DROP } from './dropping';
import { flowEdges, flowNodes } from './flow';
import { Groups } from './Groups';
import { lightCables } from './highlight';
import { NodeView } from './NodeView';
import { useShowOnOpen } from './opening';
import { disconnectUnder, pointOf } from './pointer';
import { useNothingMeasured } from './unmeasured';

const SETTINGS: ReactFlowProps = {
  nodeTypes: { patch: NodeView },
  edgeTypes: { cable: Cable },
  connectionLineComponent: ConnectionLine,
  // Loose, because a picked-up cable goes from one input to another; isValidConnection is strict.
  connectionMode: ConnectionMode.Loose,
  connectionRadius: 24,
  connectOnClick: false,
  minZoom: 0.05,
  maxZoom: 4,
  zoomOnDoubleClick: false,
  panOnDrag: [0, 1, 2],
  selectionKeyCode: ['Control', 'Meta'],
  multiSelectionKeyCode: ['Shift', 'Control', 'Meta'],
  selectionMode: SelectionMode.Partial,
  deleteKeyCode: null,
  nodesFocusable: false,
  edgesFocusable: false,
  elevateNodesOnSelect: false,
  onlyRenderVisibleElements: true,
  proOptions: { hideAttribution: true },
};

function nodesChanged(changes: readonly NodeChange[]): void {
  const places = new Map<NodeId, Point>();
  const chosen = new Set(useUi.getState().nodes);
  for (const change of changes) {
    if (change.type === 'position' && change.position && change.dragging) {
      places.set(change.id, [change.position.x, change.position.y + HEADER]);
    }
    if (change.type === 'select') {
      if (change.selected) chosen.add(change.id);
      else chosen.delete(change.id);
    }
  }
  if (places.size > 0) live(moveNodes(places));
  select(chosen, useUi.getState().links);
}

function edgesChanged(changes: readonly EdgeChange[]): void {
  const chosen = new Set(useUi.getState().links);
  for (const change of changes) {
    if (change.type !== 'select') continue;
    if (change.selected) chosen.add(change.id);
    else chosen.delete(change.id);
  }
  select(useUi.getState().nodes, chosen);
}

function useRelatedCables(): void {
  const chosen = useUi((state) => state.nodes);
  useEffect(() => lightCables(chosen), [chosen]);
}

/** React Flow's nodes and edges of the open document. */
function useFlow(): { nodes: Node[]; edges: Edge[] } {
  const doc = useDoc();
  const catalogue = useCatalog((state) => state.catalogue);
  const pictures = useRun((state) => state.pictures);
  const chosenNodes = useUi((state) => state.nodes);
  const chosenLinks = useUi((state) => state.links);
  const nodes = useMemo(
    () => flowNodes(doc, catalogue, chosenNodes, pictures),
    [doc, catalogue, chosenNodes, pictures],
  );
  const edges = useMemo(
    () => flowEdges(doc, catalogue, chosenLinks),
    [doc, catalogue, chosenLinks],
  );
  return { nodes, edges };
}

/** Handlers of the pointer that need to know where on the desk it is. */
function usePlaces(): {
  search: (event: { clientX: number; clientY: number; target: EventTarget }) => void;
  connectEnd: OnConnectEnd;
} {
  const { screenToFlowPosition } = useReactFlow();
  return useMemo(() => {
    const placeOf = ([x, y]: Point): Point => {
      const place = screenToFlowPosition({ x, y });
      return [place.x, place.y];
    };
    return {
      search: ({ clientX, clientY, target }) => {
        // Nodes lie inside the pane's element: only the pane itself is empty canvas.
        if (!(target as Element).classList.contains('react-flow__pane')) return;
        const screen: Point = [clientX, clientY];
        const place = placeOf(screen);
        useUi.setState({ search: { screen, place, filter: null, from: null, to: null } });
      },
      connectEnd: (event, state) => {
        const screen = pointOf(event);
        const under = document.elementFromPoint(...screen);
        connectionEnded({ state, under, screen, place: placeOf(screen) });
      },
    };
  }, [screenToFlowPosition]);
}

export function Canvas(): ReactElement {
  const { nodes, edges } = useFlow();
  const { search, connectEnd } = usePlaces();
  const theme = useUi((state) => state.theme);
  useNothingMeasured();
  useShowOnOpen();
  useRelatedCables();
  return (
    <main
      className="canvas"
      onPointerDownCapture={disconnectUnder}
      onDoubleClick={search}
      {...FILE_DROP}
    >
      <ReactFlow
        {...SETTINGS}
        nodes={nodes}
        edges={edges}
        colorMode={theme}
        onNodesChange={nodesChanged}
        onEdgesChange={edgesChanged}
        onNodeDragStop={settle}
        onSelectionDragStop={settle}
        onConnectStart={(_event, params) => connectionStarted(params)}
        onConnect={connected}
        onConnectEnd={connectEnd}
        isValidConnection={isValid}
      >
        <Background gap={24} size={1.6} color="var(--dots)" bgColor="var(--canvas)" />
        <Groups />
      </ReactFlow>
    </main>
  );
}
