// The keyboard of a list with a search above it: arrows move, Enter picks, Escape and Tab close.

import { type KeyboardEvent, type RefObject, useLayoutEffect, useRef, useState } from 'react';

export interface Listbox {
  readonly at: number;
  readonly setAt: (at: number) => void;
  readonly keys: (event: KeyboardEvent) => void;
  /** Goes on the element whose children are the options. */
  readonly list: RefObject<HTMLDivElement | null>;
}

export function useListbox(
  count: number,
  start: number,
  pick: (at: number) => void,
  close: () => void,
): Listbox {
  const [chosen, setAt] = useState(start);
  const list = useRef<HTMLDivElement>(null);
  const at = Math.max(0, Math.min(chosen, count - 1));
  useLayoutEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  const keys = (event: KeyboardEvent): void => {
    event.stopPropagation();
    if (event.key === 'ArrowDown') setAt(at + 1 < count ? at + 1 : at);
    else if (event.key === 'ArrowUp') setAt(Math.max(0, at - 1));
    else if (event.key === 'Enter') pick(at);
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    event.preventDefault();
  };
  return { at, setAt, keys, list };
}
