// The line to type into above a list of options.

import type { KeyboardEvent, ReactElement, ReactNode } from 'react';
import { Icon } from '../icons';

interface SearchProps {
  readonly label: string;
  readonly query: string;
  /** Id of the listbox, and of the option that Enter would pick. */
  readonly list: string;
  readonly active: string | undefined;
  readonly change: (query: string) => void;
  readonly keys: (event: KeyboardEvent) => void;
  readonly children?: ReactNode;
}

export function SearchInput(props: SearchProps): ReactElement {
  return (
    <label className="option-search">
      <Icon name="search" size={14} />
      <input
        // biome-ignore lint/a11y/noAutofocus: the list opens to be typed into
        autoFocus
        role="combobox"
        aria-expanded={true}
        aria-controls={props.list}
        aria-activedescendant={props.active}
        aria-label={props.label}
        placeholder={props.label}
        value={props.query}
        onChange={(event) => props.change(event.target.value)}
        onKeyDown={props.keys}
      />
      {props.children}
    </label>
  );
}
