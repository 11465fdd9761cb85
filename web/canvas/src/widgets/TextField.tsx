// Text, in one line or growing with the node. What is typed is in the document at once.

import { type ReactElement, useState } from 'react';
import type { TextSpec } from '../model/definitions';
import type { Json } from '../model/json';
import type { FieldEdits } from './FieldView';

interface TextProps {
  readonly label: string;
  readonly value: Json;
  readonly spec: TextSpec;
  readonly edits: FieldEdits;
  readonly tooltip: string;
  readonly disabled: boolean;
}

export function TextField({
  label,
  value,
  spec,
  edits,
  tooltip,
  disabled,
}: TextProps): ReactElement {
  const [focused, setFocused] = useState(false);
  const text = typeof value === 'string' ? value : String(value ?? '');
  if (spec.multiline) {
    return (
      <textarea
        // The wheel scrolls the text only while it has the focus; otherwise it zooms the canvas.
        className={`text-area nopan ${focused ? 'nowheel' : ''}`}
        aria-label={label}
        placeholder={spec.placeholder || label}
        title={tooltip}
        value={text}
        disabled={disabled}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
        onChange={(event) => edits.type(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
    );
  }
  return (
    <label className="text-line" title={tooltip}>
      <span className="field-label">{label}</span>
      <input
        className="nopan"
        aria-label={label}
        placeholder={spec.placeholder}
        value={text}
        disabled={disabled}
        onChange={(event) => edits.type(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' || event.key === 'Escape') event.currentTarget.blur();
        }}
      />
    </label>
  );
}
