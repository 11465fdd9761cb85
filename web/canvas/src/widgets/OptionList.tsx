// The list of a combo: over everything, at the field, with a search at the top.

import { type ReactElement, useEffect, useState } from 'react';
import { createPortal } from 'react-dom';
import { t } from '../i18n';
import { Icon } from '../icons';
import type { Json } from '../model/json';
import { useListbox } from './listbox';
import { SearchInput } from './SearchInput';

const WIDTH_MIN = 220;
const HEIGHT_MAX = 340;
const MARGIN = 8;
/** More than this are not put on the page at once: the search narrows them down. */
const SHOWN = 300;

interface ListProps {
  readonly anchor: HTMLElement | null;
  readonly label: string;
  readonly options: readonly Json[];
  readonly value: Json;
  readonly choose: (value: Json) => void;
  readonly close: () => void;
}

function matching(options: readonly Json[], query: string): Json[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return options
    .filter((option) => words.every((word) => String(option).toLowerCase().includes(word)))
    .slice(0, SHOWN);
}

function placeOf(anchor: HTMLElement | null): {
  left: number;
  top: number;
  width: number;
  maxHeight: number;
} {
  const rect = anchor?.getBoundingClientRect() ?? new DOMRect(MARGIN, MARGIN, WIDTH_MIN, 0);
  const width = Math.min(Math.max(rect.width, WIDTH_MIN), window.innerWidth - 2 * MARGIN);
  const left = Math.min(Math.max(MARGIN, rect.left), window.innerWidth - width - MARGIN);
  const below = window.innerHeight - rect.bottom - MARGIN - 4;
  const maxHeight = Math.min(HEIGHT_MAX, Math.max(below, rect.top - MARGIN - 4));
  const top = below >= maxHeight ? rect.bottom + 4 : rect.top - 4 - maxHeight;
  return { left, top: Math.max(MARGIN, top), width, maxHeight };
}

/** The places of fields change with the window: the list would hang in the air. */
function useCloseOnResize(close: () => void): void {
  useEffect(() => {
    window.addEventListener('resize', close);
    return () => window.removeEventListener('resize', close);
  }, [close]);
}

export function OptionList(props: ListProps): ReactElement {
  const { anchor, label, options, value, choose, close } = props;
  const [query, setQuery] = useState('');
  const found = matching(options, query);
  const pick = (at: number): void => {
    const option = found[at];
    if (option !== undefined) choose(option);
    close();
  };
  const start = Math.max(0, options.indexOf(value));
  const { at, setAt, keys, list } = useListbox(found.length, start, pick, close);
  useCloseOnResize(close);
  const nothing = options.length === 0 ? t('combo.empty') : t('combo.nothing');
  return createPortal(
    <>
      <div className="list-shield" onPointerDown={close} />
      <div className="option-list overlay" style={placeOf(anchor)}>
        <SearchInput
          label={t('combo.search', { label })}
          query={query}
          list="options"
          active={found.length > 0 ? `option-${at}` : undefined}
          change={(typed) => {
            setQuery(typed);
            setAt(0);
          }}
          keys={keys}
        />
        <div className="options" id="options" role="listbox" aria-label={label} ref={list}>
          {found.map((option, i) => (
            <div
              key={String(option)}
              id={`option-${i}`}
              role="option"
              tabIndex={-1}
              aria-selected={option === value}
              className={i === at ? 'active' : ''}
              onPointerEnter={() => setAt(i)}
              onClick={() => pick(i)}
              onKeyDown={keys}
            >
              <span>{String(option)}</span>
              {option === value && <Icon name="check" size={13} />}
            </div>
          ))}
        </div>
        {found.length === 0 && <p className="option-none">{nothing}</p>}
      </div>
    </>,
    document.body,
  );
}
