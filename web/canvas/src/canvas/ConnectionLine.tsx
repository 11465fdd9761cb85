// The cable that follows the pointer. When the end of a link is carried it starts at the link's other
// end, where the person sees the cable come from.

import { type ConnectionLineComponentProps, getBezierPath, Position } from '@xyflow/react';
import type { ReactElement } from 'react';
import { typeColour } from '../model/colours';
import type { Doc } from '../model/document';
import { inputType, shapeOf } from '../model/shape';
import { currentCatalogue } from '../stores/catalog';
import { currentDoc } from '../stores/document';
import { useRun } from '../stores/run';
import { useUi } from '../stores/ui';
import { layoutOf, readHandle } from './flow';

interface Start {
  readonly x: number;
  readonly y: number;
  readonly position: Position;
  readonly colour: string;
}

function carriedStart(doc: Doc, id: string): Start | null {
  const link = doc.links.get(id);
  const from = link ? doc.nodes.get(link.from) : undefined;
  if (!link || !from) return null;
  const shape = shapeOf(currentCatalogue(), from.body);
  const picture = useRun.getState().pictures.has(from.id);
  const place = layoutOf(from, shape, picture).outputs[link.output] ?? [0, 0];
  const colour = typeColour(shape.outputs[link.output]?.type ?? link.type);
  const [x, y] = [from.pos[0] + place[0], from.pos[1] + place[1]];
  return { x, y, position: Position.Right, colour };
}

function colourOf(node: string, handle: string | null | undefined): string {
  const end = readHandle(handle);
  const body = currentDoc().nodes.get(node)?.body;
  if (!end || !body) return typeColour('*');
  const shape = shapeOf(currentCatalogue(), body);
  const type =
    end.side === 'output' ? shape.outputs[end.output]?.type : inputType(shape, end.input);
  return typeColour(type ?? '*');
}

export function ConnectionLine(props: ConnectionLineComponentProps): ReactElement {
  const carried = useUi((ui) => ui.drag?.carried?.id);
  const start: Start = (carried ? carriedStart(currentDoc(), carried) : null) ?? {
    x: props.fromX,
    y: props.fromY,
    position: props.fromPosition,
    colour: colourOf(props.fromNode.id, props.fromHandle.id),
  };
  const [path] = getBezierPath({
    sourceX: start.x,
    sourceY: start.y,
    sourcePosition: start.position,
    targetX: props.toX,
    targetY: props.toY,
    targetPosition: start.position === Position.Right ? Position.Left : Position.Right,
  });
  return <path d={path} className="cable live" style={{ stroke: start.colour }} />;
}
