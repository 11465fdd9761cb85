// Where a document is seen first: whole, or on a narrow screen its beginning at a readable zoom.

import { getNodesBounds, getViewportForBounds, useReactFlow, useStore } from '@xyflow/react';
import { useEffect } from 'react';
import { currentCatalogue } from '../stores/catalog';
import { currentDoc, useDocument } from '../stores/document';
import { flowNodes } from './flow';

const NARROW = 900;
const READABLE = 0.6;
const MARGIN = 16;
const PADDING = 0.05;
const ZOOM_LEAST = 0.05;

export function useShowOnOpen(): void {
  const { setViewport } = useReactFlow();
  const generation = useDocument((state) => state.generation);
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const known = width > 0 && height > 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new document asks for it, a new size does not
  useEffect(() => {
    const nodes = flowNodes(currentDoc(), currentCatalogue(), new Set(), new Map());
    if (!known || nodes.length === 0) return;
    const box = getNodesBounds(nodes);
    const whole = getViewportForBounds(box, width, height, ZOOM_LEAST, 1, PADDING);
    const beginning = {
      x: MARGIN - box.x * READABLE,
      y: 3 * MARGIN - box.y * READABLE,
      zoom: READABLE,
    };
    void setViewport(width < NARROW && whole.zoom < READABLE ? beginning : whole);
  }, [generation, known]);
}
