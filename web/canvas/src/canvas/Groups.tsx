// The frames of `groups`, drawn below the nodes. They are part of the file and not edited yet.

import { ViewportPortal } from '@xyflow/react';
import { memo, type ReactElement } from 'react';
import { isObject, type Json, listOf, numberOf, textOf } from '../model/json';
import { useDocument } from '../stores/document';

interface Frame {
  readonly title: string;
  readonly colour: string;
  readonly box: readonly [number, number, number, number];
}

function frames(groups: Json | undefined): Frame[] {
  return listOf(groups)
    .filter(isObject)
    .map((group) => {
      const [x, y, w, h] = listOf(group.bounding).map((one) => numberOf(one, 0));
      const colour = textOf(group.color);
      return {
        title: textOf(group.title),
        colour: /^#[0-9a-f]{3,8}$/i.test(colour) ? colour : 'var(--text-2)',
        box: [x ?? 0, y ?? 0, w ?? 0, h ?? 0],
      };
    });
}

export const Groups = memo(function Groups(): ReactElement | null {
  const groups = useDocument((state) => state.history.present.saved.groups);
  const shown = frames(groups);
  if (shown.length === 0) return null;
  return (
    <ViewportPortal>
      {shown.map(({ title, colour, box: [x, y, width, height] }) => (
        <div
          key={`${title} ${x} ${y}`}
          className="group"
          style={{ transform: `translate(${x}px, ${y}px)`, width, height, borderColor: colour }}
        >
          <span>{title}</span>
        </div>
      ))}
    </ViewportPortal>
  );
});
