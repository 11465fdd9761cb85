// The icons, drawn on a 16 px grid with one stroke. Decorative: the button that holds one has a name.

import type { ReactElement } from 'react';

const PATHS = {
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  undo: 'M6 3 3 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6',
  redo: 'm10 3 3 3-3 3M13 6H6.5a3.5 3.5 0 0 0 0 7H10',
  play: 'M5 3.5v9l7.5-4.5z',
  stop: 'M4.5 4.5h7v7h-7z',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  fit: 'M2.5 5.5v-3h3M10.5 2.5h3v3M13.5 10.5v3h-3M5.5 13.5h-3v-3',
  close: 'm4 4 8 8M12 4l-8 8',
  down: 'm4.5 6.5 3.5 3.5 3.5-3.5',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.5 10.5l3 3',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5Z',
  warning: 'M8 2.5 14 13H2zM8 6.5v3M8 11.2v.1',
  dice: 'M3 3h10v10H3zM5.6 5.6v.1M10.4 5.6v.1M8 8v.1M5.6 10.4v.1M10.4 10.4v.1',
  lock: 'M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5',
  up: 'M8 13V3M4.5 6.5 8 3l3.5 3.5',
  fall: 'M8 3v10M4.5 9.5 8 13l3.5-3.5',
  picture: 'M2.5 3h11v10h-11zM2.5 11l3.2-3.2 2.3 2.3 2.5-2.6 3 3M10.4 6v.1',
  upload: 'M8 10.5V3M5 5.8 8 3l3 2.8M3 10v3h10v-3',
  check: 'm3.5 8.5 3 3 6-7',
  file: 'M4 2.5h5l3 3v8H4zM9 2.5v3h3',
  save: 'M3 3h8l2 2v8H3zM5.5 3v3h4V3M5 13V9h6v4',
  export: 'M8 9.5V2.5M5.5 5 8 2.5 10.5 5M5 7H3.5v6.5h9V7H11',
  spark: 'M8 2.5 9.4 6.6 13.5 8 9.4 9.4 8 13.5 6.6 9.4 2.5 8l4.1-1.4z',
  help: 'M6.2 6.2a1.9 1.9 0 1 1 2.6 1.8c-.5.2-.8.6-.8 1.2M8 11.3v.1M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z',
  timeline: 'M2.5 4h6M5.5 8h5M9.5 12h4',
  checklist: 'm2.5 4.5 1.5 1.5 2.5-3M2.5 11l1.5 1.5 2.5-3M9 5h4.5M9 11.5h4.5',
  go: 'M6 3.5h6.5V10M12.5 3.5 4 12',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): ReactElement {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} fill={name === 'play' || name === 'stop' ? 'currentColor' : 'none'} />
    </svg>
  );
}
