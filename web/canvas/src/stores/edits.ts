// The commands of menus and keys that act on the selection. Each says why when it can't be done.

import { parseJson, writeJson } from '../formats/json';
import { openJson } from '../formats/open';
import { writeWorkflow } from '../formats/workflow-write';
import { t } from '../i18n';
import { cornerOf, fragment, freeShift, insert } from '../model/clipboard';
import { removeNodes, shiftNodes, toggleCollapsed, toggleMode } from '../model/commands';
import { BYPASSED, type Doc, MUTED, type NodeId, type Point } from '../model/document';
import { bridgeLinks, removeLinks } from '../model/links';
import { inputKind } from '../model/shape';
import { currentCatalogue } from './catalog';
import { commit, currentDoc } from './document';
import { select, toast, useUi } from './ui';

const DUPLICATE_SHIFT: Point = [20, 20];

function selected(): ReadonlySet<NodeId> {
  return useUi.getState().nodes;
}

export function selectAll(): void {
  select(currentDoc().nodes.keys());
}

/** `join`: connect what the deleted nodes linked. */
export function deleteSelection(join = false): void {
  const { nodes, links } = useUi.getState();
  const catalogue = currentCatalogue();
  commit((doc) => {
    const bridged = join ? [...nodes].reduce((d, id) => bridgeLinks(catalogue, id)(d), doc) : doc;
    return removeNodes(nodes)(removeLinks(links)(bridged));
  });
  select([]);
}

function put(part: Doc, start: Point): void {
  let added: NodeId[] = [];
  commit((doc) => {
    const result = insert(doc, part, freeShift(doc, part, start));
    added = result.ids;
    return result.doc;
  });
  select(added);
}

export function duplicate(): void {
  if (selected().size > 0) put(fragment(currentDoc(), selected()), DUPLICATE_SHIFT);
}

/** The selection as the text that goes on the clipboard, or null when nothing is selected. */
export function copyText(): string | null {
  if (selected().size === 0) return null;
  const part = fragment(currentDoc(), selected());
  const catalogue = currentCatalogue();
  return writeJson(writeWorkflow(part, (body, name) => inputKind(catalogue, body, name)));
}

/** Paste nodes at a place of the canvas; text that holds no nodes is refused in words. */
export function pasteText(text: string, place: Point): void {
  try {
    const { doc: part } = openJson(parseJson(text), currentCatalogue());
    const [x, y] = cornerOf(part);
    put(part, [Math.round(place[0] - x), Math.round(place[1] - y)]);
  } catch {
    toast(t('paste.nothing'), 'error');
  }
}

export function mute(): void {
  commit(toggleMode([...selected()], MUTED));
}

export function bypass(): void {
  commit(toggleMode([...selected()], BYPASSED));
}

export function collapse(): void {
  commit(toggleCollapsed([...selected()]));
}

export function nudge(dx: number, dy: number): void {
  if (selected().size > 0) commit(shiftNodes(selected(), dx, dy), 'nudge');
}
