// Lights up what belongs together while the pointer moves, by rewriting one style sheet: no node and
// no cable is rendered again for it, however many there are.

import { typeClass } from '../model/colours';
import type { NodeId } from '../model/document';

const connecting = new CSSStyleSheet();
const related = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, connecting, related];

/** Dim all sockets but those that a cable of this type may end at. */
export function lightSockets(type: string, side: 'input' | 'output'): void {
  const wild = type === '*' || type === '' || type === '0';
  const members = type.split(',').map((member) => typeClass(member.trim()));
  const fitting = wild
    ? [`.canvas .socket.${side}`]
    : [...members, 't-any'].map((name) => `.canvas .socket.${side}.${name}`);
  connecting.replaceSync(`
    .canvas .socket { opacity: .2; }
    .canvas .socket.of-widget:not(.linked) { opacity: 0; }
    ${fitting.join(', ')} { opacity: 1; box-shadow: 0 0 0 4px color-mix(in srgb, var(--c) 32%, transparent); }
  `);
}

export function lightNoSockets(): void {
  connecting.replaceSync('');
}

/** Bring the cables of these nodes to the front and dim the others; none restores all. */
export function lightCables(nodes: Iterable<NodeId>): void {
  const ids = [...nodes].map((id) => CSS.escape(id));
  const mine = ids.flatMap((id) => [`.from-${id}`, `.to-${id}`]);
  if (mine.length === 0) {
    related.replaceSync('');
    return;
  }
  related.replaceSync(`
    .react-flow__edge .cable { opacity: .25; }
    ${mine.map((one) => `.react-flow__edge${one} .cable`).join(', ')} { opacity: 1; stroke-width: 3px; }
  `);
}
