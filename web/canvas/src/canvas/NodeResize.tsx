// The corner that a node is resized by. One drag is one undo step.

import { useReactFlow } from '@xyflow/react';
import { memo, type PointerEvent, type ReactElement } from 'react';
import { resizeNode } from '../model/commands';
import type { NodeId } from '../model/document';
import { layout, minimumWidth } from '../model/geometry';
import { shapeOf } from '../model/shape';
import { currentCatalogue } from '../stores/catalog';
import { currentDoc, live, settle } from '../stores/document';

export const NodeResize = memo(function NodeResize({ id }: { id: NodeId }): ReactElement {
  const { getZoom } = useReactFlow();
  const begin = (event: PointerEvent<HTMLDivElement>): void => {
    const node = currentDoc().nodes.get(id);
    if (!node) return;
    const shape = shapeOf(currentCatalogue(), node.body);
    const { width, height } = layout(shape, node.size, { collapsed: false, picture: false });
    const [x, y, zoom] = [event.clientX, event.clientY, getZoom()];
    const corner = event.currentTarget;
    corner.setPointerCapture(event.pointerId);
    corner.onpointermove = (move) => {
      const wide = Math.max(minimumWidth(shape), width + (move.clientX - x) / zoom);
      const least = layout(shape, [0, 0], { collapsed: false, picture: false }).height;
      const tall = Math.max(least, height + (move.clientY - y) / zoom);
      live(resizeNode(id, [Math.round(wide), Math.round(tall)]));
    };
    corner.onpointerup = () => {
      corner.onpointermove = null;
      settle();
    };
  };
  return <div className="node-resize nodrag nopan" onPointerDown={begin} />;
});
