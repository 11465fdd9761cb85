// Small questions about pointer events on the canvas.

import type { PointerEvent } from 'react';
import { linkInto, linksOutOf, type Point } from '../model/document';
import { removeLinks } from '../model/links';
import { commit, currentDoc } from '../stores/document';
import { readHandle } from './flow';

/** Where on the screen a mouse or touch event ended. */
export function pointOf(event: MouseEvent | TouchEvent): Point {
  if ('changedTouches' in event) {
    const touch = event.changedTouches[0];
    return [touch?.clientX ?? 0, touch?.clientY ?? 0];
  }
  return [event.clientX, event.clientY];
}

/** Ctrl+Alt-click on a socket takes its links away. */
export function disconnectUnder(event: PointerEvent): void {
  if (!(event.ctrlKey || event.metaKey) || !event.altKey) return;
  const socket = (event.target as Element).closest('.socket');
  const node = socket?.getAttribute('data-nodeid');
  const end = readHandle(socket?.getAttribute('data-handleid'));
  if (!node || !end) return;
  event.preventDefault();
  event.stopPropagation();
  const doc = currentDoc();
  const into = end.side === 'input' ? linkInto(doc, node, end.input) : undefined;
  const links = end.side === 'output' ? linksOutOf(doc, node, end.output) : into ? [into] : [];
  commit(removeLinks(links.map((link) => link.id)));
}
