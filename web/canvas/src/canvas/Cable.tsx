// One link: a bezier in the colour of its type.

import { type EdgeProps, getBezierPath } from '@xyflow/react';
import { memo, type ReactElement } from 'react';
import { typeColour } from '../model/colours';
import { BYPASSED, MUTED } from '../model/document';
import { shapeOf } from '../model/shape';
import { useCatalog } from '../stores/catalog';
import { useDocument } from '../stores/document';
import { useUi } from '../stores/ui';

function useLinkColour(id: string): string {
  const catalogue = useCatalog((state) => state.catalogue);
  return useDocument(({ history: { present } }) => {
    const link = present.links.get(id);
    const from = link ? present.nodes.get(link.from) : undefined;
    if (!link || !from) return typeColour('*');
    const type = shapeOf(catalogue, from.body).outputs[link.output]?.type ?? link.type;
    return typeColour(type === '*' ? link.type : type);
  });
}

function useLinkState(id: string): string {
  return useDocument(({ history: { present } }) => {
    const link = present.links.get(id);
    const modes = [link?.from, link?.to].map((end) => present.nodes.get(end ?? '')?.body.mode);
    if (modes.includes(MUTED)) return 'muted';
    return modes.includes(BYPASSED) ? 'bypassed' : '';
  });
}

export const Cable = memo(function Cable(props: EdgeProps): ReactElement | null {
  const colour = useLinkColour(props.id);
  const state = useLinkState(props.id);
  const carried = useUi((ui) => ui.drag?.carried?.id === props.id);
  if (carried) return null;
  const [path] = getBezierPath(props);
  return (
    <>
      <path
        d={path}
        className={`cable ${state} ${props.selected ? 'selected' : ''}`}
        style={{ stroke: colour }}
      />
      <path d={path} className="cable-hit react-flow__edge-interaction" />
    </>
  );
});
