// The node search: opens where the canvas was double-clicked or a cable dropped, and places the chosen
// node there, connected when a cable waits for it.

import { type ReactElement, useMemo, useState } from 'react';
import { t } from '../i18n';
import { categoryColour, typeColour } from '../model/colours';
import { addNode } from '../model/commands';
import type { NodeDef } from '../model/definitions';
import type { Doc, NodeId, Point } from '../model/document';
import { HEADER, layout } from '../model/geometry';
import { bestInput, bestOutput, connect } from '../model/links';
import { type SocketFilter, searchNodes } from '../model/search';
import { shapeOf } from '../model/shape';
import { VIRTUAL } from '../model/virtual';
import { currentCatalogue, useCatalog } from '../stores/catalog';
import { commit } from '../stores/document';
import { type SearchRequest, select, useUi } from '../stores/ui';
import { useListbox } from '../widgets/listbox';
import { SearchInput } from '../widgets/SearchInput';

const WIDTH = 340;
const HEIGHT = 400;
const MARGIN = 8;
const SHOWN = 80;

/** Moves the node so that its connected socket, else its header, is at the pointer. */
function placed(doc: Doc, id: NodeId, at: Point, input: string | null, output: number | null): Doc {
  const node = doc.nodes.get(id);
  if (!node) return doc;
  const places = layout(shapeOf(currentCatalogue(), node.body), node.size, {
    collapsed: false,
    picture: false,
  });
  const socket = input !== null ? places.inputs.get(input) : places.outputs[output ?? -1];
  const [dx, dy] = socket ?? [places.width / 2, -HEADER / 2];
  const pos: Point = [Math.round(at[0] - dx), Math.round(at[1] - dy)];
  return { ...doc, nodes: new Map(doc.nodes).set(id, { ...node, pos }) };
}

function addFound(def: NodeDef, request: SearchRequest): void {
  const catalogue = currentCatalogue();
  let added: NodeId = '';
  commit((doc) => {
    const { doc: grown, id } = addNode(def, request.place)(doc);
    added = id;
    const to = request.to ?? (request.from && bestInput(grown, catalogue, request.from, id));
    const from = request.from ?? (request.to && bestOutput(grown, catalogue, request.to, id));
    const input = request.from && to ? to.input : null;
    const output = request.to && from ? from.output : null;
    const moved = placed(grown, id, request.place, input, output);
    return from && to ? connect(catalogue, from, to)(moved) : moved;
  });
  select([added]);
}

function screenPlace([x, y]: Point): {
  left: number;
  top: number;
  width: number;
  maxHeight: number;
} {
  const width = Math.min(WIDTH, window.innerWidth - 2 * MARGIN);
  const maxHeight = Math.min(HEIGHT, window.innerHeight - 2 * MARGIN);
  const left = Math.min(Math.max(MARGIN, x - 30), window.innerWidth - width - MARGIN);
  const top = Math.min(Math.max(MARGIN, y - 20), window.innerHeight - maxHeight - MARGIN);
  return { left, top, width, maxHeight };
}

export function Search(): ReactElement | null {
  const request = useUi((state) => state.search);
  return request ? <SearchBox request={request} key={request.screen.join()} /> : null;
}

function close(): void {
  useUi.setState({ search: null });
}

function useFound(request: SearchRequest, query: string): NodeDef[] {
  const catalogue = useCatalog((state) => state.catalogue);
  return useMemo(() => {
    const all = new Map([...catalogue, ...VIRTUAL]);
    return searchNodes(all, query, request.filter).slice(0, SHOWN);
  }, [catalogue, query, request.filter]);
}

function SearchBox({ request }: { request: SearchRequest }): ReactElement {
  const [query, setQuery] = useState('');
  const found = useFound(request, query);
  const pick = (at: number): void => {
    const def = found[at];
    close();
    if (def) addFound(def, request);
  };
  const { at, setAt, keys, list } = useListbox(found.length, 0, pick, close);
  const title = t('search.title');
  return (
    <>
      <div className="list-shield" onPointerDown={close} />
      <div
        className="search overlay"
        role="dialog"
        aria-label={title}
        style={screenPlace(request.screen)}
      >
        <SearchInput
          label={title}
          query={query}
          list="found-nodes"
          active={found.length > 0 ? `found-${at}` : undefined}
          change={(typed) => {
            setQuery(typed);
            setAt(0);
          }}
          keys={keys}
        >
          {request.filter && <FilterNote filter={request.filter} />}
        </SearchInput>
        <div className="options" id="found-nodes" role="listbox" aria-label={title} ref={list}>
          {found.map((def, i) => (
            <div
              key={def.type}
              id={`found-${i}`}
              role="option"
              tabIndex={-1}
              aria-selected={i === at}
              aria-label={def.title}
              className={i === at ? 'active' : ''}
              onPointerEnter={() => setAt(i)}
              onClick={() => pick(i)}
              onKeyDown={keys}
            >
              <span className="node-square" style={{ background: categoryColour(def.category) }} />
              <span className="found-title">{def.title}</span>
              <span className="found-category">{def.category}</span>
            </div>
          ))}
        </div>
        {found.length === 0 && <p className="option-none">{t('search.nothing')}</p>}
      </div>
    </>
  );
}

function FilterNote({ filter: { side, type } }: { filter: SocketFilter }): ReactElement {
  return (
    <span className="search-filter" style={{ color: typeColour(type) }}>
      {t(side === 'input' ? 'search.takes' : 'search.gives', { type })}
    </span>
  );
}
